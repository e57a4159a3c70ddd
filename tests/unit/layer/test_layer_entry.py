from pathlib import Path

import pytest

from rockery.layer.entry import CHUNK, Inline, Stored, chunks, directory, file, read, symlink


def test_stored_content_is_a_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"0123456789")
    assert read(Stored(path, 4, 3)) == b"3456"


def test_content_comes_in_pieces() -> None:
    sizes = [len(piece) for piece in chunks(Inline(b"x" * (CHUNK + 5)))]
    assert sizes == [CHUNK, 5]


def test_a_file_cut_short_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"0123")
    with pytest.raises(EOFError, match="data"):
        read(Stored(path, 5))


def test_makers_give_what_they_say() -> None:
    assert (directory("a").kind, directory("a").mode) == ("directory", 0o755)
    assert (symlink("a", "b").target, symlink("a", "b").mode) == ("b", 0o777)
    assert (file("a", "ü").size, file("a", "ü", 0o600).mode) == (2, 0o600)
