"""The project's own hook: ``custom_flask.py`` with ``init_app(app)``, for the server ``flask``.

Whatever server a rock starts, only the file that has its name is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any


class HookError(RuntimeError):
    """The hook can't be loaded, or has raised."""


def find(server: str, folders: Sequence[str]) -> Path | None:
    """Return the path of the hook for ``server``, from the first of the folders that has one."""
    for folder in folders if server else ():
        path = Path(folder) / f"{_module(server)}.py"
        if path.is_file():
            return path
    return None


def load(server: str, app: Any) -> None:
    """Import the hook for ``server``, whose folder is on Python's path, and give it the app.

    Raises:
        HookError: with what went wrong; the cause is what was raised.
    """
    name = _module(server)
    try:
        init = import_module(name).init_app
    except Exception as error:
        raise HookError(f"cannot load {name}.py: {_said(error)}") from error
    try:
        returned = init(app)
    except Exception as error:
        raise HookError(
            f"cannot start: init_app(app) of {name}.py raised {_said(error)}"
        ) from error
    if hasattr(returned, "__await__"):
        returned.close()
        raise HookError(f"cannot start: init_app(app) of {name}.py is async; nothing waits for it")


def _module(server: str) -> str:
    return f"custom_{server}"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
