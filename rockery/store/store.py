"""Folders by kind and key, written elsewhere and renamed into place."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rockery.errors import Problem, SurroundingsError
from rockery.store import disk, lock
from rockery.store.seal import SEAL, is_sound, seal

#: What the store holds; each is a folder below its root.
KINDS = (
    "layers",
    "packages",
    "trees",
    "pythons",
    "bytecode",
    "sysroots",
    "resolutions",
    "components",
    "verdicts",
    "answers",
    "digests",
    "receipts",
    "projects",
)

#: Kinds whose seal is looked at whenever they are read: they are small or seldom read, and what
#: decides what is packed. Of the others, whoever makes a layer by them looks at it.
_CHECKED = frozenset(KINDS) - {"packages", "trees", "pythons"}

#: Kinds that are not sealed: a tree's files are those of its layer.
_UNSEALED = frozenset({"trees"})

#: Seconds after which a use is noted anew.
_USED_AGAIN = 3600

#: Folders of tools' own caches.
CACHES = ("craft", "indexes", "uv")

#: What else lies in it: locks, and what is being written.
_OTHERS = (*CACHES, "tmp", "locks")

#: The lock that users of a store share, and who tidies it holds alone.
IN_USE = "in-use"

#: The lock that guards temporary folders which nobody owns yet.
_TEMPORARY = "temporary"


def default_root() -> Path:
    """Return ``$ROCKERY_STORE``, else ``$XDG_CACHE_HOME/rockery``, else ``~/.cache/rockery``.

    Raises:
        SurroundingsError: the user has no home.
    """
    if given := os.environ.get("ROCKERY_STORE"):
        return Path(given).absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(cache).expanduser().absolute() / "rockery"
    except RuntimeError as error:
        raise SurroundingsError(
            Problem(
                "cannot tell where the store is: this user has no home folder",
                "no-home",
                remedy="set ROCKERY_STORE to a folder, or HOME",
            )
        ) from error


class Store:
    """A folder per thing, named by its kind and its key.

    A thing that is there is whole: it was written under a temporary name and renamed.
    Two processes that make the same thing at once both succeed; the first one stays. The
    time of a thing's folder is when it was last used, to the hour.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, kind: str, key: str) -> Path | None:
        """Return the folder of what is stored as ``key``, or None.

        A small thing that the disk has damaged is removed, so that it is made anew.
        """
        path = self._path(kind, key)
        try:
            found = path.stat()
        except OSError:
            return None
        if not stat.S_ISDIR(found.st_mode):
            return None
        # Looked at once more, because it may have been replaced between two reads.
        if kind in _CHECKED and not is_sound(path) and not is_sound(path):
            self.remove(kind, key)
            return None
        if time.time() - found.st_mtime > _USED_AGAIN:
            self.touch(path)
        return path

    def seal(self, kind: str, key: str) -> str | None:
        """Return what tells a thing from another that is stored as ``key`` later, or None."""
        try:
            return (self._path(kind, key) / SEAL).read_text()
        except OSError:
            return None

    def touch(self, path: Path) -> None:
        """Note that a folder of the store is used now; where nothing can be noted, nothing is."""
        with contextlib.suppress(OSError):
            os.utime(path)

    def keys(self, kind: str) -> list[str]:
        """Return the keys of everything of this kind, sorted."""
        folder = self.root / kind
        return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []

    @contextlib.contextmanager
    def put(self, kind: str, key: str, *, replace: bool = False) -> Iterator[Path]:
        """Give an empty folder to fill; on leaving without an error it becomes ``key``.

        What is there already stays, unless ``replace`` asks for the new one.
        """
        target = self._path(kind, key)
        with self.temporary() as folder:
            content = folder / "content"
            content.mkdir()
            yield content
            with disk.problems(self.root):
                if kind not in _UNSEALED:
                    seal(content)
                target.parent.mkdir(parents=True, exist_ok=True)
                if replace:
                    # Another process may be replacing it too.
                    with contextlib.suppress(FileNotFoundError):
                        target.rename(folder / "replaced")
                try:
                    content.rename(target)
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise

    @contextlib.contextmanager
    def temporary(self) -> Iterator[Path]:
        """Give a folder on the store's own file system, deleted on leaving."""
        with disk.problems(self.root):
            parent = self.root / "tmp"
            parent.mkdir(parents=True, exist_ok=True)
            with self.lock(_TEMPORARY, shared=True):
                folder = Path(tempfile.mkdtemp(dir=parent))
                owned = lock.own(folder, wait=True)
        try:
            with disk.problems(self.root):
                yield folder
        finally:
            disk.remove_tree(folder)
            os.close(owned)

    def sweep(self) -> int:
        """Remove the temporary folders of processes that were killed; return how many."""
        swept = 0
        with contextlib.suppress(OSError, BlockingIOError):
            names = [path for path in (self.root / "tmp").iterdir() if path.is_dir()]
            if not names:
                return 0
            with self.lock(_TEMPORARY, wait=False):
                for folder in names:
                    with contextlib.suppress(OSError):
                        owned = lock.own(folder, wait=False)
                        disk.remove_tree(folder)
                        os.close(owned)
                        swept += 1
        return swept

    @contextlib.contextmanager
    def lock(self, name: str, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
        """Hold the lock ``name``; it is released when the process ends, however it ends.

        Raises:
            BlockingIOError: another holds it, and ``wait`` is False.
        """
        with lock.hold(self.root / "locks" / name, self.root, shared=shared, wait=wait):
            yield

    @contextlib.contextmanager
    def use(self) -> Iterator[None]:
        """Keep everything in the store for as long as this lasts: nobody tidies it meanwhile.

        What killed processes have left is swept away. A store that can't be written is used
        as it is.
        """
        with contextlib.ExitStack() as held:
            with contextlib.suppress(SurroundingsError):
                held.enter_context(self.lock(IN_USE, shared=True))
                self.sweep()
            yield

    def remove(self, kind: str, key: str) -> None:
        """Remove a thing; a reader never sees half of it."""
        path = self._path(kind, key)
        with self.temporary() as folder, contextlib.suppress(FileNotFoundError):
            path.rename(folder / "removed")

    def clear(self) -> None:
        """Remove everything of the store's, and nothing else that lies in its folder."""
        with disk.problems(self.root):
            if self.root.exists() and not self.root.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "it is not a directory", str(self.root))
        for name in (*KINDS, *_OTHERS):
            if (self.root / name).is_dir():
                disk.remove_tree(self.root / name)
        with contextlib.suppress(OSError):
            self.root.rmdir()

    def _path(self, kind: str, key: str) -> Path:
        assert kind in KINDS, kind
        assert key, "a key names something"
        assert "/" not in key, key
        return self.root / kind / key
