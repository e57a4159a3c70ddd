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


@contextlib.contextmanager
def replacement(path: Path) -> Iterator[BinaryIO]:
    """Give a stream whose bytes become the file ``path`` on leaving without an error.

    Raises:
        SurroundingsError: the folder can't be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with open(descriptor, "wb", buffering=1 << 20) as stream:  # noqa: PTH123
                yield stream
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            raise
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise SurroundingsError(
            Problem(
                f"cannot write {path}: {reason}",
                code="archive-not-writable",
                remedy="free some space, or name another folder with --output",
            )
        ) from error
