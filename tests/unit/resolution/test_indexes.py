"""Where packages come from, as requirement files say it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rockery.resolution.indexes import Indexes, named
from rockery.resolution.locks import Lock
from rockery.resolution.python import PythonRequest

A = "https://a.example"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("flask\n", ()),
        (f"# --index-url {A}\nflask # -i x\n", ()),
        (f"--extra-index-url {A}/simple # ours\nflask", (f"--extra-index-url {A}/simple",)),
        (f"--index-url={A}", (f"--index-url {A}",)),
        (f"-i {A}\n-f {A}/x", (f"--index-url {A}", f"--find-links {A}/x")),
        (f"-i{A}\n  --no-index", (f"--index-url {A}", "--no-index")),
        ("--extra-index-url \\\n  https://${X}@a\r\n", ("--extra-index-url https://${X}@a",)),
        (f"\ufeff-i {A}", (f"--index-url {A}",)),
        ("--index-url\n--no-indexes\n", ()),
    ],
)
def test_lines(text: str, lines: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(text, newline="")
    assert of_files(tmp_path, "requirements.txt", "missing.txt").lines == lines


def test_a_folder_of_wheels_is_found_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "needs/wheels").mkdir(parents=True)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "needs/base.txt").write_text("--find-links wheels\n")
    (tmp_path / "requirements.txt").write_text("-r needs/base.txt\n-f wheels\n-f none\n")
    assert of_files(tmp_path, "requirements.txt", "needs/base.txt").lines == (
        f"--find-links {tmp_path}/wheels",
        f"--find-links {tmp_path}/none",
        f"--find-links {tmp_path}/needs/wheels",
    )


def test_locks_have_no_lines(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("--index-url https://a.example\n")
    assert of_files(tmp_path, "uv.lock") == Indexes()


UV = """
[[tool.uv.index]]
url = "https://every.example"
[[tool.uv.index]]
name = "ours"
url = "https://ours.example"
explicit = true
[[tool.uv.index]]
url = "wheels"
format = "flat"
explicit = true
"""

POETRY = """
[[tool.poetry.source]]
name = "PyPI"
priority = "primary"
[[tool.poetry.source]]
name = "our own"
url = "https://ours.example"
"""

PIPFILE = """{"_meta": {"sources": [
    {"name": "pypi", "url": "https://every.example"},
    {"name": "ours", "url": "https://${SECRET}@ours.example"}
]}}"""


@pytest.mark.parametrize(
    ("lock", "file", "text", "options"),
    [
        (Lock("uv", "x/uv.lock"), "x/pyproject.toml", UV,
         ("--index", "ours=https://ours.example", "--find-links", "{}/x/wheels")),
        (Lock("poetry", "poetry.lock"), "pyproject.toml", POETRY,
         ("--index", "https://ours.example")),
        (Lock("pipfile", "Pipfile.lock"), "Pipfile.lock", PIPFILE,
         ("--index", "ours=https://s@ours.example")),
        (Lock("pylock", "pylock.toml"), "pylock.toml", "", ()),
        (Lock("uv", "uv.lock"), "pyproject.toml", "[tool.uv]\nindex = 5", ()),
        (Lock("uv", "uv.lock"), "pyproject.toml", "[tool.uv", ()),
        (Lock("uv", "uv.lock"), "none", "", ()),
        (Lock("pipfile", "Pipfile.lock"), "Pipfile.lock", "[" * 100_000, ()),
    ],
)  # fmt: skip
def test_indexes_of_locks(
    lock: Lock,
    file: str,
    text: str,
    options: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", "s")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    found = named(PythonRequest((), (), (), (), {}, locks=(lock,)), tmp_path).options
    wanted = tuple(word.replace("{}", str(tmp_path)) for word in options)
    assert found == ((*wanted, "--index-strategy", "unsafe-best-match") if wanted else ())


def of_files(folder: Path, *paths: str) -> Indexes:
    return named(PythonRequest((), (), (), (), dict.fromkeys(paths, "")), folder)
