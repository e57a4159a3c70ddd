"""Locks of files and folders, which end with the process that holds them, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from rockery.store import disk

#: Seconds between two looks at whether another has released a lock. The kernel would wait
#: itself, but only the main thread would wake for Ctrl-C.
_LOOK = 0.01


@contextlib.contextmanager
def hold(path: Path, root: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """Hold the lock of the file ``path`` in the store at ``root``.

    Raises:
        BlockingIOError: another holds it, and ``wait`` is False.
        SurroundingsError: the store can't be written.
    """
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        with disk.problems(root):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _take(descriptor, how)
            if _is_at(descriptor, path):
                yield
                return
            # It was tidied away while we waited; who comes next makes another.
        finally:
            os.close(descriptor)


def own(folder: Path, *, wait: bool) -> int:
    """Lock a folder; return the descriptor that holds the lock.

    Raises:
        OSError: another has it, or it is gone.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _take(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _take(descriptor: int, how: int) -> None:
    """Lock an open file; waiting for it can be interrupted, in every thread."""
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if how & fcntl.LOCK_NB:
                raise
            time.sleep(_LOOK)
        else:
            return


def _is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file is the one at ``path``."""
    try:
        found = path.stat()
    except OSError:
        return False
    mine = os.fstat(descriptor)
    return (mine.st_dev, mine.st_ino) == (found.st_dev, found.st_ino)
