"""Blanking what only debuggers read, in a real library that this test compiles nothing for."""

from __future__ import annotations

import _ctypes
import ctypes
import os
import struct
import zlib
from pathlib import Path

import pytest

from rockery.layer import debug_data


def with_debugging_data(path: Path) -> bytes:
    """Write a shared library of this Python with 100 kB of debugging data at its end."""
    data = Path(_ctypes.__file__).read_bytes()
    (table,) = struct.unpack_from("<Q", data, 0x28)
    width, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = bytearray(data[table : table + width * count])
    (start, size) = struct.unpack_from("<QQ", headers, names * width + 24)
    texts = data[start : start + size] + b".debug_info\0"
    noise = os.urandom(100_000)
    struct.pack_into("<QQ", headers, names * width + 24, len(data), len(texts))
    end = len(data) + len(texts)
    headers += struct.pack("<IIQQQQIIQQ", size, 1, 0, 0, end, len(noise), 0, 0, 1, 0)
    whole = bytearray(data + texts + noise + headers)
    struct.pack_into("<Q", whole, 0x28, end + len(noise))
    struct.pack_into("<H", whole, 0x3C, count + 1)
    path.write_bytes(whole)
    return bytes(whole)


def test_it_compresses_to_nothing_and_loads(tmp_path: Path) -> None:
    path, other = tmp_path / "x.so", tmp_path / "cached.so"
    before = with_debugging_data(path)
    os.link(path, other)
    assert debug_data.blank(path) >= 100_000
    after = path.read_bytes()
    assert len(after) == len(before)
    assert len(zlib.compress(before)) - len(zlib.compress(after)) > 95_000
    ctypes.CDLL(str(path))
    assert other.read_bytes() == before, "what another name has isn't touched"
    assert debug_data.blank(path) == 0
    assert sorted(tmp_path.iterdir()) == [other, path]


@pytest.mark.parametrize(
    "data", [b"", b"\x7fELF", b"\x7fELF\x02\x01" + b"\xff" * 90, b"INPUT(-lx)"]
)
def test_other_files_stay(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(data)
    assert debug_data.blank(path) == 0
    assert path.read_bytes() == data
