"""Which of a project's files ship, and why those that are large or odd do or don't."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rockery.extension import shipping
from rockery.extension.expansion import Expansion
from rockery.project import fileset
from rockery.project.part import Part
from rockery.project.source import walk

#: Bytes from which a file is worth a look.
LARGE = 1_000_000

#: What rarely belongs in a rock.
_ODD = (
    (re.compile(r".*\.(sqlite3?|db|rdb|dump|sql\.gz)", re.IGNORECASE), "a database"),
    (re.compile(r".*\.(zip|tar|tgz|tar\.\w+|7z|rar|iso)", re.IGNORECASE), "an archive"),
    (re.compile(r".*\.(log|pcap|prof|core)|core\.\d+|nohup\.out", re.IGNORECASE), "a record"),
    (re.compile(r".*\.(bak|orig|rej|tmp|swp)", re.IGNORECASE), "a leftover"),
    (
        re.compile(
            r"(.*/)?[^/]*(secret|credential|passw)[^/]*\.(ya?ml|json|toml|ini|cfg|conf|txt)",
            re.IGNORECASE,
        ),
        "a secret by its name",
    ),
    (re.compile(r".*\.(mp4|mov|avi|mkv|psd|blend|pt|onnx|h5)", re.IGNORECASE), "large by kind"),
)

#: Entries of a folder that are counted, before "more than" is said.
_MOST_COUNTED = 50_000


@dataclass(frozen=True)
class Shipped:
    """A name at the top of the project that ships: how many files it holds, and bytes."""

    path: str
    place: str
    files: int
    size: int


@dataclass(frozen=True)
class Remark:
    """A path that is worth a look: whether it ships, and why."""

    path: str
    size: int
    ships: bool
    reason: str


@dataclass(frozen=True)
class Listing:
    """What ships into ``app``, by name at the top, and remarks on what does or doesn't."""

    app: str
    shipped: tuple[Shipped, ...]
    remarks: tuple[Remark, ...]

    @property
    def size(self) -> int:
        """All bytes that ship."""
        return sum(each.size for each in self.shipped)


def listings(folder: Path, expansion: Expansion) -> Iterator[Listing]:
    """List the files of each extension's application."""
    for definition in expansion.definitions:
        part = (expansion.data.get("parts") or {}).get(f"{definition.name}/install-app")
        if definition.app is not None and isinstance(part, dict):
            left_out = expansion.left_out.get(definition.name, ())
            yield _listing(folder, definition.app, Part.model_validate(part), left_out)


def _listing(folder: Path, app: str, part: Part, left_out: tuple[shipping.Ignored, ...]) -> Listing:
    skip = fileset.prunable(part)
    found = {
        entry.path: entry for entry in walk(folder, lambda path: path.endswith("/") and skip(path))
    }
    counted: dict[str, list[int]] = {}
    remarks: list[Remark] = []
    for place, origin in fileset.select(part, found).items():
        if not origin or place.endswith("/"):
            continue
        size = _size(folder / origin)
        top = origin.partition("/")[0] + "/" * ("/" in origin)
        total = counted.setdefault(top, [0, 0])
        total[0] += 1
        total[1] += size
        odd = next((what for known, what in _ODD if known.fullmatch(origin)), None)
        if odd or size >= LARGE:
            what = f"it is {odd}" if odd else "it is large"
            advice = f"add '/{origin}' to .rockignore if the app does not need it"
            remarks.append(Remark(origin, size, True, f"{what}: {advice}"))
    shipped = tuple(
        Shipped(top, f"/{app}/{top}", files, size) for top, (files, size) in sorted(counted.items())
    )
    for ignored in left_out:
        size = _measured(folder / ignored.path)
        remarks.append(Remark(ignored.path, size, False, ignored.reason))
    return Listing(app, shipped, tuple(remarks))


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _measured(path: Path) -> int:
    """Return the bytes of a file, or of what is in a folder, up to a bound."""
    if not path.is_dir() or path.is_symlink():
        return _size(path)
    files = size = 0
    for folder, _, inside in os.walk(path):
        for name in inside:
            files, size = files + 1, size + _size(Path(folder, name))
        if files > _MOST_COUNTED:
            break
    return size
