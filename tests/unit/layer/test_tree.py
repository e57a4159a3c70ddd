"""Layers as folders: unpacked, or laid out from what they were made of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from rockery.layer import Entry, Ground, Layer, Stored, adopt, build, file, load, symlink, tree
from rockery.layer.compression import GZIP
from rockery.store import Store


def entries(source: Path) -> list[Entry]:
    source.write_bytes(b"module")
    return [
        file("usr/lib/a/b.py", "b"),
        file("usr/bin/run", "#!", mode=0o555),
        Entry("usr/lib/a/c.py", "file", 0o644, content=Stored(source, 6)),
    ]


def made(store: Store, given: list[Entry], key: str = "a") -> Layer:
    return build(
        *(store, key),
        kind="dependencies",
        title="packages",
        entries=given,
        ground=Ground(),
        scheme=GZIP,
        mtime=0,
    )


def contents(root: Path) -> dict[str, object]:
    return {
        path.relative_to(root).as_posix(): (path.is_dir() or path.read_bytes(), path.stat().st_mode)
        for path in root.rglob("*")
    }


def test_it_is_laid_out_as_it_is_unpacked(tmp_path: Path) -> None:
    given = entries(tmp_path / "source")
    stores = [Store(tmp_path / name) for name in ("laid out", "unpacked")]
    layers = [made(store, given) for store in stores]
    tree.lay_out(stores[0], layers[0], given)
    assert stores[0].keys("trees") == [layers[0].diff_id.removeprefix("sha256:")]
    found = [tree.unpacked(store, layer) for store, layer in zip(stores, layers, strict=True)]
    assert contents(found[0]) == contents(found[1])
    # What damages one damages not the other.
    assert (found[0] / "usr/lib/a/c.py").stat().st_nlink == 1


def test_what_is_no_file_is_unpacked(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    given = [file("a", "a"), symlink("b", "a")]
    layer = made(store, given)
    tree.lay_out(store, layer, given)
    assert store.keys("trees") == []
    assert (tree.unpacked(store, layer) / "b").read_text() == "a"


def test_a_layer_of_two_keys_is_stored_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    layer = made(store, entries(tmp_path / "source"))
    other = adopt(store, "b", layer)
    assert other == load(store, "b")
    assert (other.digest, list(other.entries())) == (layer.digest, list(layer.entries()))
    assert other.blob.samefile(layer.blob)
    store.remove("layers", "a")
    assert f"sha256:{hashlib.sha256(other.blob.read_bytes()).hexdigest()}" == layer.digest


def test_a_damaged_layer_gets_no_other_key(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    layer = made(store, entries(tmp_path / "source"))
    data = bytearray(layer.blob.read_bytes())
    data[20] ^= 1
    layer.blob.write_bytes(data)
    with pytest.raises(ValueError, match="another checksum"):
        adopt(store, "b", layer)
    assert store.keys("layers") == ["a"]
