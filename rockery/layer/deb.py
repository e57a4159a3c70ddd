"""Packages of a distribution, read from their archives without being installed.

A ``.deb`` is an ar archive of ``debian-binary``, ``control.tar`` and ``data.tar`` (deb(5)).
Its contents are unpacked once into the store: the plain ``data.tar``, a list of its members
with their offsets, and the control files. No script of it is ever run.
"""

from __future__ import annotations

import gzip
import io
import json
import lzma
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from rockery.errors import Problem, SurroundingsError
from rockery.layer.compression import MEDIA_TYPES, plain
from rockery.layer.entry import Entry, Kind, Stored
from rockery.store import Store

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER = 60
_KINDS: dict[bytes, Kind] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
}


@dataclass(frozen=True)
class PackageContents:
    """A package's files and control files, in the store."""

    name: str
    architecture: str
    folder: Path

    def entries(self) -> Iterator[Entry]:
        """Give the package's files as its ``data.tar`` has them."""
        data = self.folder / "data.tar"
        with (self.folder / "members.json").open(encoding="utf-8") as stream:
            members = json.load(stream)
        for path, kind, mode, uid, gid, target, size, offset in members:
            content = Stored(data, size, offset) if kind == "file" else None
            yield Entry(path, kind, mode, uid, gid, target, content)

    def control(self, name: str) -> str:
        """Return a control file ("md5sums", "postinst", …), "" where there is none."""
        path = self.folder / "control" / name
        return path.read_text(encoding="utf-8", errors="surrogateescape") if path.is_file() else ""

    def control_names(self) -> list[str]:
        """Return the names of the control files, sorted."""
        return sorted(path.name for path in (self.folder / "control").iterdir())


def contents(store: Store, sha256: str, name: str, architecture: str) -> PackageContents | None:
    """Return what is stored of the package with this checksum, or None."""
    folder = store.get("packages", sha256)
    return PackageContents(name, architecture, folder) if folder else None


def unpack(store: Store, sha256: str, deb: Path) -> None:
    """Read the archive ``deb`` into the store.

    Raises:
        SurroundingsError: it isn't a package this can read.
    """
    try:
        with store.put("packages", sha256) as folder, deb.open("rb") as stream:
            (folder / "control").mkdir()
            (folder / "data.tar").touch()
            for name, part in _ar_members(stream):
                if name.startswith("data.tar"):
                    with (folder / "data.tar").open("wb") as plain:
                        shutil.copyfileobj(_decompressed(name, part), plain, 1 << 20)
                elif name.startswith("control.tar"):
                    _write_control(folder / "control", _decompressed(name, part))
            _write_members(folder)
    except (tarfile.TarError, lzma.LZMAError, gzip.BadGzipFile, EOFError, ValueError) as error:
        raise SurroundingsError(
            Problem(
                f"cannot read the package {deb.name}: {error}",
                code="unreadable-package",
                remedy="run again with --refresh",
            )
        ) from error


def _ar_members(stream: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    if stream.read(len(_AR_MAGIC)) != _AR_MAGIC:
        raise ValueError("not an ar archive")
    while header := stream.read(_AR_HEADER):
        if len(header) != _AR_HEADER or header[58:] != b"`\n":
            raise ValueError("damaged ar archive")
        name = header[:16].decode("ascii").strip().rstrip("/")
        size = int(header[48:58])
        start = stream.tell()
        yield name, cast(BinaryIO, _Section(stream, start, size))
        stream.seek(start + size + size % 2)


class _Section(io.RawIOBase):
    """A part of a file, read as a file."""

    def __init__(self, stream: BinaryIO, start: int, size: int) -> None:
        self._stream, self._left = stream, size
        stream.seek(start)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        piece = self._stream.read(min(len(view), self._left))
        view[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)


def _decompressed(name: str, part: BinaryIO) -> IO[bytes]:
    buffered = io.BufferedReader(cast(io.RawIOBase, part), 1 << 20)
    suffix = name.rpartition(".")[2]
    if suffix == "tar":
        return buffered
    if suffix in ("xz", "lzma"):
        return lzma.open(buffered, "rb")
    if method := {"gz": "gzip", "zst": "zstd"}.get(suffix):
        return plain(buffered, MEDIA_TYPES[method])
    raise ValueError(f"unknown compression of {name}")


def _write_control(folder: Path, stream: IO[bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(stream.read())) as archive:
        for member in archive:
            name = Path(member.name).name
            source = archive.extractfile(member) if member.isfile() else None
            if source is not None and name:
                (folder / name).write_bytes(source.read())


def _write_members(folder: Path) -> None:
    members = []
    with tarfile.open(folder / "data.tar", mode="r:") as archive:
        for member in archive:
            path = member.name.removeprefix("./").rstrip("/")
            if path in ("", "."):
                continue
            target = member.linkname
            if member.islnk():
                target = target.removeprefix("./")
            led = [path, target] if member.islnk() else [path]
            outside = any(p.startswith("/") or ".." in p.split("/") for p in led)
            if member.type not in _KINDS or outside:
                raise ValueError(f"a package may not ship {member.name}")
            members.append(
                (
                    path,
                    _KINDS[member.type],
                    member.mode & 0o7777,
                    member.uid,
                    member.gid,
                    target,
                    member.size if member.isfile() else 0,
                    member.offset_data,
                )
            )
            archive.members = []  # type: ignore[attr-defined]  # or it grows with the package
    with (folder / "members.json").open("w", encoding="utf-8") as stream:
        json.dump(members, stream)
