"""What ``pyproject.toml`` says of a project."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from rockery.errors import Location, Problem, ProjectError
from rockery.project import toml
from rockery.project.source import inside
from rockery.record import Record

FILE = "pyproject.toml"

_QUOTED = r"([\"'])(.*?)\1"


class PyProject(Record):
    """The parsed file; TOML's parser keeps no positions, so ``where`` looks for the text."""

    data: dict[str, Any]
    lines: tuple[str, ...]

    @property
    def installable(self) -> bool:
        """Tell whether it describes a project, and not only settings of tools."""
        return "project" in self.data or "build-system" in self.data

    @property
    def dependencies(self) -> tuple[str, ...] | None:
        """``[project] dependencies``, or None where they are dynamic or there is no project."""
        project = self.data.get("project")
        if not isinstance(project, dict) or "dependencies" in (project.get("dynamic") or ()):
            return None
        found = project.get("dependencies", [])
        return tuple(str(text) for text in found) if isinstance(found, list) else None

    def get(self, *path: str) -> Any:
        """Return the value at ``path``, or None."""
        value: Any = self.data
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        return value

    def where(self, text: str) -> Location:
        """Return where ``text`` stands first, or the file."""
        return self._quoted.get(text) or position(FILE, self.lines, text)

    @cached_property
    def _quoted(self) -> dict[str, Location]:
        """Where each text that stands in quotes does so first."""
        found: dict[str, Location] = {}
        for number, line in enumerate(self.lines, start=1):
            for quoted in re.finditer(_QUOTED, line):
                found.setdefault(quoted[2], Location(FILE, number, quoted.start(2) + 1))
        return found


def position(file: str, lines: Iterable[str], text: str) -> Location:
    """Return where ``text`` stands first in the lines of ``file``, or the file."""
    for number, line in enumerate(lines, start=1):
        column = line.find(text)
        if column >= 0:
            return Location(file, number, column + 1)
    return Location(file)


def read(folder: Path) -> PyProject | None:
    """Read the file of the project in ``folder``, or return None where there is none.

    Raises :class:`ProjectError` with the position for a file that is not valid TOML.
    """
    path = folder / FILE
    if not path.is_file() or not inside(folder, path):
        return None
    import tomllib

    try:
        text = path.read_bytes().decode("utf-8-sig")
        return PyProject(toml.parse(text), tuple(text.splitlines()))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ProjectError(broken(FILE, error)) from error


def broken(file: str, error: Exception) -> Problem:
    """Return the problem of a TOML file that cannot be read."""
    message = re.sub(r" \(at .*\)$", "", str(error)) or "it is nested too deeply"
    found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    where = Location(file, int(found[1]), int(found[2])) if found else Location(file)
    return Problem(f"cannot read {file}: {message[0].lower()}{message[1:]}", "broken-toml", where)
