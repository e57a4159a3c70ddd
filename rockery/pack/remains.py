"""What is still installed of a server that the project doesn't declare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rockery.errors import Problem
from rockery.extension.definition import absent
from rockery.resolution import python

if TYPE_CHECKING:
    from rockery.pack.pack import Prepared
    from rockery.resolution.python import PythonResolution


def of_another_server(prepared: Prepared, resolved: PythonResolution) -> Iterator[Problem]:
    """Give a note for each distribution that belongs to an extension that isn't declared.

    It says who brings it, with the place where that is asked for.
    """
    there = resolved.names
    for definition in absent(prepared.definitions, prepared.options.folder):
        for name in definition.own.distributions:
            if name not in there:
                continue
            path = _brought_by(name, resolved)
            brought = "".join(f", which {who} brings" for who in path[1:])
            brought = f": {path[0]} brings it{brought}" if path else ""
            asked = path[-1] if path else name
            yield Problem(
                f"{name} is still in the rock, and {definition.name} is not declared{brought}",
                "left-behind",
                python.locate(prepared.parts.python_request, asked, prepared.options.folder),
                f"remove {asked} from the requirements, or leave it if the app needs it",
            )


def _brought_by(name: str, resolved: PythonResolution) -> list[str]:
    """Return the packages from the one that brings ``name`` to one that is asked for."""
    path: list[str] = []
    while brings := [who for who in resolved.via.get(name, ()) if who not in path]:
        name = brings[0]
        path.append(name)
    return path
