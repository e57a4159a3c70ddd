from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from signed_archive import Deb, ar, compressed, tar

from rockery.errors import SurroundingsError
from rockery.layer import deb
from rockery.layer.entry import Entry, directory, file, read, symlink
from rockery.store import Store

FILES = [
    directory("lib"),
    file("lib/liba.so.1", b"\x7fELF", 0o644),
    symlink("lib/liba.so", "liba.so.1"),
    Entry("lib/again", "hardlink", 0o644, target="lib/liba.so.1"),
    file("usr/bin/tool", b"#!/bin/sh\n", 0o4755),
    file("usr/share/Főtanúsítvány.crt", "x"),
    directory("var/spool/x", 0o1777, 0, 42),
]


def unpacked(store: Store, tmp_path: Path, data: bytes) -> deb.PackageContents:
    path = tmp_path / "a.deb"
    path.write_bytes(data)
    deb.unpack(store, "abc", path)
    found = deb.contents(store, "abc", "a", "amd64")
    assert found is not None
    return found


@pytest.mark.parametrize("compression", ["", "gz", "xz", "zst"])
def test_files_are_read_from_members_of_any_compression(
    store: Store, tmp_path: Path, compression: str
) -> None:
    made = Deb("a", files=FILES, control={"postinst": "#!/bin/sh\n"}, compression=compression)
    found = unpacked(store, tmp_path, made.build())
    entries = {entry.path: entry for entry in found.entries()}
    assert [(e.path, e.kind, e.mode, e.gid, e.target) for e in FILES] == [
        (e.path, e.kind, e.mode, e.gid, e.target) for e in entries.values()
    ]
    content = entries["usr/bin/tool"].content
    assert content is not None
    assert read(content) == b"#!/bin/sh\n"
    assert found.control("postinst") == "#!/bin/sh\n"
    assert found.control("prerm") == ""
    assert found.control_names() == ["control", "md5sums", "postinst"]


def test_sparse_reading_of_two_files_side_by_side(store: Store, tmp_path: Path) -> None:
    files = [file(f"f{n}", bytes([n]) * (n * 700)) for n in range(1, 6)]
    found = unpacked(store, tmp_path, Deb("a", files=files).build())
    for entry, original in zip(found.entries(), files, strict=True):
        assert entry.content is not None
        assert original.content is not None
        assert read(entry.content) == read(original.content)


@pytest.mark.parametrize("path", ["../etc/passwd", "usr/../../etc/passwd", "/etc/passwd", "usr/.."])
def test_a_package_that_leaves_its_root_is_refused(store: Store, tmp_path: Path, path: str) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        info = tarfile.TarInfo(path)
        archive.addfile(info)
    data = ar([("debian-binary", b"2.0\n"), ("data.tar", sink.getvalue())])
    with pytest.raises(SurroundingsError, match="may not ship"):
        unpacked(store, tmp_path, data)
    assert store.get("packages", "abc") is None


def test_a_hard_link_out_of_the_root_is_refused(store: Store, tmp_path: Path) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        info = tarfile.TarInfo("./a")
        info.type, info.linkname = tarfile.LNKTYPE, "../../etc/shadow"
        archive.addfile(info)
    data = ar([("debian-binary", b"2.0\n"), ("data.tar", sink.getvalue())])
    with pytest.raises(SurroundingsError, match="may not ship"):
        unpacked(store, tmp_path, data)


def test_a_device_node_is_refused(store: Store, tmp_path: Path) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        info = tarfile.TarInfo("./dev/null")
        info.type = tarfile.CHRTYPE
        archive.addfile(info)
    data = ar([("debian-binary", b"2.0\n"), ("data.tar", sink.getvalue())])
    with pytest.raises(SurroundingsError, match="may not ship"):
        unpacked(store, tmp_path, data)


GOOD = Deb("a", files=FILES, compression="xz").build()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>moved</html>", id="no archive"),
        pytest.param(GOOD[:100], id="cut in a header"),
        pytest.param(GOOD[:-40], id="cut in a member"),
        pytest.param(ar([("debian-binary", b"2.0\n")]), id="without files"),
        pytest.param(ar([("data.tar.lz4", b"x")]), id="unknown compression"),
        pytest.param(ar([("data.tar.xz", b"x" * 100)]), id="not compressed"),
        pytest.param(ar([("data.tar.zst", b"x" * 100)]), id="not compressed by zstd"),
        pytest.param(ar([("data.tar.gz", compressed(tar(FILES), "gz")[:-20])]), id="cut gzip"),
        pytest.param(ar([("data.tar.zst", compressed(tar(FILES), "zst")[:-20])]), id="cut zstd"),
    ],
)
def test_what_is_no_package_is_said_and_not_kept(store: Store, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.deb"
    path.write_bytes(data)
    with pytest.raises(SurroundingsError) as caught:
        deb.unpack(store, "bad", path)
    (problem,) = caught.value.problems
    assert problem.message.startswith("cannot read the package bad.deb: ")
    assert problem.remedy
    assert store.get("packages", "bad") is None
