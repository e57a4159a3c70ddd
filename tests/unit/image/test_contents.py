"""What is told of a rock's bytes, and of two that differ."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from small_rock import SETTINGS, small_rock

from rockery.errors import UsageError
from rockery.image import ImageSettings
from rockery.image.contents import Difference, contents, differences, size_document, size_rows
from rockery.layer import Entry, directory, file, symlink
from rockery.layer.compression import GZIP, Compression

PACKAGES = "usr/local/lib/python3.11/dist-packages"
BELOW = [
    file("usr/bin/tool", b"t" * 5000, 0o755),
    file("var/lib/dpkg/status.d/tools.md5sums", "0" * 32 + "  usr/bin/tool\n"),
]
ABOVE = [
    file(f"{PACKAGES}/flask/app.py", b"x" * 3000),
    file(f"{PACKAGES}/flask-3.1.dist-info/METADATA", b"y" * 100),
    file("srv/copy", b"t" * 5000),
    symlink("srv/link", "copy"),
    directory("srv/empty"),
]


def rock(
    folder: Path,
    name: str,
    above: list[Entry],
    settings: ImageSettings = SETTINGS,
    scheme: str = GZIP,
) -> Path:
    return small_rock(folder / f"{name}.rock", {"below": BELOW, "above": above}, settings, scheme)


def test_sizes_by_package_and_file(tmp_path: Path) -> None:
    told = size_document(contents(rock(tmp_path, "one", ABOVE)))
    packages = {one["name"]: one["size"] for one in told["packages"]}
    assert packages["tools"] == 5000
    assert packages["flask"] == 3100
    assert packages["above"] == 5000
    assert [one["path"] for one in told["files"][:2]] == ["srv/copy", "usr/bin/tool"]
    assert told["twice"] == [{"path": "srv/copy", "same_as": "usr/bin/tool", "size": 5000}]
    assert {one["title"] for one in told["layers"]} == {"below", "above"}
    assert told["left_out"] == []


def test_what_was_left_out_of_packages(tmp_path: Path) -> None:
    above = [file(".rock/left-out.json", '{"numpy": {"tests": [3, 5000]}}')]
    told = size_document(contents(rock(tmp_path, "one", above)))
    assert told["left_out"] == [{"package": "numpy", "kind": "tests", "files": 3, "size": 5000}]
    head, rows = list(size_rows(told))[-1]
    assert (head[0], rows) == ("left out of Python packages", [("numpy", 5000, "tests")])


def test_a_list_of_another_form_is_no_rock_of_ours(tmp_path: Path) -> None:
    above = [file(".rock/left-out.json", '{"numpy": {"tests": 3}}')]
    with pytest.raises(UsageError, match="it is no whole rock"):
        contents(rock(tmp_path, "one", above))


def test_what_was_compiled_by_whoever_packed_is_named(tmp_path: Path) -> None:
    tags = {
        "lxml-6.0": "cp311-cp311-linux_x86_64",
        "numpy-2.0": "cp311-cp311-manylinux_2_17_x86_64",
    }
    above = [file(f"{PACKAGES}/{n}.dist-info/WHEEL", f"Tag: {tag}\n") for n, tag in tags.items()]
    found = contents(rock(tmp_path, "one", above)).report
    assert found.document()["compiled_here"] == ["lxml"]
    assert found.lines()[-1] == "  lxml"


def test_a_python_package_owns_what_its_record_lists(tmp_path: Path) -> None:
    record = 'yaml/__init__.py,sha256=x,1\n../../../../bin/yaml,,\n"odd, name.py",,\n'
    above = [
        file(f"{PACKAGES}/PyYAML-6.0.dist-info/RECORD", record),
        file(f"{PACKAGES}/yaml/__init__.py", b"x"),
        file(f"{PACKAGES}/yaml/__pycache__/__init__.cpython-311.pyc", b"x"),
        file(f"{PACKAGES}/odd, name.py", b"x"),
        file(f"{PACKAGES}/stray.py", b"x"),
        file("usr/bin/yaml", b"x"),
        file("srv/other", b"x"),
    ]
    found = contents(rock(tmp_path, "one", above))
    owners = {one.path: found.owner(one) for one in found.files}
    assert owners["usr/bin/tool"] == "tools"
    assert owners["srv/other"] == ""
    assert owners[f"{PACKAGES}/stray.py"] == "stray"
    for path in (
        *(f"{PACKAGES}/yaml/__init__.py", f"{PACKAGES}/odd, name.py", "usr/bin/yaml"),
        f"{PACKAGES}/yaml/__pycache__/__init__.cpython-311.pyc",
    ):
        assert owners[path] == "pyyaml"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (file("srv/copy", b"u" * 5000), "/srv/copy: content (5000 bytes, 5000 bytes)"),
        (file("srv/copy", b"t" * 5000, 0o600), "/srv/copy: mode 0644, 0600"),
        (file("srv/copy", b"t" * 5000, uid=7), "/srv/copy: owner (0, 0), (7, 0)"),
        (symlink("srv/link", "empty"), "/srv/link: leads to copy, empty"),
        (file("srv/link", b""), "/srv/link: link, file"),
        (file("srv/new", b""), "/srv/new: only in the second"),
    ],
)
def test_a_difference_is_explained(tmp_path: Path, changed: Entry, says: str) -> None:
    others = [entry for entry in ABOVE if entry.path != changed.path] + [changed]
    one, other = rock(tmp_path, "one", ABOVE), rock(tmp_path, "two", others)
    said = differences(contents(one), contents(other))
    assert len(said) == 1
    assert str(said[0]).startswith(f"layer above: {says}")


def test_other_configuration_and_compression(tmp_path: Path) -> None:
    one = contents(rock(tmp_path, "one", ABOVE))
    assert differences(one, contents(rock(tmp_path, "same", ABOVE))) == []
    settings = dataclasses.replace(SETTINGS, user="7")
    assert differences(one, contents(rock(tmp_path, "user", ABOVE, settings))) == [
        Difference("configuration", "User: None, '7'")
    ]
    settings = dataclasses.replace(SETTINGS, environment={"PATH": "/usr/bin", "KEY": "k"})
    assert differences(one, contents(rock(tmp_path, "key", ABOVE, settings))) == [
        Difference("configuration", "Env KEY: None, 'k'", secret=True)
    ]
    scheme = Compression("zstd").scheme("part")
    assert differences(one, contents(rock(tmp_path, "zstd", ABOVE, scheme=scheme))) == [
        Difference(f"layer {title}", "the same files: times or compression differ")
        for title in ("below", "above")
    ]
