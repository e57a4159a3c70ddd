"""What of a project's folder a build sees: all of it but caches, environments and rocks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from rockery.project import source

_LEFT_OUT = {".git", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".tox"}


def holds(path: str) -> bool:
    """Tell whether a build sees ``path``, as :func:`rockery.project.source.walk` has it."""
    name = path.rstrip("/").rpartition("/")[2]
    if name.count("_") > 1 and name.endswith((".spdx.json", ".cdx.json")):
        return False  # a rock's bill of materials
    if path == "rockery.lock":
        return False  # what it pins is known by itself
    return name not in _LEFT_OUT and not name.endswith((".rock", ".pyc", ".egg-info"))


def facts(folder: Path, digest: Callable[[Path], str]) -> dict[str, str]:
    """Return the digest of each file that a build in ``folder`` sees, by path."""
    found = {}
    for entry in source.walk(folder, lambda path: not holds(path)):
        if entry.kind == "file":
            found[entry.path] = digest(folder / entry.path)
    return found


def copy(folder: Path, target: Path) -> None:
    """Copy what a build sees to ``target``, a new folder in which it may write."""
    target.mkdir(parents=True)
    for entry in source.walk(folder, lambda path: not holds(path)):
        path = target / entry.path
        if entry.kind == "folder":
            path.mkdir(parents=True, exist_ok=True)
        elif entry.kind == "link":
            path.symlink_to(entry.target or "")
        elif entry.kind == "file":
            shutil.copy2(folder / entry.path, path)
