"""Where a project says which packages it needs, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rockery.errors import Location, Problem
from rockery.extension.requirements import Requirements, Target, parse, read
from rockery.project import pyproject
from rockery.project.pyproject import PyProject

#: Lock files by the tool that writes them. They are named where they are passed over.
LOCKS = ("uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock")

_REQUIREMENTS = "requirements.txt"


@dataclass(frozen=True)
class Dependencies:
    """What the project needs.

    ``files`` are the requirement files that the expansion names, ``source`` is what the
    findings came from. ``requirements`` holds all of it, the user's own lists included.
    """

    source: str | None
    files: tuple[str, ...]
    requirements: Requirements
    notes: tuple[Problem, ...] = ()


def gather(
    folder: Path,
    project: PyProject | None,
    target: Target,
    *,
    files: tuple[str, ...] = (),
    packages: dict[Location, str] | None = None,
) -> Dependencies:
    """Read what the project in ``folder`` needs.

    The first that is there counts: ``requirements.txt``, then ``[project]`` in
    ``pyproject.toml``. ``files`` and ``packages`` are the user's own ``python-requirements``
    and ``python-packages``, which come on top.
    """
    found = Requirements()
    source, own = None, tuple[str, ...]()
    notes: list[Problem] = []
    if (folder / _REQUIREMENTS).is_file():
        source, own = _REQUIREMENTS, (_REQUIREMENTS,)
        found += read(folder, _REQUIREMENTS, target)
    if project is not None and project.installable:
        source = source or pyproject.FILE
        found += _declared(folder, project, target)
    elif (folder / "setup.py").is_file() or (folder / "setup.cfg").is_file():
        found += Requirements(complete=False)
    for file in files:
        if file not in own:
            found += read(folder, file, target)
            source = source or file
    found += parse(packages or {}, target)
    for lock in LOCKS:
        if (folder / lock).is_file():
            notes.append(
                Problem(
                    f"{lock} is not used: packages come from {source or 'no other file'}",
                    "ignored-source",
                    Location(lock),
                )
            )
    return Dependencies(source, own, found, tuple(notes))


def _declared(folder: Path, project: PyProject, target: Target) -> Requirements:
    """Return what ``[project]`` asks for; dynamic dependencies may be read from files."""
    declared = project.dependencies
    if declared is not None:
        return parse({project.where(text): text for text in declared}, target)
    dynamic = project.get("tool", "setuptools", "dynamic", "dependencies", "file")
    files = [dynamic] if isinstance(dynamic, str) else dynamic
    found = Requirements(complete=isinstance(files, list))
    for file in files if isinstance(files, list) else ():
        found += read(folder, str(file), target)
    return found
