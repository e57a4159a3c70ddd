"""What an ELF file says of itself to the loader: which machine, its soname, what it needs."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from rockery.layer.entry import Content

#: The machine numbers of the ELF specification, by Debian's name of the architecture.
MACHINES = {"amd64": 62, "arm64": 183}

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRTAB, _SONAME = 1, 5, 14
_SHARED = 3


@dataclass(frozen=True)
class Elf:
    """A dynamically linked 64-bit program or library.

    ``soname`` is "" where it has none; ``shared`` is true of libraries and of
    position-independent programs.
    """

    machine: int
    shared: bool
    soname: str
    needed: tuple[str, ...]


def elf(content: Content) -> Elf | None:
    """Return what an ELF file says, or None where ``content`` isn't one with a dynamic section.

    Only little-endian 64-bit files are known: all architectures of rocks are.
    """
    if content.size < 64:
        return None
    with content.open() as stream:
        origin = stream.tell()

        def at(offset: int, size: int) -> bytes:
            if not 0 <= offset <= content.size:
                return b""
            stream.seek(origin + offset)
            return stream.read(min(size, content.size - offset))

        header = at(0, 64)
        if header[:6] != b"\x7fELF\x02\x01":
            return None
        kind, machine = struct.unpack_from("<HH", header, 16)
        (table,) = struct.unpack_from("<Q", header, 32)
        entry_size, count = struct.unpack_from("<HH", header, 54)
        loads, dynamic = [], b""
        for index in range(count):
            segment = at(table + index * entry_size, 56)
            if len(segment) < 56:
                return None
            (what,) = struct.unpack_from("<I", segment)
            offset, address, _, size = struct.unpack_from("<QQQQ", segment, 8)
            if what == _LOAD:
                loads.append((address, size, offset))
            elif what == _DYNAMIC:
                dynamic = at(offset, size)
        if not dynamic:
            return None
        tags = list(struct.iter_unpack("<qQ", dynamic[: len(dynamic) // 16 * 16]))
        strings = next((value for tag, value in tags if tag == _STRTAB), 0)
        base = next((o + strings - a for a, size, o in loads if a <= strings < a + size), None)

        def text(offset: int) -> str:
            assert base is not None
            return at(base + offset, 256).split(b"\0", 1)[0].decode("utf-8", "replace")

        soname, needed = "", []
        for tag, value in tags:
            if base is not None and tag == _SONAME:
                soname = text(value)
            elif base is not None and tag == _NEEDED:
                needed.append(text(value))
        return Elf(machine, kind == _SHARED, soname, tuple(needed))


def is_for(path: Path, architecture: str) -> bool:
    """Tell whether the file runs on ``architecture``; what is no ELF file runs anywhere."""
    with path.open("rb") as stream:
        header = stream.read(20)
    if header[:4] != b"\x7fELF" or len(header) < 20:
        return True
    machine: int = struct.unpack_from("<H", header, 18)[0]
    return machine == MACHINES[architecture]
