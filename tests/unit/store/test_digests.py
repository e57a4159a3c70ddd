"""Remembered digests: a file that is as it was is not read, one that may not be is."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from rockery.store import Digests, Store, digests


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read."""
    found: list[Path] = []
    real = digests.digest_of

    def counted(path: Path) -> str:
        found.append(path)
        return real(path)

    monkeypatch.setattr(digests, "digest_of", counted)
    return found


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """All files have been left alone for long enough: a test can't change when one changed."""
    monkeypatch.setattr(digests, "settles", lambda changed: changed - 3600 * 10**9)


def told(store: Store, path: Path) -> str:
    known = Digests(store, "x")
    digest = known.of(path)
    known.save()
    return digest


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.usefixtures("old")
def test_a_file_is_read_once(store: Store, tmp_path: Path, reads: list[Path]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    assert [told(store, path) for _ in range(3)] == [sha256(b"one")] * 3
    assert reads == [path]


@pytest.mark.usefixtures("old")
def test_whatever_changes_it_is_read_again(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    told(store, path)
    times = path.stat()
    path.write_bytes(b"two")  # of the same size, and put back in time
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert told(store, path) == sha256(b"two")
    other = tmp_path / "b"
    other.write_bytes(b"six")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    assert told(store, path) == sha256(b"six")


def test_a_file_of_this_moment_is_not_trusted(
    store: Store, tmp_path: Path, reads: list[Path]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    told(store, path)
    told(store, path)
    assert reads == [path, path]
    ahead = time.time_ns() + 3600 * 10**9
    os.utime(path, ns=(ahead, ahead))
    told(store, path)
    told(store, path)
    assert len(reads) == 4


@pytest.mark.usefixtures("old")
def test_an_index_that_the_disk_has_spoiled_is_no_index(
    store: Store, tmp_path: Path, reads: list[Path]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    told(store, path)
    (index,) = store.root.glob("digests/*/index.json")
    for content in ("", "[1]", '{"a": 1', json.dumps({str(path): 7})):
        index.write_text(content)
        assert told(store, path) == sha256(b"one"), content
    assert len(reads) == 5


@pytest.mark.usefixtures("old")
def test_a_store_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    (tmp_path / "file").touch()
    assert told(Store(tmp_path / "file"), path) == sha256(b"one")


@pytest.mark.parametrize(
    ("changed", "settled"),
    [(5 * 10**9 + 1, 5 * 10**9 + 20_000_001), (5 * 10**9, 7 * 10**9), (0, 2 * 10**9)],
)
def test_a_clock_that_tells_nanoseconds_ticks_sooner(changed: int, settled: int) -> None:
    assert digests.settles(changed) == settled
