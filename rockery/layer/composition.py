"""A layer being composed of packages: entries by path, and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rockery.layer.deb import PackageContents
from rockery.layer.entry import Entry, read
from rockery.layer.ground import PLAIN, Ground, parents
from rockery.resolution.apt import Package

#: What a part's filesets make of a path of its packages: a path, or None to leave it out.
#: Directories end with "/".
Filter = Callable[[str], str | None]


@dataclass(frozen=True)
class Member:
    """A package of the resolution with its contents."""

    package: Package
    contents: PackageContents


@dataclass
class Composition:
    """The entries of a layer by path, and what should be said about them.

    ``owner`` names the package of each path that isn't generated; ``directories`` are those
    that packages have, whether they ship or not.
    """

    ground: Ground
    entries: dict[str, Entry] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    directories: dict[str, Entry] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Put a generated entry in, over what a package has there; links of usr are followed."""
        path = self.ground.resolve(entry.path)
        self.entries[path] = moved(entry, path)
        self.owner.pop(path, None)

    def add_missing(self, entry: Entry) -> None:
        """Put a generated entry in where nothing is."""
        if self.ground.resolve(entry.path) not in self.entries:
            self.add(entry)

    def has(self, path: str) -> bool:
        """Tell whether an absolute path of the rock is among the entries."""
        return self.ground.resolve(path.lstrip("/")) in self.entries

    def finished(self) -> list[Entry]:
        """Return all entries, led through each other's links to directories.

        The directories that only stand above other entries are there where their mode or
        owner is not the usual one.
        """
        entries = self._resolved()
        implied = {parent for path in entries for parent in parents(path)}
        special = [
            entry
            for path, entry in self.directories.items()
            if path in implied - entries.keys() and (entry.mode, entry.uid, entry.gid) != PLAIN
        ]
        return [*special, *entries.values()]

    def _resolved(self) -> dict[str, Entry]:
        """Return the entries where they lie once the links that packages ship are followed.

        One package may ship ``usr/share/a -> b`` and another ``usr/share/a/file``.
        """
        links = {path: e.target for path, e in self.entries.items() if e.kind == "symlink"}
        through = [path for path in self.entries if not links.keys().isdisjoint(parents(path))]
        if not through:
            return self.entries
        here = Ground(links=links)
        entries = {path: e for path, e in self.entries.items() if path not in set(through)}
        for path in through:
            entry, place = self.entries[path], here.resolve(path)
            if place not in entries:
                entries[place] = moved(entry, place)
        return entries


def moved(entry: Entry, path: str, target: str | None = None) -> Entry:
    """Return the entry at another path, without set-uid and set-gid bits of a program.

    No rock holds a set-uid or set-gid program; a directory's bits stay.
    """
    mode = entry.mode & (0o7777 if entry.kind == "directory" else 0o777)
    where = entry.target if target is None else target
    return Entry(path, entry.kind, mode, entry.uid, entry.gid, where, entry.content)


def text(entry: Entry | None) -> str:
    """Return what is in a text file, "" where there is none."""
    return (
        read(entry.content).decode(errors="replace") if entry is not None and entry.content else ""
    )


def listed(lines: Iterable[str]) -> str:
    """Return the text of these lines."""
    return "".join(f"{line}\n" for line in lines)
