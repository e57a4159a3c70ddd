import hashlib
import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from rockery.layer import tar
from rockery.layer.entry import Entry, directory, file, symlink


def archive(entries: list[Entry], mtime: int = 0) -> bytes:
    sink = bytearray()
    tar.write(entries, sink.extend, mtime)
    return bytes(sink)


def members(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        return opened.getmembers()


def test_members_carry_numbers_and_one_time() -> None:
    entries = [directory("d", 0o1777, 1, 2), file("d/f", b"x", 0o640, 584792, 7), symlink("l", "d")]
    found = members(archive(entries, 1234))
    assert [(m.name, m.mode, m.uid, m.gid) for m in found] == [
        ("d", 0o1777, 1, 2),
        ("d/f", 0o640, 584792, 7),
        ("l", 0o777, 0, 0),
    ]
    assert {m.mtime for m in found} == {1234}
    assert {(m.uname, m.gname) for m in found} == {("", "")}
    assert found[2].linkname == "d"


def test_digests_are_of_what_was_written() -> None:
    digests = tar.write([directory("d"), file("f", b"abc")], lambda _: None, 0)
    assert digests == {"f": hashlib.sha256(b"abc").hexdigest()}


def test_long_and_foreign_names_survive() -> None:
    path = "é" * 60 + "/" + "n" * 120
    raw = b"\xff\xfe".decode("utf-8", "surrogateescape")
    found = members(archive([file(path, b""), file(raw, b""), symlink("l", "t" * 150)]))
    assert [m.name for m in found] == [path, raw, "l"]
    assert found[2].linkname == "t" * 150


@given(st.binary(max_size=2000))
def test_blocks_are_full(data: bytes) -> None:
    packed = archive([file("f", data)])
    assert len(packed) % tarfile.BLOCKSIZE == 0
    with tarfile.open(fileobj=io.BytesIO(packed)) as opened:
        extracted = opened.extractfile("f")
        assert extracted is not None
        assert extracted.read() == data
