"""What a disk has damaged is not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from rockery.store import Store
from rockery.store.seal import is_sound, seal


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, kind: str, key: str, **files: str) -> Path:
    with store.put(kind, key, replace=True) as folder:
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)
    return store.root / kind / key


@pytest.mark.parametrize(
    "kind",
    [
        *("resolutions", "verdicts", "projects", "receipts", "layers"),
        *("components", "bytecode", "sysroots"),
    ],
)
def test_a_small_thing_that_changed_by_itself_is_gone(store: Store, kind: str) -> None:
    folder = put(store, kind, "a", x_json="{}")
    assert store.get(kind, "a") == folder
    (folder / "x.json").write_text("{ ")
    assert store.get(kind, "a") is None
    assert not folder.exists()
    put(store, kind, "a", x_json="{}")
    assert store.get(kind, "a") is not None


@pytest.mark.parametrize("text", ["", "x\n", "x\ny\nz\n", "\n\n"])
def test_a_seal_that_is_damaged_is_no_seal(store: Store, text: str) -> None:
    folder = put(store, "verdicts", "a", x="1")
    (folder / "seal").write_text(text)
    assert store.get("verdicts", "a") is None


def test_large_files_are_read_when_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "data.tar").write_text("large")
    (tmp_path / "members.json").write_text("[]")
    seal(tmp_path)
    (tmp_path / "data.tar").write_text("Large")
    assert is_sound(tmp_path)
    assert not is_sound(tmp_path, thorough=True)


def test_names_and_links_are_sealed_too(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("x")
    (tmp_path / "l").symlink_to("a/x")
    seal(tmp_path)
    assert is_sound(tmp_path)
    (tmp_path / "a/x").rename(tmp_path / "a/y")
    assert not is_sound(tmp_path)
    (tmp_path / "a/y").rename(tmp_path / "a/x")
    (tmp_path / "l").unlink()
    (tmp_path / "l").symlink_to("a/z")
    assert not is_sound(tmp_path)
