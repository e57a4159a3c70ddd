"""rockery's own settings of a project: ``[tool.rockery]``, else ``rockery.toml``.

They have files of their own because rockcraft refuses keys that it doesn't know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rockery.errors import Location, Problem, ProjectError
from rockery.project import pyproject, toml
from rockery.project.pyproject import PyProject
from rockery.project.source import inside
from rockery.record import Record

FILE = "rockery.toml"

_TABLE = "[tool.rockery]"


class Settings(Record):
    """What the project says to rockery alone.

    ``entrypoint`` is ``module:name``, or one for each service by its name; ``extras`` and
    ``groups`` are of the project's own dependencies; ``ignore`` holds lines as in
    ``.rockignore``; ``server_variable`` is one more environment variable that chooses the
    server; ``keep`` are globs of what stays of installed packages. ``source`` names the place.
    """

    entrypoint: str | Mapping[str, str] | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    server_variable: str | None = None
    keep: tuple[str, ...] = ()
    source: str = _TABLE
    _lines: tuple[str, ...] = ()

    def entrypoint_of(self, service: str | None) -> str | None:
        """Return where the application is that ``service`` serves."""
        if self.entrypoint is None or isinstance(self.entrypoint, str):
            return self.entrypoint
        return self.entrypoint.get(service or "")

    def where(self, text: str) -> Location:
        """Return where ``text`` stands first."""
        return pyproject.position(self.file, self._lines, text)

    @property
    def file(self) -> str:
        """The file that the settings stand in."""
        return pyproject.FILE if self.source == _TABLE else FILE


_KEYS = tuple(name.replace("_", "-") for name in Settings.field_names)[:6]

#: Environment variables; longer names are refused, since a rock's manifest holds them.
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,99}"


def read(folder: Path, project: PyProject | None) -> Settings:
    """Read the settings of the project in ``folder``.

    Raises:
        ProjectError: the file is broken, or a setting is unknown or of the wrong kind.
    """
    table = project.get("tool", "rockery") if project else None
    if project is not None and table is not None:
        return _checked(table, Settings(_lines=project.lines))
    path = folder / FILE
    if not path.is_file() or not inside(folder, path):
        return Settings()
    import tomllib

    try:
        text = path.read_bytes().decode("utf-8-sig")
        return _checked(toml.parse(text), Settings(source=FILE, _lines=tuple(text.splitlines())))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ProjectError(pyproject.broken(FILE, error)) from error


def kept(folder: Path) -> tuple[str, ...]:
    """Return the setting ``keep``, which a project without an extension has too.

    Raises:
        ProjectError: as :func:`read`, or ``pyproject.toml`` is broken.
    """
    return read(folder, pyproject.read(folder)).keep


def _checked(table: Any, empty: Settings) -> Settings:
    from dataclasses import replace

    if not isinstance(table, dict):
        raise ProjectError(
            _problem("cannot use 'tool.rockery': it needs a table", "rockery", empty)
        )
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in table.items():
        if key not in _KEYS:
            from rockery.project.wording import nearest

            message = f"cannot use {key!r} in {empty.source}: there is no such setting"
            problems.append(_problem(message + nearest(key, _KEYS), key, empty))
            continue
        needs, holds, kept = _KINDS.get(key, _TEXTS)
        if holds(value):
            values[key.replace("-", "_")] = kept(value)
        else:
            message = f"cannot use {key!r} in {empty.source}: it needs {needs}"
            problems.append(_problem(message, key, empty))
    if problems:
        raise ProjectError(*problems)
    return replace(empty, **values)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_entrypoint(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(item, str) for item in value.values())
    return isinstance(value, str)


def _is_variable(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(_VARIABLE, value) is not None


#: What a setting needs, whether a value is that, and how it is kept.
_Kind = tuple[str, Callable[[Any], bool], Callable[[Any], Any]]
_TEXTS: _Kind = ("a list of texts", _is_texts, tuple)
_KINDS: dict[str, _Kind] = {
    "entrypoint": ("a text, or one for each service", _is_entrypoint, lambda value: value),
    "server-variable": ("the name of an environment variable", _is_variable, str),
}


def _problem(message: str, key: str, settings: Settings) -> Problem:
    remedy = f"the settings are {', '.join(_KEYS)}"
    return Problem(message, "bad-setting", settings.where(key), remedy)
