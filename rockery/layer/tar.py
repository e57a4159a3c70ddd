"""The one place that writes tar members, always the same bytes for the same entries."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterable

from rockery.layer.entry import Entry, chunks

_TYPES = {
    "file": tarfile.REGTYPE,
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "hardlink": tarfile.LNKTYPE,
}
_BLOCK = tarfile.BLOCKSIZE

#: How many bytes end an archive.
END = 2 * _BLOCK


def write(
    entries: Iterable[Entry],
    sink: Callable[[bytes], object],
    mtime: int,
    *,
    digested: bool = True,
) -> dict[str, str]:
    """Write ``entries`` as a tar stream: numeric owners, no names, one time for all.

    The order is the caller's. ``mtime`` is in seconds since the epoch. PAX headers appear
    only for paths that do not fit the plain ones, as Python's tarfile decides.

    Returns:
        The SHA-256 of each file's bytes as they were written, by path; nothing unless
        ``digested``.
    """
    digests: dict[str, str] = {}
    for entry in entries:
        sink(_header(entry, mtime))
        if entry.content is not None:
            digest = hashlib.sha256() if digested else None
            for piece in chunks(entry.content):
                if digest is not None:
                    digest.update(piece)
                sink(piece)
            sink(b"\0" * (-entry.size % _BLOCK))
            if digest is not None:
                digests[entry.path] = digest.hexdigest()
    sink(b"\0" * END)
    return digests


def size(entries: Iterable[Entry]) -> int:
    """Return how many bytes :func:`write` writes for ``entries``, but for long paths' headers."""
    return END + sum(_BLOCK + entry.size + -entry.size % _BLOCK for entry in entries)


def _header(entry: Entry, mtime: int) -> bytes:
    info = tarfile.TarInfo(entry.path)
    info.type = _TYPES[entry.kind]
    info.mode = entry.mode
    info.uid, info.gid = entry.uid, entry.gid
    info.uname = info.gname = ""
    info.mtime = mtime
    info.size = entry.size
    info.linkname = entry.target if entry.kind in ("symlink", "hardlink") else ""
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
