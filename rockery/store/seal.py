"""Seals: a digest of what was stored, by which bits that a disk has flipped are noticed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

#: The name of the file.
SEAL = "seal"

#: What is too large to be read each time, and has digests of its own or is read seldom.
_LARGE = frozenset({"entries.jsonl", "data.tar"})

#: A layer's blob is named by its digest.
_BLOB = "blob"


def seal(folder: Path) -> None:
    """Write the seal of what is in ``folder``."""
    (folder / SEAL).write_text("".join(f"{_digest(folder, large=x)}\n" for x in (False, True)))


def is_sound(folder: Path, *, thorough: bool = False) -> bool:
    """Tell whether what is in ``folder`` is what was sealed; without a seal nobody knows.

    Only with ``thorough`` the large files are read.
    """
    try:
        wanted = (folder / SEAL).read_text().split()
        if len(wanted) != 2:
            return False
        return wanted[0] == _digest(folder, large=False) and (
            not thorough or wanted[1] == _digest(folder, large=True)
        )
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def is_unpacked(tree: Path, layer: Path) -> bool:
    """Tell whether the files below ``tree`` are those that the list of entries in ``layer`` has."""
    with (layer / "entries.jsonl").open(encoding="utf-8") as lines:
        for entry in map(json.loads, lines):
            if entry["kind"] != "file":
                continue
            try:
                with (tree / entry["path"]).open("rb") as stream:
                    if hashlib.file_digest(stream, "sha256").hexdigest() != entry["sha256"]:
                        return False
            except OSError:
                return False
    return True


def _digest(folder: Path, *, large: bool) -> str:
    """Return the digest over the large files, or over all others."""
    digest = hashlib.sha256()
    for here, names, files in os.walk(folder):
        names.sort()
        for name in sorted(files):
            path = Path(here, name)
            if (name in _LARGE) is not large or (Path(here) == folder and name in (SEAL, _BLOB)):
                continue
            digest.update(f"{path.relative_to(folder)}\0".encode("utf-8", "surrogateescape"))
            if path.is_symlink():
                digest.update(os.fsencode(path.readlink()))
                continue
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
