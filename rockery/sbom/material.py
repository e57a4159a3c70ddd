"""What a rock is made of, as plain data; how a document spells it is the document's matter."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from rockery.sbom.licence import NO_LICENCE, Licence

_WEBSITE = re.compile(r"https?://[\w.-]+(:\d+)?(/[\w./~%@+=,;:?&#-]*)?", re.ASCII)

Kind = Literal["deb", "pypi", "golang", "generic"]


@dataclass(frozen=True)
class Material:
    """A package of the distribution, a Python package, a Go module or a program.

    ``purl`` is its package URL, by which it is known; ``sha256`` is of the package's archive,
    or of a program itself. ``source`` says what it was built from. ``contains`` are the purls
    of what is linked into a program, ``notes`` further facts by name.
    """

    kind: Kind
    name: str
    version: str
    purl: str
    licence: Licence = NO_LICENCE
    sha256: str = ""
    homepage: str = ""
    summary: str = ""
    source: str = ""
    contains: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def website(self) -> str:
        """The home page where it is an address that both documents allow, else ""."""
        return self.homepage if _WEBSITE.fullmatch(self.homepage) else ""


@dataclass(frozen=True)
class Bill:
    """All materials of one rock; ``system`` is the distribution and its release.

    ``licence`` is the rock's own as ``rockcraft.yaml`` has it; ``mtime`` the time of
    everything in the rock, in seconds since the epoch.
    """

    name: str
    version: str
    licence: str
    architecture: str
    system: tuple[str, str]
    materials: tuple[Material, ...]
    mtime: int

    @property
    def identity(self) -> uuid.UUID:
        """A UUID that is the same for the same contents (version 5)."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True, default=str)
        return uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(text.encode()).hexdigest())

    @property
    def texts(self) -> dict[str, str]:
        """The texts of all licences that have no SPDX name, by reference, sorted."""
        found: dict[str, str] = {}
        for material in self.materials:
            found |= material.licence.texts
        return dict(sorted(found.items()))


def distinct(materials: Iterable[Material]) -> tuple[Material, ...]:
    """Return the materials sorted, each purl once; the first one found stays."""
    found: dict[str, Material] = {}
    for material in materials:
        found.setdefault(material.purl, material)
    return tuple(found[purl] for purl in sorted(found))
