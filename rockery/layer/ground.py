"""The ground a layer stands on: the directories and links of the layers below it.

An overlay file system takes a directory's mode and owner from the topmost layer that names
it, and a link from below is replaced by a directory of the same name. So a layer repeats
its parents as they are below, and writes through the links that are there.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from rockery.layer.entry import Entry
from rockery.record import Record, field

#: Mode, uid and gid of a directory nobody says anything about.
PLAIN = (0o755, 0, 0)

#: More links in a row than any sane file system has (Linux allows 40).
_MOST_LINKS = 40


class Ground(Record):
    """Directories that differ from root 0755, and links that lead to directories."""

    directories: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, path: str) -> str:
        """Return where a file at ``path`` really lands: its parents' links followed."""
        for _ in range(_MOST_LINKS):
            link = next((p for p in parents(path) if p in self.links), None)
            if link is None:
                return path
            target = posixpath.join(posixpath.dirname(link), self.links[link])
            rest = path[len(link) + 1 :]
            path = posixpath.normpath(posixpath.join("/", target, rest)).lstrip("/")
        return path

    def extended(
        self, directories: Mapping[str, tuple[int, int, int]], links: Mapping[str, str]
    ) -> Ground:
        """Return this ground with more directories and links."""
        return Ground({**self.directories, **directories}, {**self.links, **links})


def parents(path: str) -> list[str]:
    """Return the directories above ``path``, from the top: "a/b/c" gives ["a", "a/b"]."""
    steps = path.split("/")[:-1]
    return ["/".join(steps[: n + 1]) for n in range(len(steps))]


def settled(entries: Iterable[Entry], ground: Ground) -> tuple[list[Entry], frozenset[str]]:
    """Return the entries as a layer writes them, and which directories were only implied.

    Each path is led through the ground's links, parents are made explicit, the result is
    sorted by path. Of equal paths the later entry stays; a hard link whose target is not in
    this layer becomes impossible and raises.

    Raises:
        ValueError: a hard link leads out of the layer.
    """
    chosen: dict[str, Entry] = {}
    for entry in entries:
        path = ground.resolve(entry.path)
        if entry.kind == "directory" and path in ground.links:
            continue  # the link below leads to a directory already
        target = ground.resolve(entry.target) if entry.kind == "hardlink" else entry.target
        if path != entry.path or target != entry.target:
            entry = Entry(path, entry.kind, entry.mode, entry.uid, entry.gid, target, entry.content)
        chosen[path] = entry
    implied: set[str] = set()
    for path in list(chosen):
        for parent in reversed(parents(path)):
            if parent in chosen:
                break
            mode, uid, gid = ground.directories.get(parent, PLAIN)
            chosen[parent] = Entry(parent, "directory", mode, uid, gid)
            implied.add(parent)
    _lead_back(chosen)
    return [chosen[path] for path in sorted(chosen)], frozenset(implied)


def _lead_back(chosen: dict[str, Entry]) -> None:
    """Have hard links lead to what is before them: whoever unpacks an archive reads it once."""
    links: dict[str, list[str]] = {}
    for path, entry in chosen.items():
        if entry.kind == "hardlink":
            if entry.target not in chosen:
                raise ValueError(f"hard link {path} leads to {entry.target}, which isn't there")
            links.setdefault(entry.target, []).append(path)
    for target, paths in links.items():
        file, first = chosen[target], min(paths)
        if first < target and file.kind == "file":
            chosen[target] = file._replace(kind="hardlink", target=first, content=None)
            for path in paths:
                chosen[path] = chosen[path]._replace(target=first)
            chosen[first] = file._replace(path=first)
