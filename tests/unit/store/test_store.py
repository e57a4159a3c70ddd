from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rockery.errors import SurroundingsError
from rockery.store import Store
from rockery.store.store import default_root


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, key: str, text: str, *, replace: bool = False) -> None:
    with store.put("layers", key, replace=replace) as folder:
        (folder / "text").write_text(text)


def stored(store: Store, key: str) -> str | None:
    folder = store.get("layers", key)
    return (folder / "text").read_text() if folder else None


def test_a_thing_is_there_when_it_is_whole(store: Store) -> None:
    with store.put("layers", "a") as folder:
        assert store.get("layers", "a") is None
        (folder / "text").write_text("x")
    assert stored(store, "a") == "x"
    assert store.keys("layers") == ["a"]
    assert store.keys("trees") == []


def test_the_first_one_stays_unless_it_is_replaced(store: Store) -> None:
    put(store, "a", "first")
    put(store, "a", "second")
    assert stored(store, "a") == "first"
    put(store, "a", "third", replace=True)
    assert stored(store, "a") == "third"


def test_a_failure_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with store.put("layers", "a") as folder:
            (folder / "half").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.get("layers", "a") is None
    assert list((store.root / "tmp").iterdir()) == []


def test_temporary_folders_go_even_with_forbidden_ones_in_them(store: Store) -> None:
    with store.temporary() as folder:
        (folder / "a/b").mkdir(parents=True)
        (folder / "a/b/c").touch()
        (folder / "a/b").chmod(0o500)
    assert not folder.exists()


def test_removing(store: Store) -> None:
    put(store, "a", "x")
    store.remove("layers", "a")
    store.remove("layers", "a")
    assert store.get("layers", "a") is None


def test_two_at_once_both_succeed(store: Store) -> None:
    ready = threading.Barrier(4)

    def make(text: str) -> None:
        with store.put("layers", "a") as folder:
            (folder / "text").write_text(text)
            ready.wait()

    threads = [threading.Thread(target=make, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(store, "a") in {"0", "1", "2", "3"}
    assert list((store.root / "tmp").iterdir()) == []


def test_a_lock_ends_with_its_process(store: Store) -> None:
    holder = "import sys; sys.path[:0] = [sys.argv[1]]\n" + (
        "from pathlib import Path\nfrom rockery.store import Store\n"
        "with Store(Path(sys.argv[2])).lock('x'):\n  print('held', flush=True); sys.stdin.read()\n"
    )
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", holder, root, str(store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        got = threading.Event()

        def take() -> None:
            with store.lock("x"):
                got.set()

        waiting = threading.Thread(target=take)
        waiting.start()
        assert not got.wait(0.2)
        process.kill()
        waiting.join(10)
        assert got.is_set()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EACCES, "permission denied"),
    ],
)
def test_a_disk_that_refuses_is_the_surroundings_fault(
    store: Store, number: int, reason: str
) -> None:
    with pytest.raises(SurroundingsError) as caught, store.temporary():
        raise OSError(number, os.strerror(number))
    (problem,) = caught.value.problems
    assert problem.message == f"cannot write to the store {store.root}: {reason}"
    assert problem.remedy is not None
    assert "ROCKERY_STORE" in problem.remedy


def test_a_folder_that_cannot_be_made_is_told_as_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file/cache/rockery")
    with pytest.raises(SurroundingsError, match="cannot write to the store"), store.temporary():
        pass


def test_a_file_where_the_store_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    with (
        pytest.raises((SurroundingsError, NotADirectoryError)),
        Store(tmp_path / "store").temporary(),
    ):
        pass


def test_where_the_store_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROCKERY_STORE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert default_root() == tmp_path / "a"
    monkeypatch.delenv("ROCKERY_STORE")
    assert default_root() == tmp_path / "b/rockery"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_root() == tmp_path / ".cache/rockery"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)  # a user whom nobody knows
    with pytest.raises(SurroundingsError, match="this user has no home folder"):
        default_root()
