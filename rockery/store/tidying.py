"""Tidying a store: what is damaged, what nobody has used for long, what is too much."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from rockery.errors import Problem, SurroundingsError
from rockery.record import Record
from rockery.store import disk
from rockery.store.seal import is_sound, is_unpacked
from rockery.store.store import CACHES, IN_USE, KINDS, Store

#: Seconds between two times that a pack tidies by itself, and how long what it then removes
#: has not been used.
_BY_ITSELF, _FORGOTTEN = 7 * 86400, 90 * 86400


class Freed(Record):
    """How many things were removed and how many bytes of disk that gave back.

    ``left`` are the bytes of what stays. Hard links are counted once.
    """

    things: int
    size: int
    left: int


class _Thing(Record):
    path: Path
    used: float
    size: int


def collect(store: Store, *, older_than: float | None = None, max_size: int | None = None) -> Freed:
    """Remove what was not used for ``older_than`` seconds, then what was used longest ago.

    The second goes on until at most ``max_size`` bytes are left.

    Raises:
        SurroundingsError: another process uses the store.
    """
    with _alone(store):
        swept = store.sweep()
        things = sorted(_things(store), key=lambda thing: thing.used)
        left = sum(thing.size for thing in things)
        removed = freed = 0
        now = time.time()
        for thing in things:
            old = older_than is not None and now - thing.used > older_than
            much = max_size is not None and left > max_size
            if not old and not much:
                continue
            _remove(store, thing.path)
            removed, freed, left = removed + 1, freed + thing.size, left - thing.size
        _remove_locks(store)
    return Freed(removed + swept, freed, left)


def collect_by_itself(store: Store) -> None:
    """Remove what was forgotten long ago; at most once a week, and not where others work."""
    stamp = store.root / "locks" / "tidied"
    with contextlib.suppress(OSError, SurroundingsError):
        if time.time() - stamp.stat().st_mtime > _BY_ITSELF:
            stamp.touch()
            collect(store, older_than=_FORGOTTEN)
        return
    with contextlib.suppress(OSError):
        stamp.touch()


def verify(store: Store) -> tuple[int, list[str]]:
    """Read everything that has a digest, and remove what no longer is what it was.

    Returns:
        How many things were read, and what was removed, such as "layers/1234…".

    Raises:
        SurroundingsError: another process uses the store.
    """
    with _alone(store):
        store.sweep()
        read = 0
        removed = []
        diff_ids: dict[str, Path] = {}
        for kind in KINDS:
            for path in _folders(store.root / kind):
                read += 1
                if kind == "trees":  # one without its layer is unpacked again in a moment
                    layer = diff_ids.get(path.name)
                    sound = layer is not None and is_unpacked(path, layer)
                else:
                    sound = _is_sound(path)
                if not sound:
                    _remove(store, path)
                    removed.append(f"{kind}/{path.name}")
                elif kind == "layers":
                    meta = json.loads((path / "layer.json").read_text())
                    diff_ids[meta["diff_id"].removeprefix("sha256:")] = path
    return read, removed


def _is_sound(folder: Path) -> bool:
    if not is_sound(folder, thorough=True):
        return False
    if not (folder / "layer.json").exists():
        return True
    try:
        meta = json.loads((folder / "layer.json").read_text())
        with (folder / "blob").open("rb") as blob:
            digest = hashlib.file_digest(blob, "sha256").hexdigest()
        return bool(meta["digest"] == f"sha256:{digest}")
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextlib.contextmanager
def _alone(store: Store) -> Iterator[None]:
    if not store.root.is_dir():
        yield
        return
    try:
        with store.lock(IN_USE, wait=False):
            yield
    except BlockingIOError as error:
        raise SurroundingsError(
            Problem(
                f"cannot tidy the store {store.root}: another rockery uses it",
                "store-in-use",
                remedy="try again when it is done; 'rockery run' uses it until it ends",
            )
        ) from error


def _things(store: Store) -> Iterator[_Thing]:
    seen: set[tuple[int, int]] = set()
    for folder in (*KINDS, *CACHES):
        for path in _folders(store.root / folder):
            with contextlib.suppress(FileNotFoundError):
                yield _Thing(path, path.stat().st_mtime, _size(path, seen))


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir()) if folder.is_dir() else []


def _size(folder: Path, seen: set[tuple[int, int]]) -> int:
    """Return the bytes on disk of what is in ``folder`` and not ``seen`` yet."""
    size = 0
    for here, _, names in os.walk(folder):
        for name in names:
            found = Path(here, name).lstat()
            if found.st_nlink > 1:
                if (found.st_dev, found.st_ino) in seen:
                    continue
                seen.add((found.st_dev, found.st_ino))
            size += found.st_blocks * 512
    return size


def _remove(store: Store, path: Path) -> None:
    with store.temporary() as folder, contextlib.suppress(FileNotFoundError):
        path.rename(folder / "removed")


def _remove_locks(store: Store) -> None:
    """Remove the locks of single things, which nobody holds: nobody else uses the store."""
    for path in (store.root / "locks").glob("*-*"):
        if path.name != IN_USE:
            path.unlink(missing_ok=True)


def emptied(store: Store) -> Freed:
    """Remove everything.

    Raises:
        SurroundingsError: another process uses the store, or it can't be written.
    """
    with disk.problems(store.root):
        if store.root.exists() and not store.root.is_dir():
            raise NotADirectoryError(20, "it is not a directory", str(store.root))
    with _alone(store):
        things = list(_things(store))
        store.clear()
    return Freed(len(things), sum(thing.size for thing in things), 0)
