from __future__ import annotations

import ctypes.util
import platform
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from rockery.layer.elf import MACHINES, elf, is_for
from rockery.layer.entry import Entry, Inline, Stored, file, symlink
from rockery.layer.loader_cache import library_folders, loader_cache, search_path

HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")

needs_ldconfig = pytest.mark.skipif(
    shutil.which("ldconfig", path="/usr/sbin:/sbin") is None, reason="the host has no ldconfig"
)


def library(soname: str, needed: tuple[str, ...] = (), machine: int = 62, kind: int = 3) -> bytes:
    """Return the smallest ELF file that says these things."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in (soname, *needed))
    offset, tags = 1, []
    for tag, name in [(14, soname), *((1, name) for name in needed)]:
        if name:
            tags.append((tag, offset))
        offset += len(name) + 1
    start = 64 + 2 * 56
    table = start + (len(tags) + 2) * 16
    dynamic = b"".join(struct.pack("<qQ", *tag) for tag in [*tags, (5, table), (0, 0)])
    size = table + len(strings)
    header = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    header += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 4096)
    where = struct.pack("<IIQQQQQQ", 2, 6, start, start, 0, len(dynamic), len(dynamic), 8)
    return header + load + where + dynamic + strings


def cache_of(entries: list[Entry], architecture: str = "amd64") -> bytes:
    return loader_cache({entry.path: entry for entry in entries}, architecture)


def names(cache: bytes) -> dict[str, str]:
    """Read a cache back: paths by name, in its order."""
    count, _ = struct.unpack_from("<II", cache, 20)
    found = {}
    for index in range(count):
        _, key, value, _, _ = struct.unpack_from("<iIIIQ", cache, 48 + 24 * index)
        found[cache[key:].split(b"\0")[0].decode()] = cache[value:].split(b"\0")[0].decode()
    return found


FOLDER = "usr/lib/x86_64-linux-gnu"


def test_an_elf_file_tells_name_and_needs(tmp_path: Path) -> None:
    data = library("liba.so.1", ("libb.so.2", "libc.so.6"))
    found = elf(Inline(data))
    assert found is not None
    assert (found.machine, found.shared, found.soname) == (62, True, "liba.so.1")
    assert found.needed == ("libb.so.2", "libc.so.6")
    shifted = tmp_path / "data.tar"
    shifted.write_bytes(b"x" * 512 + data + b"y" * 512)
    assert elf(Stored(shifted, len(data), 512)) == found


@pytest.mark.parametrize("cut", [0, 4, 63, 64, 100, 170, 200])
def test_a_cut_elf_file_is_none_or_harmless(cut: int) -> None:
    elf(Inline(library("liba.so.1", ("libb.so.2",))[:cut]))


def test_other_files_are_none() -> None:
    assert elf(Inline(b"#!/bin/sh\n" + b" " * 100)) is None
    assert elf(Inline(b"\x7fELF\x01\x01" + b"\0" * 100)) is None  # 32 bits


def test_the_machine_decides(tmp_path: Path) -> None:
    path = tmp_path / "a.so"
    path.write_bytes(library("a.so", machine=MACHINES["arm64"]))
    assert is_for(path, "arm64")
    assert not is_for(path, "amd64")


def test_libraries_are_found_by_their_soname() -> None:
    entries = [
        file(f"{FOLDER}/liba.so.1.2", library("liba.so.1")),
        symlink(f"{FOLDER}/liba.so.1", "liba.so.1.2"),
        symlink(f"{FOLDER}/liba.so", "/lib/x86_64-linux-gnu/liba.so.1"),
        file(f"{FOLDER}/libplugin.so", library("")),
        file(f"{FOLDER}/libarm.so.1", library("libarm.so.1", machine=183)),
        file(f"{FOLDER}/libtext.so", "INPUT(liba.so)"),
        file(f"{FOLDER}/deep/libdeep.so.1", library("libdeep.so.1")),
        symlink(f"{FOLDER}/libgone.so.1", "nowhere"),
    ]
    assert names(cache_of(entries)) == {
        "libplugin.so": f"/{FOLDER}/libplugin.so",
        "liba.so.1": f"/{FOLDER}/liba.so.1",
        "liba.so": f"/{FOLDER}/liba.so",
    }


def test_an_alternative_is_followed() -> None:
    entries = [
        symlink(f"{FOLDER}/libblas.so.3", "/etc/alternatives/libblas.so.3"),
        symlink("etc/alternatives/libblas.so.3", f"/{FOLDER}/blas/libblas.so.3"),
        file(f"{FOLDER}/blas/libblas.so.3", library("libblas.so.3")),
    ]
    assert names(cache_of(entries)) == {"libblas.so.3": f"/{FOLDER}/libblas.so.3"}


def test_links_in_a_circle_end() -> None:
    circle = [symlink(f"{FOLDER}/a.so", "b.so"), symlink(f"{FOLDER}/b.so", "a.so")]
    assert names(cache_of(circle)) == {}


def test_folders_that_packages_name_come_first() -> None:
    entries = {
        "etc/ld.so.conf.d/a.conf": file(
            "etc/ld.so.conf.d/a.conf", "# x\n/lib/special # y\n\n/opt/lib/\n"
        )
    }
    assert library_folders(entries, "amd64") == (
        *("usr/lib/special", "opt/lib"),
        *search_path("amd64"),
    )


def test_the_order_is_the_loaders_own() -> None:
    # dl-cache compares digits as numbers: 10 after 9; sorted from the highest down.
    wanted = ["libz.so.10", "libz.so.9", "libz.so", "liba.so.1"]
    entries = [file(f"{FOLDER}/{name}", library(name)) for name in sorted(wanted)]
    assert list(names(cache_of(entries))) == wanted


@needs_ldconfig
@pytest.mark.skipif(not HOST, reason="no cache is written for this machine")
def test_the_hosts_ldconfig_reads_it(tmp_path: Path) -> None:
    folder = search_path(HOST)[2]
    machine = MACHINES[HOST]
    wanted = [f"lib{name}.so.{n}" for name in ("a", "bc", "b9", "b10") for n in (1, 2, 10)]
    entries = [file(f"{folder}/{name}", library(name, machine=machine)) for name in wanted]
    path = tmp_path / "ld.so.cache"
    path.write_bytes(cache_of(entries, HOST))
    ldconfig = shutil.which("ldconfig", path="/usr/sbin:/sbin")
    assert ldconfig is not None
    shown = subprocess.run([ldconfig, "-p", "-C", path], capture_output=True, text=True, check=True)
    found = dict(re.findall(r"^\t(\S+) \(libc6[^)]*\) => (\S+)$", shown.stdout, re.MULTILINE))
    assert found == {name: f"/{folder}/{name}" for name in wanted}


@needs_ldconfig
@pytest.mark.skipif(not HOST, reason="no cache is written for this machine")
def test_the_hosts_own_libraries_come_out_as_ldconfig_has_them() -> None:
    """The host's library folder is a corpus of real files: same names as in its own cache."""
    assert ctypes.util.find_library("c"), "the host has no loader cache"
    folder = Path("/" + search_path(HOST)[2])
    entries = {}
    for path in folder.iterdir():
        name = str(path).lstrip("/")
        if path.is_symlink():
            entries[name] = symlink(name, str(path.readlink()))
        elif path.is_file() and path.stat().st_size:
            entries[name] = Entry(name, "file", 0o644, content=Stored(path, path.stat().st_size))
    ldconfig = shutil.which("ldconfig", path="/usr/sbin:/sbin")
    assert ldconfig is not None
    shown = subprocess.run([ldconfig, "-p"], capture_output=True, text=True, check=True).stdout
    real = {
        name
        for name, where in re.findall(r"^\t(\S+) \(libc6[^)]*\) => (\S+)$", shown, re.MULTILINE)
        if Path(where).resolve().parent == folder.resolve() and Path(where).exists()
    }
    ours = set(names(loader_cache(entries, HOST)))
    assert real - ours == set()
