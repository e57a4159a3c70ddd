"""The digests of a user's files, remembered by what the file system says of them.

As git's index does: a file whose device, inode, size and times are as they were when it was
hashed holds the same bytes, and isn't read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

from rockery.errors import SurroundingsError
from rockery.store.store import Store

#: Nanoseconds of one tick of the clock by which a file system notes a change: FAT's, and that of
#: those which note more than milliseconds. Theirs is the kernel's own, of 100 Hz at the slowest.
_COARSE, _FINE = 2_000_000_000, 20_000_000


def settles(changed: int) -> int:
    """Return when a file that was last changed at ``changed`` tells of another change.

    Within one tick of the clock a second change of the same size leaves the same times. Both
    are in nanoseconds since the epoch.
    """
    return changed + (_FINE if changed % 1_000_000 else _COARSE)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Digests:
    """The digests of the files that ``name`` stands for, in one file of the store.

    Any number of processes may use one at once: it is read whole and replaced whole, and who
    replaces it last stays. What the others found out is then found out again.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        self._known: dict[str, str] | None = None
        self._used: dict[str, str] = {}

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file's bytes, reading them only where they may be new.

        Raises:
            OSError: the file can't be read.
        """
        name = os.fspath(path)
        found = path.stat()
        state = f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} "
        state += f"{found.st_ctime_ns} "
        known = self._index().get(name, "")
        if known.startswith(state):
            self._used[name] = known
            return known[len(state) :]
        began = time.time_ns()
        digest = digest_of(path)
        if settles(max(found.st_mtime_ns, found.st_ctime_ns)) < began:
            self._used[name] = state + digest
        return digest

    def save(self) -> None:
        """Keep what was asked for; a store that can't be written stays as it is."""
        known = self._index()
        if all(known.get(name) == line for name, line in list(self._used.items())):
            return
        with (
            contextlib.suppress(SurroundingsError),
            self._store.put("digests", self._key, replace=True) as folder,
        ):
            (folder / "index.json").write_text(json.dumps(dict(self._used)))
        self._known = dict(self._used)

    def _index(self) -> dict[str, str]:
        if self._known is None:
            self._known = {}
            folder = self._store.get("digests", self._key)
            if folder is not None:
                # Another process may be replacing it, and a disk may have lost it.
                with contextlib.suppress(OSError, ValueError):
                    read = json.loads((folder / "index.json").read_text())
                    if isinstance(read, dict):
                        self._known = {name: str(line) for name, line in read.items()}
        return self._known
