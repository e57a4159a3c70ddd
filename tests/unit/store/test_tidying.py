"""Tidying: what goes, what stays, and who must not be disturbed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rockery.errors import SurroundingsError
from rockery.layer import Ground, Layer, build, file, load, tree
from rockery.layer.compression import GZIP
from rockery.store import Store, tidying

DAY = 86400


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, key: str, days: float, size: int = 100_000) -> None:
    with store.put("packages", key) as folder:
        (folder / "x").write_bytes(os.urandom(size))
    when = time.time() - days * DAY
    os.utime(store.root / "packages" / key, (when, when))


def layer(store: Store, key: str, text: str = "x") -> Layer:
    return build(
        store,
        key,
        kind="part",
        title=key,
        entries=[file("srv/x", text)],
        ground=Ground(),
        scheme=GZIP,
        mtime=0,
    )


def test_what_was_not_used_for_long_goes(store: Store) -> None:
    for days in (1, 10, 40):
        put(store, f"of-{days}", days)
    assert store.get("packages", "of-40") is not None  # that was a use
    freed = tidying.collect(store, older_than=5 * DAY)
    assert store.keys("packages") == ["of-1", "of-40"]
    assert freed.things == 1
    assert freed.size >= 100_000
    assert freed.left >= 200_000


def test_the_longest_unused_goes_first_until_the_rest_fits(store: Store) -> None:
    for days in (3, 1, 2):
        put(store, f"of-{days}", days)
    (store.root / "uv/debian").mkdir(parents=True)
    (store.root / "uv/debian/x").write_bytes(bytes(100_000))
    os.utime(store.root / "uv/debian", (1, 1))
    freed = tidying.collect(store, max_size=250_000)
    assert store.keys("packages") == ["of-1", "of-2"]
    assert not (store.root / "uv/debian").exists()
    assert freed.left <= 250_000
    assert tidying.collect(store, max_size=0).left == 0
    assert store.keys("packages") == []


def test_hard_links_count_once(store: Store) -> None:
    put(store, "a", 1)
    with store.put("trees", "b") as folder:
        os.link(store.root / "packages/a/x", folder / "x")
    assert tidying.collect(store).left < 150_000


HOLDER = """
import sys, time
from pathlib import Path
from rockery.store import Store
store = Store(Path(sys.argv[1]))
with store.use(), store.temporary() as folder:
    (folder / "half").touch()
    print("there", flush=True)
    time.sleep(600)
"""


def holder(store: Store) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def test_nothing_goes_while_another_works_and_what_it_leaves_killed_goes(store: Store) -> None:
    put(store, "old", 400)
    with holder(store) as process:
        for tidy in (
            lambda: tidying.collect(store, max_size=0),
            lambda: tidying.verify(store),
            lambda: tidying.emptied(store),
        ):
            with pytest.raises(SurroundingsError, match="another rockery uses it"):
                tidy()
        tidying.collect_by_itself(store)
        assert store.sweep() == 0
        assert len(list((store.root / "tmp").iterdir())) == 1
        process.kill()
    assert len(list((store.root / "tmp").iterdir())) == 1
    with store.use():
        assert list((store.root / "tmp").iterdir()) == []
    assert store.keys("packages") == ["old"]
    assert tidying.emptied(store).things == 1
    assert not store.root.exists()


def test_it_tidies_by_itself_once_a_week(store: Store) -> None:
    put(store, "old", 400)
    put(store, "new", 1)
    with store.use():
        pass
    tidying.collect_by_itself(store)  # the first time is the first pack's
    assert store.keys("packages") == ["new", "old"]
    os.utime(store.root / "locks/tidied", (1, 1))
    tidying.collect_by_itself(store)
    assert store.keys("packages") == ["new"]


def test_locks_of_things_go_and_can_be_had_again(store: Store) -> None:
    with store.lock("layer-a"):
        pass
    tidying.collect(store)
    assert not (store.root / "locks/layer-a").exists()
    with store.lock("layer-a"):
        assert (store.root / "locks/layer-a").exists()


def test_verifying_removes_what_is_damaged_and_nothing_else(store: Store) -> None:
    sound, cut, flipped = (layer(store, name, name) for name in ("sound", "cut", "flipped"))
    trees = [tree.unpacked(store, one) for one in (sound, flipped)]
    put(store, "package", 1)
    assert tidying.verify(store) == (6, [])
    cut.blob.write_bytes(cut.blob.read_bytes()[:-1])
    data = bytearray(flipped.blob.read_bytes())
    data[-9] ^= 1
    flipped.blob.write_bytes(bytes(data))
    (trees[0] / "srv/x").write_text("other")
    package = store.root / "packages/package/x"
    package.write_bytes(package.read_bytes()[::-1])
    removed = tidying.verify(store)[1]
    assert removed == [
        *("layers/cut", "layers/flipped", "packages/package"),
        # Of the second one there is no layer left to compare it with.
        *sorted(f"trees/{path.name}" for path in trees),
    ]
    assert load(store, "sound") is not None


def test_a_layer_that_was_cut_is_made_anew(store: Store) -> None:
    first = layer(store, "a")
    first.blob.write_bytes(first.blob.read_bytes()[:-1])
    assert load(store, "a") is None
    assert layer(store, "a") == first
