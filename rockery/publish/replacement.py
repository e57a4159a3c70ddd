"""A file written elsewhere and renamed into place: there is the old one or the whole new one."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rockery.errors import Problem, SurroundingsError

#: Reasons for which a file can't be written, and what helps.
_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EROFS: ("the file system is read-only", None),
    errno.EACCES: ("permission denied", "correct the permissions of its folder"),
    errno.EISDIR: ("there is a folder of this name", "remove or rename that"),
    errno.ENOTDIR: ("it would be below something that is no folder", None),
}


@contextlib.contextmanager
def replacement(path: Path, *, option: str | None = None) -> Iterator[BinaryIO]:
    """Give a stream whose bytes become the file ``path`` on leaving without an error.

    ``option`` is the one that names another place, if there is one.

    Raises:
        SurroundingsError: the folder can't be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = _opened(path)
        try:
            with open(descriptor, "wb", buffering=1 << 20) as stream:  # noqa: PTH123
                yield stream
                stream.flush()
                umask = os.umask(0)
                os.umask(umask)
                os.fchmod(descriptor, 0o666 & ~umask)
                if temporary is None:
                    temporary = _named(descriptor, path)
            temporary.replace(path)
        except BaseException:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        if not _is_about(error, path):
            raise
        reason, remedy = _REASONS.get(error.errno or 0, (error.strerror or str(error), None))
        elsewhere = f"name another place with {option}" if option else None
        raise SurroundingsError(
            Problem(
                f"cannot write {path}: {reason}",
                code="file-not-writable",
                remedy=", or ".join(filter(None, (remedy, elsewhere))) or None,
            )
        ) from error


def _is_about(error: OSError, path: Path) -> bool:
    """Tell whether this is about the file, and not about one that its bytes are read from."""
    if error.filename is None:
        return True
    named = Path(os.fsdecode(error.filename))
    return path.is_relative_to(named) or named.parent == path.parent


def _opened(path: Path) -> tuple[int, Path | None]:
    """Open a new file on the disk of ``path``, without a name where the system can do that.

    Such a file is gone when its process is, even when that was killed.
    """
    with contextlib.suppress(OSError):
        return os.open(path.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600), None
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    return descriptor, Path(name)


def _named(descriptor: int, path: Path) -> Path:
    """Give a file without a name one beside ``path``: only a name can replace another."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    # Only with a folder's descriptor does Python call linkat(2), which follows the link in /proc;
    # the folder itself doesn't matter under an absolute path.
    source = f"/proc/self/fd/{descriptor}"
    os.link(source, temporary, src_dir_fd=descriptor, follow_symlinks=True)
    return temporary
