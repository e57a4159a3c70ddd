"""The checksums of installed files, as a wheel's RECORD has them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rockery.layer import recorded


class Checksums:
    """Computes the checksum of a file once, for as long as the file stays as it is."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int, int], str]] = {}

    def of(self, path: Path) -> str:
        """Return a file's SHA-256 as a RECORD has it."""
        found = path.stat()
        state = (found.st_ino, found.st_size, found.st_mtime_ns)
        known = self._known.get(path)
        if known is None or known[0] != state:
            with path.open("rb") as stream:
                known = (state, encoded(hashlib.file_digest(stream, "sha256").digest()))
            self._known[path] = known
        return known[1]

    def of_all(self, paths: Iterable[Path]) -> Iterator[str]:
        """Do as :meth:`of`, for many files at once."""
        with ThreadPoolExecutor() as pool:
            yield from pool.map(self.of, paths)


def encoded(digest: bytes) -> str:
    """Return a digest in the form of a RECORD."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def altered(site: Path, checksums: Checksums) -> dict[str, str]:
    """Return the files in ``site`` that aren't what the RECORD of their distribution says.

    They are told by their paths there, each with the checksum that it has.
    """
    said = {}
    for record in site.glob("*.dist-info/RECORD"):
        for name, checksum in recorded.checksums(record):
            if checksum and (site / name).is_file():
                said[site / name] = checksum
    found = zip(said.items(), checksums.of_all(said), strict=True)
    return {
        path.relative_to(site).as_posix(): own
        for (path, checksum), own in found
        if checksum != f"sha256={own}"
    }
