from __future__ import annotations

import gzip
import io
import random
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rockery.amount import Amount
from rockery.layer import tree
from rockery.layer.compression import GZIP
from rockery.layer.entry import Entry, directory, file, symlink
from rockery.layer.ground import Ground
from rockery.layer.layer import Layer, build, key, load
from rockery.store import Store
from rockery.store.damage import DamagedLayerError

ENTRIES = [
    directory("tmp", 0o1777),
    file("lib/a", b"a" * 100_000),
    file("usr/share/ü", "text"),
    file("root/secret", b"", 0o600),
    symlink("usr/bin/python3", "python3.11"),
    Entry("bin/b", "hardlink", 0o644, target="lib/a"),
]
GROUND = Ground({"root": (0o700, 0, 0)}, {"lib": "usr/lib", "bin": "usr/bin"})


def made(store: Store, name: str, entries: list[Entry], mtime: int = 0) -> Layer:
    return build(
        store,
        name,
        kind="part",
        title="x",
        entries=entries,
        ground=GROUND,
        scheme=GZIP,
        mtime=mtime,
    )


def test_same_entries_give_the_same_bytes_in_any_order(store: Store) -> None:
    shuffled = list(ENTRIES)
    random.Random(1).shuffle(shuffled)
    one, other = made(store, "one", ENTRIES), made(store, "other", shuffled)
    assert (one.digest, one.diff_id, one.size) == (other.digest, other.diff_id, other.size)
    assert one.blob.read_bytes() == other.blob.read_bytes()


def test_another_time_gives_other_bytes(store: Store) -> None:
    assert made(store, "one", ENTRIES).diff_id != made(store, "other", ENTRIES, 5).diff_id


def test_the_tar_is_sorted_with_explicit_parents(store: Store) -> None:
    layer = made(store, "one", ENTRIES)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer.blob.read_bytes()))) as archive:
        names = archive.getnames()
        assert archive.getmember("root").mode == 0o700
        assert archive.getmember("tmp").mode == 0o1777
        assert archive.getmember("usr/lib/a").linkname == "usr/bin/b"
    assert names == sorted(names)
    assert "usr/lib" in names
    assert "lib" not in names


def test_the_gzip_header_says_nothing_of_the_machine(store: Store) -> None:
    # No flags and so no name, no time (RFC 1952).
    assert made(store, "one", ENTRIES).blob.read_bytes()[:8] == b"\x1f\x8b\x08\0\0\0\0\0"


def test_a_stored_layer_is_found_again(store: Store) -> None:
    layer = made(store, "one", ENTRIES)
    assert load(store, "one") == layer
    assert load(store, "two") is None


def test_entries_and_layout_tell_what_is_in_it(store: Store) -> None:
    layer = made(store, "one", ENTRIES)
    entries = {entry["path"]: entry for entry in layer.entries()}
    assert entries["usr/bin/b"]["size"] == 100_000
    assert entries["usr/bin/python3"]["target"] == "python3.11"
    layout = layer.layout()
    assert layout.directories == {"tmp": (0o1777, 0, 0)}
    assert "root" in layout.implied
    assert layout.links == {"usr/bin/python3": "python3.11"}


def test_a_layer_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(ValueError, match="leads to"):
        made(store, "bad", [Entry("x", "hardlink", 0o644, target="y")])
    assert load(store, "bad") is None
    assert not list((store.root / "tmp").iterdir()) if (store.root / "tmp").exists() else True


def test_keys_depend_on_all_and_on_nothing_else() -> None:
    assert key("part", 1, {"a": 1, "b": 2}) == key("part", 1, {"b": 2, "a": 1})
    assert len({key("part", 1, 1), key("part", 2, 1), key("base", 1, 1), key("part", 1, 2)}) == 4


def test_rocks_share_a_layer_each_under_its_own_title(store: Store) -> None:
    """What another rock called it would show in the image, and its digest."""
    made(store, "one", ENTRIES)
    again = build(
        store,
        "one",
        kind="part",
        title="y",
        entries=ENTRIES,
        ground=GROUND,
        scheme=GZIP,
        mtime=0,
    )
    assert again.title == "y"
    found = [load(store, "one", title) for title in (None, "x", "y")]
    assert [layer and layer.title for layer in found] == ["x", "x", "y"]


def test_a_list_of_entries_that_is_damaged_is_not_read(store: Store) -> None:
    layer = made(store, "one", ENTRIES)
    path = layer.folder / "entries.jsonl"
    path.write_text(path.read_text().replace("usr/lib/a", "usr/lib/b"))
    assert load(store, "one") is not None
    with pytest.raises(DamagedLayerError, match="cannot use the stored layer 'x'"):
        list(layer.entries())


def test_an_unpacked_layer_that_is_damaged_is_unpacked_anew(store: Store) -> None:
    layer = made(store, "one", ENTRIES)
    path = tree.unpacked(store, layer) / "usr/bin/b"
    for damage in (lambda: path.write_bytes(b"b" * 100_000), path.unlink):
        damage()
        assert tree.unpacked(store, layer) / "usr/bin/b" == path
        assert not path.is_file() or path.read_bytes() == b"b" * 100_000
        tree.unpacked(store, layer, checked=True)
        assert path.read_bytes() == b"a" * 100_000


def test_those_who_want_a_layer_unpacked_unpack_it_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = made(store, "one", ENTRIES)
    unpack, calls = tree._unpack, []

    def slowly(layer: Layer, folder: Path, amount: Amount) -> None:
        calls.append(folder)
        time.sleep(0.2)  # as long as any other needs to come here too
        unpack(layer, folder, amount)

    monkeypatch.setattr(tree, "_unpack", slowly)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: tree.unpacked(store, layer), range(4)))
    assert len(calls) == len(found) == 1
