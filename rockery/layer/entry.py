"""What a layer holds: one entry a path."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Protocol

Kind = Literal["file", "directory", "symlink", "hardlink"]

#: How much of a file is in memory at once, in bytes.
CHUNK = 1 << 18


class Content(Protocol):
    """The bytes of a file, opened when the layer is written."""

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        ...

    def open(self) -> BinaryIO:
        """Open the bytes for reading from their start."""
        ...


class Inline(NamedTuple):
    """Bytes that were generated."""

    data: bytes

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """Open the bytes for reading."""
        return io.BytesIO(self.data)


class Stored(NamedTuple):
    """``size`` bytes from ``offset`` in a file on disk.

    Of very many a text as the path takes a fifth of the memory of a :class:`Path`.
    """

    path: Path | str
    size: int
    offset: int = 0

    def open(self) -> BinaryIO:
        """Open the file at the offset; a reader takes ``size`` bytes and no more."""
        stream = Path(self.path).open("rb")  # noqa: SIM115 - the reader closes it
        if self.offset:
            stream.seek(self.offset)
        return stream


def chunks(content: Content) -> Iterator[bytes]:
    """Give the bytes of ``content`` piece by piece.

    Raises:
        EOFError: when there are fewer bytes than its size says, which happens where a file
            of the user's is cut while it is being packed.
    """
    left = content.size
    with content.open() as stream:
        while left:
            piece = stream.read(min(CHUNK, left))
            if not piece:
                raise EOFError(getattr(content, "path", "generated content"))
            left -= len(piece)
            yield piece


def read(content: Content) -> bytes:
    """Return all bytes of ``content``."""
    return b"".join(chunks(content))


class Entry(NamedTuple):
    """One path of a layer, relative to the root of the rock, without a leading slash.

    ``target`` is where a link leads: for a symlink as written, for a hard link the path of
    another entry of the same layer.
    """

    path: str
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    target: str = ""
    content: Content | None = None

    @property
    def size(self) -> int:
        """Return the number of bytes of a file, 0 of anything else."""
        return self.content.size if self.content else 0


def directory(path: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> Entry:
    """Return the entry of a directory."""
    return Entry(path, "directory", mode, uid, gid)


def symlink(path: str, target: str, uid: int = 0, gid: int = 0) -> Entry:
    """Return the entry of a symbolic link."""
    return Entry(path, "symlink", 0o777, uid, gid, target)


def file(path: str, data: bytes | str, mode: int = 0o644, uid: int = 0, gid: int = 0) -> Entry:
    """Return the entry of a generated file."""
    raw = data.encode() if isinstance(data, str) else data
    return Entry(path, "file", mode, uid, gid, content=Inline(raw))
