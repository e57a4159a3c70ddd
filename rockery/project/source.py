"""The files of a local source, found without ever leaving it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from rockery.errors import Problem, ProjectError

Kind = Literal["file", "folder", "link", "other"]


class Entry(NamedTuple):
    """One thing in a source.

    ``path`` is relative, with "/" at the end of a folder's. ``target`` is what a link says;
    ``dangling`` is True for a link to nothing and for one that leads out of the source (what
    it leads to is never read).
    """

    path: str
    kind: Kind
    target: str | None = None
    dangling: bool = False


def walk(folder: Path, skip: Callable[[str], bool] | None = None) -> Iterator[Entry]:
    """Yield everything in ``folder``, sorted, each folder before what is in it.

    ``skip`` gets each path as :class:`Entry` has it, and True leaves it out with all below.
    Links are yielded as links and never followed. What is no file, folder or link (sockets,
    devices) is of the kind "other". Raises :class:`ProjectError` for a folder that cannot be
    read.
    """
    yield from _walk(os.fspath(folder), "", skip, os.path.realpath(folder))


def _walk(
    folder: str, prefix: str, skip: Callable[[str], bool] | None, root: str
) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise ProjectError(
            Problem(
                f"cannot read the folder {prefix or '.'}: {(error.strerror or '').lower()}",
                "unreadable-folder",
            )
        ) from error
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        path = f"{prefix}{entry.name}/" if is_folder else prefix + entry.name
        if skip is not None and skip(path):
            continue
        if is_folder:
            yield Entry(path, "folder")
            yield from _walk(entry.path, path, skip, root)
        elif entry.is_symlink():
            yield _link(path, entry.path, root)
        elif entry.is_file(follow_symlinks=False):
            yield Entry(path, "file")
        else:
            yield Entry(path, "other")


def _link(path: str, full: str, root: str) -> Entry:
    target = Path(full).readlink()
    end = os.path.realpath(full)
    inside = end == root or end.startswith(root + os.sep)
    return Entry(path, "link", str(target), dangling=not (inside and Path(end).exists()))


def inside(folder: Path, path: Path) -> bool:
    """Tell whether ``path``, links followed, lies in ``folder``."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
