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
from rockery.layer.elf import MACHINES, elf
from rockery.layer.entry import Content, Entry, read

_MAGIC = b"glibc-ld.so.cache1.1"
_HEADER = struct.Struct("<20sIIB3xI12x")
_ENTRY = struct.Struct("<iIIIQ")
_LITTLE_ENDIAN = 2

#: The flags ldconfig writes for a library of each architecture.
_FLAGS = {"amd64": 0x0303, "arm64": 0x0A03}
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

#: Where a program of each architecture names its loader.
LOADERS = {"amd64": "lib64/ld-linux-x86-64.so.2", "arm64": "lib/ld-linux-aarch64.so.1"}

_LIBRARY = re.compile(r"^(lib[^/]*|ld-[^/]*)\.so(\.[^/]*)?$")


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
    machine, flags = MACHINES[architecture], _FLAGS[architecture]
    found: dict[str, str] = {}
    for folder in library_folders(entries, architecture):
        for path in sorted(p for p in entries if posixpath.dirname(p) == folder):
            name = posixpath.basename(path)
            content = _followed(entries, path)
            if content is None or not _LIBRARY.match(name):
                continue
            library = elf(content)
            if library is None or not library.shared or library.machine != machine:
                continue
            linked = entries[path].kind == "symlink" and name.endswith(".so")
            if library.soname in ("", name) or (linked and library.soname.startswith(name)):
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
            path = _merged(posixpath.normpath(posixpath.join(base, entry.target)).lstrip("/"))
        else:
            return None
    return None


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
