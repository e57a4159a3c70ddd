"""A file is the old one or the whole new one, never anything between."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from rockery.errors import SurroundingsError
from rockery.publish.replacement import replacement


def test_it_replaces_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.rock"
    path.write_bytes(b"old")
    with replacement(path) as stream:
        stream.write(b"new" * 1_000_000)
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" * 1_000_000
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_made(tmp_path: Path) -> None:
    with replacement(tmp_path / "a/b/c") as stream:
        stream.write(b"x")
    assert (tmp_path / "a/b/c").read_bytes() == b"x"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, OSError])
def test_a_failure_leaves_the_old_one(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.rock"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacement(path) as stream:
            stream.write(b"new")
            raise error

    with pytest.raises(SurroundingsError if error is OSError else error):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_its_mode_is_what_the_umask_says(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with replacement(tmp_path / "x"):
            pass
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with (
        pytest.raises(SurroundingsError, match=r"cannot write .*: there is a folder"),
        replacement(tmp_path / "x"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("option", ["--output", None])
def test_what_helps_is_told(tmp_path: Path, option: str | None) -> None:
    (tmp_path / "file").touch()
    for number, remedy in (
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "correct the permissions of its folder"),
        (errno.EROFS, None),
        (errno.EIO, None),
    ):
        with (
            pytest.raises(SurroundingsError) as caught,
            replacement(tmp_path / "x", option=option),
        ):
            raise OSError(number, os.strerror(number))
        (problem,) = caught.value.problems
        elsewhere = f"name another place with {option}" if option else None
        assert problem.remedy == (", or ".join(filter(None, (remedy, elsewhere))) or None)


def test_what_its_bytes_are_read_from_is_another_matter(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacement(tmp_path / "x"):
        (tmp_path / "store/blob").read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "x").symlink_to("kept")
    with replacement(tmp_path / "x") as stream:
        stream.write(b"new")
    assert not (tmp_path / "x").is_symlink()
    assert (tmp_path / "kept").read_bytes() == b"kept"


def test_it_has_no_name_before_the_end(tmp_path: Path) -> None:
    """A process that is killed leaves nothing, where the file system can do that."""
    with replacement(tmp_path / "x") as stream:
        stream.write(b"new")
        stream.flush()
        assert list(tmp_path.iterdir()) == []


def test_without_files_that_have_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_RDONLY)
    for text in (b"old", b"new"):
        with replacement(tmp_path / "x") as stream:
            stream.write(text)
        assert (tmp_path / "x").read_bytes() == text
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
