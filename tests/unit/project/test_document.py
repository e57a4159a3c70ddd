from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rockery.errors import Location, ProjectError
from rockery.project.document import Document, dump

TEXT = """\
name: hello
version: 1.10
platforms:
  amd64:
parts:
  web: &web
    plugin: dump
    stage: [a, b]
  more:
    <<: *web
    source: .
"""


def parse(text: str | bytes) -> Document:
    return Document.parse(text, "rockcraft.yaml")


def fails(text: str | bytes) -> tuple[str, Location | None]:
    with pytest.raises(ProjectError) as caught:
        parse(text)
    (problem,) = caught.value.problems
    return problem.message, problem.where


def test_positions_are_those_of_keys_and_items() -> None:
    document = parse(TEXT)
    assert document.where("version") == Location("rockcraft.yaml", 2, 1)
    assert document.where("parts", "web", "stage", 1) == Location("rockcraft.yaml", 8, 16)
    assert document.where("parts", "web", "source", 7) == Location("rockcraft.yaml", 6, 3)
    assert document.where() == Location("rockcraft.yaml", 1, 1)


def test_merged_keys_have_values_and_positions() -> None:
    document = parse(TEXT)
    assert document.data["parts"]["more"] == {"plugin": "dump", "stage": ["a", "b"], "source": "."}
    assert document.where("parts", "more", "plugin") == Location("rockcraft.yaml", 7, 5)
    assert document.has("parts", "more", "plugin")
    assert not document.has("parts", "more", "prime")


def test_numbers_keep_their_text() -> None:
    data = parse("a: 1.10\nb: 0755\nc: 3\nd: 2024-01-02\n").data
    assert [str(data[key]) for key in "abcd"] == ["1.10", "0755", "3", "2024-01-02"]
    assert data["a"] == 1.1


def test_keys_are_text_as_written() -> None:
    assert parse("on: {8000: x, yes: y}\n").data == {"on": {"8000": "x", "yes": "y"}}


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: [\n", "did not find expected node content", 2),
        ("a: 1\nb: 2\na: 3\n", "the key 'a' is given twice", 3),
        ("", "it is empty", None),
        ("- a\n", "it holds no keys", 1),
        ("a: 1\n---\nb: 2\n", "expected a single document", 2),
        ("a: &x [*x]\n", "it contains itself through an alias", 1),
        ("a: !foo b\n", "could not determine a constructor", 1),
        ("a: \x01\n", "control characters are not allowed", None),
        ("a: b: c\n", "mapping values are not allowed", 1),
        ("a: 0b\nb: !!int x\n", "looks like a number or date but is none", 2),
        ("? [a]\n: b\n", "a key has to be a word", 1),
        (b"a: \xff\n", "invalid leading UTF-8 octet", None),
    ],
)
def test_what_is_broken_is_said_with_its_place(
    text: str | bytes, message: str, line: int | None
) -> None:
    said, where = fails(text)
    assert message in said
    assert where is not None
    assert where.line == line


@pytest.mark.parametrize("text", ["[" * 200_000, "a: " + "{a: " * 50_000, "- " * 100_000])
def test_deep_nesting_is_an_error_and_no_crash(text: str) -> None:
    assert "nested too deeply" in fails(text)[0]


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "aliases make more than" in fails("\n".join(lines))[0]


def test_a_file_with_too_much_in_it_is_refused() -> None:
    assert "it holds more than" in fails("a: [" + "1," * 300_000 + "]")[0]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no such file"):
        Document.read(tmp_path / "x.yaml", "x.yaml")


def test_dump_keeps_order_and_parses_to_the_same() -> None:
    data = {
        "z": "1.10",
        "a": {"amd64": None, "text": "one\ntwo\n", "trailing": "a \nb", "exclude": "-**/x"},
        "list": [1, True, "yes", "0.1", "é", "- x", "[ sync ]"],
    }
    text = dump(data)
    assert yaml.safe_load(text) == data
    assert list(yaml.safe_load(text)) == ["z", "a", "list"]
    assert "text: |\n" in text
    written = parse("version: 1.10\nmode: 0755\n").data
    assert dump(written) == "version: 1.10\nmode: 0755\n"
