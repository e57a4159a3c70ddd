"""Folders by kind and key, written elsewhere and renamed into place."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rockery.errors import Problem, SurroundingsError

#: What the store holds; each is a folder below its root.
KINDS = (
    "layers",
    "packages",
    "trees",
    "resolutions",
    "components",
    "verdicts",
    "answers",
    "digests",
    "receipts",
    "projects",
)

#: What else lies in it: tools' own caches, locks, and what is being written.
_OTHERS = ("craft", "indexes", "locks", "tmp", "uv")


def default_root() -> Path:
    """Return ``$ROCKERY_STORE``, else ``$XDG_CACHE_HOME/rockery``, else ``~/.cache/rockery``."""
    if given := os.environ.get("ROCKERY_STORE"):
        return Path(given).absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser().absolute() / "rockery"


class Store:
    """A folder per thing, named by its kind and its key.

    A thing that is there is whole: it was written under a temporary name and renamed.
    Two processes that make the same thing at once both succeed; the first one stays.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, kind: str, key: str) -> Path | None:
        """Return the folder of what is stored as ``key``, or None."""
        path = self._path(kind, key)
        return path if path.is_dir() else None

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
            with _disk_problems(self.root):
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
        with _disk_problems(self.root):
            parent = self.root / "tmp"
            parent.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=parent))
        try:
            with _disk_problems(self.root):
                yield folder
        finally:
            _remove_tree(folder)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the lock ``name``; it is released when the process ends, however it ends."""
        with _disk_problems(self.root):
            folder = self.root / "locks"
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def remove(self, kind: str, key: str) -> None:
        """Remove a thing; a reader never sees half of it."""
        path = self._path(kind, key)
        with self.temporary() as folder, contextlib.suppress(FileNotFoundError):
            path.rename(folder / "removed")

    def clear(self) -> None:
        """Remove everything of the store's, and nothing else that lies in its folder."""
        with _disk_problems(self.root):
            if self.root.exists() and not self.root.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, "it is not a directory", str(self.root))
        for name in (*KINDS, *_OTHERS):
            if (self.root / name).is_dir():
                _remove_tree(self.root / name)
        with contextlib.suppress(OSError):
            self.root.rmdir()

    def _path(self, kind: str, key: str) -> Path:
        assert kind in KINDS, kind
        assert key, "a key names something"
        assert "/" not in key, key
        return self.root / kind / key


@contextlib.contextmanager
def _disk_problems(root: Path) -> Iterator[None]:
    """Say what a full, read-only or forbidden disk means for the store."""
    try:
        yield
    except OSError as error:
        reasons = {
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the disk quota is used up",
            errno.EROFS: "the file system is read-only",
            errno.EACCES: "permission denied",
            errno.EPERM: "operation not permitted",
            errno.ENOTDIR: "it is no folder, or below something that is none",
            errno.EEXIST: "it is no folder",
            errno.ELOOP: "it is a link that leads to itself",
            errno.ENAMETOOLONG: "its name is too long",
        }
        own = error.filename is None or Path(os.fsdecode(error.filename)).is_relative_to(root)
        if error.errno not in reasons or not own:
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise SurroundingsError(
            Problem(
                f"cannot write to the store {root}: {reasons[error.errno]}",
                code="store-not-writable",
                remedy=("free some space, or " if full else "")
                + "set ROCKERY_STORE to a folder you can write to",
                details=(str(error),) if error.filename else (),
            )
        ) from error


def _remove_tree(folder: Path) -> None:
    """Remove a folder, even one with directories that forbid writing."""

    def make_writable(_function: object, path: str, _error: object) -> None:
        with contextlib.suppress(OSError):
            Path(path).parent.chmod(0o700)
            Path(path).chmod(0o700)
        with contextlib.suppress(OSError):
            if Path(path).is_dir() and not Path(path).is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                Path(path).unlink()

    shutil.rmtree(folder, onerror=make_writable)
