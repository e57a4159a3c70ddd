from __future__ import annotations

from pathlib import Path

import pytest

from rockery.project import pyproject
from rockery.project.python import admits, conflicts, wishes


@pytest.mark.parametrize(
    ("specifier", "fits"),
    [
        (">=3.11", ["3.11", "3.12", "3.13"]),
        (">=3.9,<3.12", ["3.11"]),
        ("~=3.11", ["3.11", "3.12", "3.13"]),
        ("~=3.12.1", ["3.12"]),
        ("==3.12.*", ["3.12"]),
        ("==3.12.3", ["3.12"]),
        ("!=3.12.*", ["3.11", "3.13"]),
        (">3.12", ["3.12", "3.13"]),
        (">=3.12.99", ["3.13"]),
        ("<=3.12", ["3.11", "3.12"]),
        ("^3.12", ["3.12", "3.13"]),
        ("~3.12", ["3.12"]),
        ("~3.11 || ^3.13", ["3.11", "3.13"]),
        ("3.12", ["3.12"]),
        ("*", ["3.11", "3.12", "3.13"]),
        ("", ["3.11", "3.12", "3.13"]),
        (">=4", []),
    ],
)
def test_specifiers(specifier: str, fits: list[str]) -> None:
    assert [python for python in ("3.11", "3.12", "3.13") if admits(specifier, python)] == fits


@pytest.mark.parametrize("specifier", [">=3.x", "@@", "==3.12rc1", "==3." + "9" * 5000])
def test_what_is_not_known_is_not_judged(specifier: str) -> None:
    assert admits(specifier, "3.11") is None


FILES = {
    "pyproject.toml": "[project]\nname = 'x'\nrequires-python = '>=3.12'\n",
    ".python-version": "# for pyenv\n3.12.4\n",
    "runtime.txt": "python-3.12.1\n",
    "Dockerfile": "# base\nFROM --platform=linux/amd64 docker.io/library/python:3.12-slim AS b\n",
}


@pytest.mark.parametrize("file", FILES)
def test_who_wishes(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text(FILES[file])
    wanted = list(wishes(tmp_path, pyproject.read(tmp_path)))
    assert [wish.where.file for wish in wanted] == [file]
    assert not list(conflicts(iter(wanted), "ubuntu@24.04", "3.12"))
    ((firm, problem),) = conflicts(iter(wanted), "debian@12", "3.11")
    assert firm == (file == "pyproject.toml")
    assert problem.where is not None
    assert problem.where.line == {"runtime.txt": 1, "pyproject.toml": 3}.get(file, 2)
    assert problem.remedy is not None
    assert "ubuntu@24.04 (3.12)" in problem.remedy
    assert ("debian@13 (3.13)" in problem.remedy) == firm


def test_other_words_are_no_wish(tmp_path: Path) -> None:
    (tmp_path / ".python-version").write_text("pypy3.10\nmyenv\n")
    (tmp_path / "Dockerfile").write_text("FROM python-app:3.9\nFROM mypython:3.8\nFROM python\n")
    assert not list(wishes(tmp_path, None))
