"""What the Go linker records in a program, in the format of debug/buildinfo."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_sbom_licence import BSD, ENDORSE, MIT

from rockery.sbom.golang import build_info, materials

MODULES = (
    "path\tgithub.com/canonical/pebble/cmd/pebble\n"
    "mod\tgithub.com/canonical/pebble\tv1.32.0\th1:main=\n"
    "dep\tgithub.com/gorilla/mux\tv1.8.1\th1:mux=\n"
    "dep\tgolang.org/x/net\tv0.1.0\th1:old=\n"
    "=>\tgithub.com/fork/net\tv0.2.0\th1:fork=\n"
    "build\t-trimpath=true\n"
)


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def program(modules: str = MODULES, version: str = "go1.26.6", before: bytes = b"") -> bytes:
    frame = b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6"
    listed = frame + modules.encode() + frame
    head = b"\x7fELF" + b"\0" * 60 + before
    head += b"\0" * (-len(head) % 16)
    info = b"\xff Go buildinf:" + b"\x08\x02" + b"\0" * 16
    return head + info + varint(len(version)) + version.encode() + varint(len(listed)) + listed


def written(folder: Path, data: bytes) -> Path:
    path = folder / "program"
    path.write_bytes(data)
    return path


def test_modules(tmp_path: Path) -> None:
    found = build_info(written(tmp_path, program()))
    assert found is not None
    assert (found.main.path, found.main.version) == ("github.com/canonical/pebble", "v1.32.0")
    assert [(m.path, m.version, m.checksum) for m in found.modules] == [
        ("stdlib", "1.26.6", ""),
        ("github.com/gorilla/mux", "v1.8.1", "h1:mux="),
        ("github.com/fork/net", "v0.2.0", "h1:fork="),
    ]


def test_a_program_that_reads_build_info_holds_the_mark_itself(tmp_path: Path) -> None:
    found = build_info(written(tmp_path, program(before=b"\xff Go buildinf:\x08\x02" + b"x" * 99)))
    assert found is not None
    assert found.main.version == "v1.32.0"


def test_a_module_without_a_version(tmp_path: Path) -> None:
    found = build_info(written(tmp_path, program("path\tmine\nmod\tmine\t(devel)\t\n")))
    assert found is not None
    assert (found.main.path, found.main.version) == ("mine", "")


@pytest.mark.parametrize("size", [0, 3, 40, 64, 80, 100, 110, 118, 150])
def test_a_cut_program_records_nothing(size: int, tmp_path: Path) -> None:
    found = build_info(written(tmp_path, program()[:size]))
    assert found is None or not found.modules[1:]


def test_other_files(tmp_path: Path) -> None:
    assert build_info(written(tmp_path, b"#!/bin/sh\n" + program())) is None
    assert build_info(written(tmp_path, b"\x7fELF" + b"\0" * 5000)) is None


def test_materials_with_the_licences_beside_them(tmp_path: Path) -> None:
    paper = (
        "pebble, and what is in it.\n\n"
        f"==== Go 1.26.6: LICENSE\n\n{BSD}{ENDORSE}\n"
        f"==== github.com/gorilla/mux v1.8.1: LICENSE\n\n{BSD}{ENDORSE}\n"
        f"==== github.com/gorilla/mux v1.8.1: LICENSE.more\n\n{MIT}\n"
        f"==== github.com/gorilla/mux v1.8.1: NOTICE\n\nThanks.\n"
        "==== github.com/fork/net v0.2.0: COPYING\n\nMine alone.\n"
    )
    path = written(tmp_path, program())
    found = {one.name: one for one in materials(path, "pebble", paper)}
    pebble = found["github.com/canonical/pebble"]
    assert pebble.purl == "pkg:golang/github.com/canonical/pebble@v1.32.0"
    assert len(pebble.sha256) == 64
    assert pebble.contains == (
        "pkg:golang/github.com/fork/net@v0.2.0",
        "pkg:golang/github.com/gorilla/mux@v1.8.1",
        "pkg:golang/stdlib@1.26.6",
    )
    assert found["stdlib"].licence.expression == "BSD-3-Clause"
    assert found["github.com/gorilla/mux"].licence.expression == "BSD-3-Clause AND MIT"
    assert found["github.com/gorilla/mux"].notes == {"go.sum": "h1:mux="}
    assert list(found["github.com/fork/net"].licence.texts.values()) == ["Mine alone."]


def test_a_program_that_records_nothing_is_named(tmp_path: Path) -> None:
    (one,) = materials(written(tmp_path, b"\x7fELF" + b"\0" * 99), "pebble", "")
    assert (one.kind, one.name, one.purl) == ("generic", "pebble", "pkg:generic/pebble")
