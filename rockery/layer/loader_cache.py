"""``/etc/ld.so.cache``, written as ldconfig would, for any architecture and without running it.

The format is glibc's "new" one (``sysdeps/generic/dl-cache.h``): a header, entries sorted
for the loader's binary search, strings. Without the cache ``ctypes.util.find_library``
finds nothing.
"""

from __future__ import annotations

import functools
import posixpath
import re
import struct
from collections.abc import Mapping

from rockery.glob import matcher
from rockery.layer.entry import Content, Entry, read

_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER = struct.Struct("<20sIIB3xI12x")
_ENTRY = struct.Struct("<iIIIQ")
_LITTLE_ENDIAN = 2

#: ELF machine, and the flags ldconfig writes for a library of it.
_MACHINES = {"amd64": (62, 0x0303), "arm64": (183, 0x0A03)}
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

#: Where a program of each architecture names its loader.
LOADERS = {"amd64": "lib64/ld-linux-x86-64.so.2", "arm64": "lib/ld-linux-aarch64.so.1"}

_LIBRARY = re.compile(r"^(lib[^/]*|ld-[^/]*)\.so(\.[^/]*)?$")
_SONAME_TAG, _STRTAB_TAG = 14, 5
_LOAD, _DYNAMIC = 1, 2


def triplet(architecture: str) -> str:
    """Return the multiarch name of an architecture: "x86_64-linux-gnu" for "amd64"."""
    return _TRIPLETS[architecture]


def library_folders(entries: Mapping[str, Entry], architecture: str) -> tuple[str, ...]:
    """Return the directories that the loader of a rock with ``entries`` searches.

    Those that packages name in ``/etc/ld.so.conf.d`` come first, as ldconfig(8) has it.
    """
    found: dict[str, None] = {}
    for path in sorted(p for p in entries if matcher(["etc/ld.so.conf.d/*.conf"])(p)):
        content = entries[path].content
        for line in read(content).decode(errors="replace").splitlines() if content else ():
            folder = line.partition("#")[0].strip()
            if folder.startswith("/"):
                found[_merged(posixpath.normpath(folder).lstrip("/"))] = None
    for folder in search_path(architecture):
        found[folder] = None
    return tuple(found)


def search_path(architecture: str) -> tuple[str, ...]:
    """Return the directories every loader of this architecture searches, below the root."""
    name = triplet(architecture)
    return ("usr/local/lib", f"usr/local/lib/{name}", f"usr/lib/{name}", "usr/lib")


def _merged(folder: str) -> str:
    return f"usr/{folder}" if folder.split("/")[0] in ("lib", "lib64") else folder


def loader_cache(entries: Mapping[str, Entry], architecture: str) -> bytes:
    """Return the cache for the libraries among ``entries``, which are keyed by path."""
    machine, flags = _MACHINES[architecture]
    found: dict[str, str] = {}
    for folder in library_folders(entries, architecture):
        for path in sorted(p for p in entries if posixpath.dirname(p) == folder):
            name = posixpath.basename(path)
            content = _followed(entries, path)
            if content is None or not _LIBRARY.match(name):
                continue
            soname = elf_soname(content, machine)
            if soname is not None and soname in ("", name):
                found.setdefault(name, f"/{path}")
    ordered = sorted(found, key=functools.cmp_to_key(_compare), reverse=True)
    strings = bytearray()
    start = _HEADER.size + _ENTRY.size * len(ordered)
    table = bytearray()
    for name in ordered:
        offsets = []
        for text in (name, found[name]):
            offsets.append(start + len(strings))
            strings += text.encode() + b"\0"
        table += _ENTRY.pack(flags, offsets[0], offsets[1], 0, 0)
    header = _HEADER.pack(_MAGIC, len(ordered), len(strings), _LITTLE_ENDIAN, 0)
    return bytes(header + table + strings)


def _followed(entries: Mapping[str, Entry], path: str) -> Content | None:
    for _ in range(10):
        entry = entries.get(path)
        if entry is None:
            return None
        if entry.kind == "file":
            return entry.content
        if entry.kind == "hardlink":
            path = entry.target
        elif entry.kind == "symlink":
            base = "/" + posixpath.dirname(path)
            path = posixpath.normpath(posixpath.join(base, entry.target)).lstrip("/")
        else:
            return None
    return None


def elf_soname(content: Content, machine: int) -> str | None:
    """Return the soname of a 64-bit shared object, "" where it has none, None for others."""
    with content.open() as stream:
        origin = stream.tell()

        def at(offset: int, size: int) -> bytes:
            stream.seek(origin + offset)
            return stream.read(size)

        header = at(0, 64)
        if len(header) < 64 or header[:6] != b"\x7fELF\x02\x01":
            return None
        kind, of = struct.unpack_from("<HH", header, 16)
        if kind != 3 or of != machine:
            return None
        table, entry_size, count = (
            struct.unpack_from("<Q", header, 32)[0],
            *struct.unpack_from("<HH", header, 54),
        )
        loads, dynamic = [], None
        for n in range(count):
            segment = at(table + n * entry_size, 56)
            what = struct.unpack_from("<I", segment)[0]
            offset, address, _, size = struct.unpack_from("<QQQQ", segment, 8)
            if what == _LOAD:
                loads.append((address, size, offset))
            elif what == _DYNAMIC:
                dynamic = at(offset, size)
        if dynamic is None:
            return None
        tags = dict(struct.iter_unpack("<qQ", dynamic[: len(dynamic) // 16 * 16]))
        if _SONAME_TAG not in tags or _STRTAB_TAG not in tags:
            return ""
        address = tags[_STRTAB_TAG]
        for start, size, offset in loads:
            if start <= address < start + size:
                raw = at(offset + address - start + tags[_SONAME_TAG], 256)
                return raw.split(b"\0", 1)[0].decode("ascii", "replace")
    return ""


def _compare(left: str, right: str) -> int:
    """Order names as the loader's ``_dl_cache_libcmp`` does: digits by their number."""
    a, b = _pieces(left), _pieces(right)
    for x, y in zip(a, b, strict=False):
        if isinstance(x, int) != isinstance(y, int):
            return 1 if isinstance(x, int) else -1
        if x != y:
            return 1 if x > y else -1  # type: ignore[operator]
    return len(a) - len(b)


def _pieces(name: str) -> list[int | str]:
    pieces: list[int | str] = []
    for digits, other in re.findall(r"(\d+)|(\D)", name):
        pieces.append(int(digits) if digits else other)
    return pieces
