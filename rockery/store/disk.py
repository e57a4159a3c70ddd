"""The disk a store lies on: what it refuses, and removing whole folders."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from rockery.errors import Problem, SurroundingsError


@contextlib.contextmanager
def problems(root: Path) -> Iterator[None]:
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
        if error.errno not in reasons or not _is_about(error, root):
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


def _is_about(error: OSError, root: Path) -> bool:
    """Tell whether this is about something in ``root``, or a folder that it would be made in."""
    if error.filename is None:
        return True
    path = Path(os.fsdecode(error.filename))
    return path.is_relative_to(root) or root.is_relative_to(path)


def remove_tree(folder: Path) -> None:
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
