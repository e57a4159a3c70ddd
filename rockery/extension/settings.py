"""rockery's own settings of a project: ``[tool.rockery]``, else ``rockery.toml``.

They have files of their own because rockcraft refuses keys that it doesn't know.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rockery.errors import Location, Problem, ProjectError
from rockery.project import pyproject
from rockery.project.pyproject import PyProject
from rockery.project.source import inside

FILE = "rockery.toml"

_TABLE = "[tool.rockery]"


@dataclass(frozen=True, eq=False, repr=False)
class Settings:
    """What the project says to rockery alone.

    ``entrypoint`` is ``module:name``; ``extras`` and ``groups`` are of the project's own
    dependencies; ``ignore`` holds lines as in ``.rockignore``. ``source`` names the place.
    """

    entrypoint: str | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    source: str = _TABLE
    _lines: tuple[str, ...] = ()

    def where(self, text: str) -> Location:
        """Return where ``text`` stands first."""
        return pyproject.position(self.file, self._lines, text)

    @property
    def file(self) -> str:
        """The file that the settings stand in."""
        return pyproject.FILE if self.source == _TABLE else FILE


_KEYS = tuple(each.name for each in fields(Settings))[:4]


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
        return _checked(tomllib.loads(text), Settings(source=FILE, _lines=tuple(text.splitlines())))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ProjectError(pyproject.broken(FILE, error)) from error


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
        elif key == "entrypoint" and isinstance(value, str):
            values[key] = value
        elif key != "entrypoint" and _is_texts(value):
            values[key] = tuple(value)
        else:
            needs = "a text" if key == "entrypoint" else "a list of texts"
            message = f"cannot use {key!r} in {empty.source}: it needs {needs}"
            problems.append(_problem(message, key, empty))
    if problems:
        raise ProjectError(*problems)
    return replace(empty, **values)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _problem(message: str, key: str, settings: Settings) -> Problem:
    remedy = f"the settings are {', '.join(_KEYS)}"
    return Problem(message, "bad-setting", settings.where(key), remedy)
