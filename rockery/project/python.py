"""Which Python a project says it is for, and which bases have it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from rockery.errors import Location, Problem
from rockery.project import bases, pyproject
from rockery.project.pyproject import PyProject
from rockery.project.source import inside
from rockery.record import Record

#: A wish in a file larger than this is none.
_LARGEST = 64 * 1024

#: A number of thousands of digits is no part of a version, and int() doesn't read it.
_CLAUSE = r"(?a)\s*(===?|~=|!=|<=|>=|<|>|\^|~)?\s*v?(\d{1,9}(?:\.\d{1,9})*)(\.\*)?\s*"

#: More patch releases than a Python has had.
_PATCHES = 60


class Wish(Record):
    """What one file says: a version specifier, as of PEP 440 or Poetry's.

    ``firm`` says that installing fails on another Python; else the file is of a tool that the
    rock doesn't use.
    """

    specifier: str
    source: str
    where: Location
    firm: bool


def wishes(folder: Path, project: PyProject | None) -> Iterator[Wish]:
    """Give what the project in ``folder`` says, the firm wishes first.

    Read are ``requires-python`` and Poetry's ``python`` in ``pyproject.toml``,
    ``.python-version``, ``runtime.txt`` and ``FROM python:…`` in a ``Dockerfile``.
    """
    for path in (("project", "requires-python"), ("tool", "poetry", "dependencies", "python")):
        given = project.get(*path) if project else None
        if isinstance(given, str) and project:
            yield Wish(given, f"{path[-1]} in {pyproject.FILE}", project.where(given), True)
    for file, pattern in (
        (".python-version", r"(?:c?python-?)?(\d+(?:\.\d+)*)(?:\+\S*)?"),
        ("runtime.txt", r"(?i)python-(\d+(?:\.\d+)*)"),
        ("Dockerfile", r"(?i)from\s+(?:--\S+\s+)*(?:[\w.:-]+/)*python:(\d+(?:\.\d+)*)\S*(?:\s.*)?"),
    ):
        for number, line in enumerate(_lines(folder, file), start=1):
            if found := re.fullmatch(pattern, line.strip()):
                version = ".".join(found[1].split(".")[:2])
                yield Wish(f"=={version}.*", file, Location(file, number), False)
                break


def conflicts(wanted: Iterator[Wish], base: str, python: str) -> Iterator[tuple[bool, Problem]]:
    """Give a problem for each wish that ``python`` of ``base`` doesn't fulfil, and if it's firm."""
    for wish in wanted:
        if admits(wish.specifier, python) is not False:
            continue
        fitting = [
            f"{name} ({own})"
            for name in sorted(bases.known(), key=lambda name: (_other(name, base), name))
            if (own := bases.python_of(name)) and admits(wish.specifier, own)
        ]
        remedy = f"a base with such a Python: {', '.join(fitting)}" if fitting else None
        if wish.firm:
            message = f"cannot install the project on Python {python}, which {base} has: "
            yield (
                True,
                Problem(
                    f"{message}{wish.source} asks for {wish.specifier!r}",
                    "python-conflict",
                    wish.where,
                    remedy and f"use {remedy}; or widen it",
                ),
            )
        else:
            named = wish.specifier.removeprefix("==").removesuffix(".*")
            yield (
                False,
                Problem(
                    f"{wish.source} names Python {named}, and {base} has {python}",
                    "other-python",
                    wish.where,
                    remedy and f"if it matters use {remedy}",
                ),
            )


def admits(specifier: str, python: str) -> bool | None:
    """Tell whether some release of ``python`` ("3.11") is in ``specifier``; None: can't say."""
    major, minor = (int(part) for part in python.split("."))
    alternatives = [_clauses(part) for part in specifier.split("||")]
    if any(each is None for each in alternatives):
        return None
    return any(
        all(clause((major, minor, patch)) for clause in each or ())
        for each in alternatives
        for patch in range(_PATCHES)
    )


_Version = tuple[int, ...]
_Clause = Callable[[_Version], bool]


def _clauses(text: str) -> list[_Clause] | None:
    """Return the clauses of a specifier, or None for one that isn't known here."""
    clauses = []
    for word in text.split(","):
        if not word.strip() or word.strip() == "*":
            continue
        found = re.fullmatch(_CLAUSE, word)
        if found is None:
            return None
        version = tuple(int(part) for part in found[2].split("."))
        clauses.append(_clause(found[1] or "==", version, prefix=bool(found[3]) or not found[1]))
    return clauses


def _clause(operator: str, version: _Version, *, prefix: bool) -> _Clause:
    length = len(version)
    full = version + (0,) * (3 - length)
    if operator in ("==", "===", "!="):
        equal = operator != "!="
        cut = length if prefix else max(length, 3)
        return lambda one: (one[:cut] == full[:cut]) == equal
    if operator in ("~=", "~", "^"):
        keep = {"~=": max(length - 1, 1), "~": min(length, 2), "^": 1}[operator]
        return lambda one: one >= full and one[:keep] == full[:keep]
    if operator == ">":
        return lambda one: one > full
    if operator == "<":
        return lambda one: one < full
    return (lambda one: one >= full) if operator == ">=" else (lambda one: one <= full)


def _other(name: str, base: str) -> bool:
    return name.partition("@")[0] != base.partition("@")[0]


def _lines(folder: Path, file: str) -> list[str]:
    path = folder / file
    try:
        if not path.is_file() or not inside(folder, path):
            return []
        with path.open("rb") as stream:
            return stream.read(_LARGEST).decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return []
