"""What only debuggers read of compiled modules, blanked: it compresses to nothing then.

Taking it out would move what lies behind it, and tools that do are not the same everywhere.
The loader never maps these sections, so nothing that runs can miss them.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_LOAD = 1
_PROGBITS, _NOBITS = 1, 8
_ALLOCATED = 2
_PIECE = 1 << 20


def blank(path: Path) -> int:
    """Blank the debugging sections of an ELF file; return how many bytes that were.

    The file is replaced by a copy: it may be a hard link to one of somebody else's.
    """
    with path.open("rb") as stream:
        found = list(_sections(stream, path.stat().st_size))
    if not found:
        return 0
    copy = path.with_name(f"{path.name}.blanked")
    shutil.copy(path, copy)
    with copy.open("r+b") as stream:
        for header, offset, size in found:
            stream.seek(header + 4)
            # A section without content: what a debugger reads of it is "there is none".
            stream.write(struct.pack("<I", _NOBITS))
            stream.seek(offset)
            for start in range(0, size, _PIECE):
                stream.write(bytes(min(_PIECE, size - start)))
    copy.replace(path)
    return sum(size for _, _, size in found)


def _sections(stream: BinaryIO, length: int) -> Iterator[tuple[int, int, int]]:
    """Give the debugging sections: where their headers are, their offsets and sizes."""
    header = stream.read(64)
    if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
        return
    (table,) = struct.unpack_from("<Q", header, 0x28)
    width, count, names = struct.unpack_from("<HHH", header, 0x3A)
    stream.seek(min(table, length))
    raw = stream.read(width * count)
    if width < 64 or names >= count or len(raw) < width * count:
        return
    sections = [struct.unpack_from("<IIQQQQ", raw, index * width) for index in range(count)]
    _, _, _, _, start, size = sections[names]
    stream.seek(min(start, length))
    texts = stream.read(min(size, _PIECE))
    mapped = list(_segments(stream, header))
    for index, (name, kind, flags, _, offset, size) in enumerate(sections):
        if texts[name : name + 6] != b".debug" or kind != _PROGBITS or flags & _ALLOCATED:
            continue
        end = offset + size
        if size and end <= length and not any(offset < e and s < end for s, e in mapped):
            yield table + index * width, offset, size


def _segments(stream: BinaryIO, header: bytes) -> Iterator[tuple[int, int]]:
    """Give the stretches of the file that the loader maps."""
    (table,) = struct.unpack_from("<Q", header, 0x20)
    width, count = struct.unpack_from("<HH", header, 0x36)
    stream.seek(min(table, 1 << 62))
    raw = stream.read(width * count)
    for index in range(len(raw) // width if width >= 56 else 0):
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", raw, index * width)
        if kind == _LOAD:
            yield offset, offset + size
