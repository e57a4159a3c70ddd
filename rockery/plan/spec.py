"""What each kind of layer is made from, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rockery.base import Base
from rockery.component import Component
from rockery.layer import Entry, Inline
from rockery.project.schema import Part
from rockery.resolution.apt import Package
from rockery.resolution.python import PythonResolution


@dataclass(frozen=True)
class BaseSpec:
    """A full base: all its packages."""

    base: Base
    architecture: str
    packages: tuple[Package, ...]


@dataclass(frozen=True)
class RuntimeSpec:
    """Python and the distribution's packages that parts ask for.

    ``below`` are the packages of a full base, empty in a bare rock. ``words`` is all that was
    asked for, slices included; ``filtered`` are the parts whose filesets narrow what their
    own packages ship, each with the names of those packages.
    """

    base: Base
    architecture: str
    packages: tuple[Package, ...]
    below: tuple[Package, ...]
    words: tuple[str, ...]
    filtered: tuple[tuple[Part, frozenset[str]], ...]


@dataclass(frozen=True)
class ComponentSpec:
    """A program that isn't the user's."""

    component: Component
    architecture: str


@dataclass(frozen=True)
class DependenciesSpec:
    """Python packages that come from an index: all but ``apart``, or one of those, ``only``.

    Those apart have layers of their own. ``keep`` are globs of what stays of them that else is
    left out.
    """

    resolution: PythonResolution
    base: Base
    architecture: str
    build_packages: tuple[str, ...]
    part: Part
    keep: tuple[str, ...] = ()
    script: BuiltSpec | None = None
    apart: tuple[str, ...] = ()
    only: str = ""


@dataclass(frozen=True)
class BuiltSpec:
    """A part that craft-parts builds: with scripts, another plugin or a remote source.

    ``keys`` are the part's as the file has them, ``after`` the titles of the layers
    whose files its scripts see, ``facts`` the digests of the files of its source.
    """

    name: str
    part: Part
    keys: Mapping[str, Any]
    folder: Path
    architecture: str
    after: tuple[str, ...]
    facts: Mapping[str, str]


@dataclass(frozen=True)
class ProjectSpec:
    """A Python project of the folder, installed itself; ``facts`` as in :class:`BuiltSpec`.

    ``build`` pins what builds it, in the form of a requirement file, or is empty.
    """

    folder: Path
    path: str
    base: Base
    architecture: str
    facts: Mapping[str, str]
    build: str


@dataclass(frozen=True)
class BillSpec:
    """The bill of materials of the layers below, whose titles are ``after``.

    ``licence`` is the rock's own, as the file has it.
    """

    name: str
    version: str
    licence: str
    base: Base
    architecture: str
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file, link or directory at its place in the rock; a project may have very many.

    A file's bytes are in the file ``source``, or in ``data`` where they were generated;
    ``sha256`` is of those bytes when the plan was made.
    """

    path: str
    kind: str
    mode: int
    uid: int
    gid: int
    source: str | None = None
    data: bytes | None = None
    target: str = ""
    size: int = 0
    sha256: str = ""

    @classmethod
    def generated(cls, entry: Entry) -> PlannedFile:
        """Return the planned form of an entry whose bytes are in memory."""
        import hashlib

        data = entry.content.data if isinstance(entry.content, Inline) else None
        return cls(
            entry.path,
            entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            data=data,
            target=entry.target,
            size=len(data or b""),
            sha256=hashlib.sha256(data).hexdigest() if data is not None else "",
        )

    @property
    def identity(self) -> list[Any]:
        """All of it that the layer's bytes depend on."""
        return [self.kind, self.mode, self.uid, self.gid, self.target, self.sha256]


@dataclass(frozen=True)
class FilesSpec:
    """Files that are known one by one: a part's, or the configuration's.

    With ``compiled_for``, the bytecode that the base's Python makes of the modules among them
    lies beside them.
    """

    files: tuple[PlannedFile, ...]
    compiled_for: Base | None = None

    @property
    def facts(self) -> Mapping[str, str]:
        """What each file or link is, by path."""
        named = (file for file in self.files if file.kind != "directory")
        return {file.path: file.sha256 or file.target for file in named}


Spec = (
    BaseSpec
    | RuntimeSpec
    | ComponentSpec
    | DependenciesSpec
    | ProjectSpec
    | BuiltSpec
    | BillSpec
    | FilesSpec
)
