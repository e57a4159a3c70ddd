"""Go programs: the modules that the linker recorded in them.

Every Go program carries its "build info" (package debug/buildinfo of Go's library): the
toolchain, the main module and all modules linked in, with their checksums. Stripping a
program leaves it there.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packageurl import PackageURL

from rockery.sbom.licence import NO_LICENCE, Licence, joined, reference
from rockery.sbom.material import Material
from rockery.sbom.text import recognised

_MAGIC = b"\xff Go buildinf:"
_ALIGNMENT = 16
_HEADER = 32
_FLAGS = 15
#: In the flags: the strings stand in the section itself (Go 1.18 and newer).
_INLINE = 2
#: The list of modules is framed by 16 bytes on both sides.
_FRAME = 16

#: A section of a component's copyright file, as :mod:`rockery.component` writes it.
_SECTION = re.compile(r"^==== (\S+) (\S+): (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Module:
    """A Go module; ``checksum`` is Go's own ("h1:…"), "" for the toolchain's library."""

    path: str
    version: str
    checksum: str = ""


@dataclass(frozen=True)
class BuildInfo:
    """What a program is made of; ``modules`` begins with Go's own library."""

    main: Module
    modules: tuple[Module, ...]


def build_info(program: Path) -> BuildInfo | None:
    """Return what the linker recorded in ``program``, or None where it is no Go program."""
    if program.stat().st_size < _HEADER:
        return None
    with (
        program.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        if data[:4] != b"\x7fELF":
            return None
        start = data.find(_MAGIC)
        while start >= 0:
            if start % _ALIGNMENT == 0:
                # A program that reads build info of others holds the mark too.
                with contextlib.suppress(IndexError):
                    if found := _parsed(data, start):
                        return found
            start = data.find(_MAGIC, start + 1)
    return None


def _parsed(data: mmap.mmap, start: int) -> BuildInfo | None:
    if not data[start + _FLAGS] & _INLINE:
        return None
    version, start = _string(data, start + _HEADER)
    listed, _ = _string(data, start)
    if not version.startswith(b"go") or len(listed) < 2 * _FRAME:
        return None
    main = Module("", "")
    modules: list[Module] = []
    for line in listed[_FRAME:-_FRAME].decode("utf-8", "replace").splitlines():
        words = line.split("\t")
        if words[0] == "path" and not main.path:
            main = Module(words[1], "")
        elif words[0] == "mod":
            main = _module(words)
        elif words[0] == "dep":
            modules.append(_module(words))
        elif words[0] == "=>" and modules:
            modules[-1] = _module(words)
    library = Module("stdlib", version.decode().split(" ")[0].removeprefix("go"))
    return BuildInfo(main, (library, *modules)) if main.path else None


def _module(words: list[str]) -> Module:
    _, path, version, checksum, *_ = [*words, "", ""]
    return Module(path, "" if version == "(devel)" else version, checksum)


def _string(data: mmap.mmap, start: int) -> tuple[bytes, int]:
    """Read bytes after their length (a varint); return them and where they end."""
    length = shift = 0
    while True:
        byte = data[start]
        start += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return data[start : start + length], start + length
        if shift > 63:
            return b"", start


def materials(program: Path, name: str, copyright_text: str) -> Iterator[Material]:
    """Give the program's main module and all modules in it.

    ``name`` is what to call a program that records nothing; ``copyright_text`` holds the
    licences of the modules, "" where they aren't known.
    """
    with program.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    info = build_info(program)
    if info is None:
        purl = PackageURL("generic", None, name).to_string()
        yield Material("generic", name, "", purl, sha256=digest)
        return
    licences = _licences(copyright_text)
    linked = [_material(module, licences) for module in info.modules]
    main = _material(info.main, licences)
    contains = tuple(sorted(material.purl for material in linked))
    yield Material(
        **{**vars(main), "sha256": digest, "contains": contains, "summary": f"program {name}"}
    )
    yield from linked


def _material(module: Module, licences: dict[str, Licence]) -> Material:
    namespace, _, name = module.path.rpartition("/")
    purl = PackageURL("golang", namespace or None, name, module.version or None)
    library = module.path == "stdlib"
    return Material(
        kind="golang",
        name=module.path,
        version=module.version,
        purl=purl.to_string(),
        licence=licences.get("Go" if library else module.path, NO_LICENCE),
        homepage="https://go.dev" if library else f"https://pkg.go.dev/{module.path}",
        notes={"go.sum": module.checksum} if module.checksum else {},
    )


def _licences(text: str) -> dict[str, Licence]:
    """Return the licences of the modules whose texts are in ``text``, by module path."""
    found: dict[str, list[Licence]] = {}
    sections = _SECTION.split(text)[1:]
    for module, _, file, body in zip(*[iter(sections)] * 4, strict=True):
        if not file.upper().startswith("NOTICE"):
            names = [Licence(name) for name in recognised(body)]
            found.setdefault(module, []).extend(names or [reference(f"{module}-{file}", body)])
    return {module: joined(licences) for module, licences in found.items()}
