"""Scripts of a part that say no more than which links and folders it has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rockery.record import Record

if TYPE_CHECKING:
    from rockery.project.part import Part

_INSTALL = r'"?\$\{?CRAFT_PART_INSTALL\}?/(?P<path>[\w.+@/-]+)"?'
_LINK = re.compile(rf"ln (?:-s|--symbolic) (?P<target>[\w.+@/-]+) {_INSTALL}")
_FOLDER = re.compile(rf"(?:mkdir -p|install -d) {_INSTALL}")


class Links(Record):
    """What such a script makes: links by path, and folders."""

    links: dict[str, str]
    folders: tuple[str, ...]


def links_of(part: Part) -> Links | None:
    """Return what the part's scripts make, or None where a shell is needed to know.

    Only a sourceless ``nil`` part whose one script is an ``override-build`` of ``ln -s TARGET
    $CRAFT_PART_INSTALL/PATH`` and ``mkdir -p $CRAFT_PART_INSTALL/PATH`` lines qualifies. It
    is how a link is written in rockcraft's own terms, and running a build for it would cost
    more than everything else in the rock.
    """
    if part.plugin != "nil" or part.source or part.scripts != ("override-build",):
        return None
    links: dict[str, str] = {}
    folders: list[str] = []
    for line in (part.override_build or "").splitlines():
        command = line.strip()
        if not command or command.startswith("#"):
            continue
        if (found := _LINK.fullmatch(command)) and ".." not in found["path"].split("/"):
            links[found["path"]] = found["target"]
        elif (found := _FOLDER.fullmatch(command)) and ".." not in found["path"].split("/"):
            folders.append(found["path"])
        else:
            return None
    return Links(links, tuple(folders))
