"""A project: a folder with a ``rockcraft.yaml``, read and validated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rockery.errors import Location, Problem, ProjectError
from rockery.project.document import Document
from rockery.project.source import inside
from rockery.record import Record

#: Where the file may be, in the order in which it is looked for.
FILES = ("rockcraft.yaml", "rock/rockcraft.yaml")


class Project(Record):
    """A folder with a ``rockcraft.yaml``; ``data`` is the file with overrides applied."""

    folder: Path
    file: Path
    document: Document
    data: dict[str, Any]

    def where(self, *path: str | int) -> Location:
        """Return the position in the file of the value at ``path`` or its nearest parent."""
        return self.document.where(*path)


def load(folder: Path, *, base: str | None = None, build_base: str | None = None) -> Project:
    """Read the project in ``folder``; ``base`` and ``build_base`` override the file's.

    What the file says isn't looked at here: that is told with all else that is wrong. Raises
    :class:`ProjectError` where it can't be read.
    """
    file = find(folder)
    document = Document.read(file, file.relative_to(folder).as_posix())
    return Project(folder, file, document, _overridden(document.data, base, build_base))


def find(folder: Path) -> Path:
    """Return the path of the project's file; raises :class:`ProjectError` without one."""
    for name in FILES:
        if (folder / name).is_dir():
            reason = "it is a directory"
            problem = Problem(f"cannot read {name}: {reason}", "unreadable-file", Location(name))
            raise ProjectError(problem)
        if (folder / name).is_file():
            if not inside(folder, folder / name):
                reason = "it is a link that leads out of the project"
                problem = Problem(
                    f"cannot read {name}: {reason}", "unreadable-file", Location(name)
                )
                raise ProjectError(problem)
            return folder / name
    raise ProjectError(
        Problem(
            f"cannot find {FILES[0]} in {folder}",
            "missing-file",
            remedy="write one with 'rockery init --profile flask-framework' (or "
            "'fastapi-framework'), or name the project's folder with '-C'",
        )
    )


def _overridden(data: dict[str, Any], base: str | None, build_base: str | None) -> dict[str, Any]:
    """Apply what the command line says of bases; a base that isn't bare needs no other."""
    changed = dict(data)
    if base is not None:
        changed["base"] = base
        if base != "bare":
            changed.pop("build-base", None)
    if build_base is not None:
        changed["build-base"] = build_base
    return changed
