"""Where uv is: it resolves and installs Python packages."""

from __future__ import annotations

import functools
import os
import shutil
import threading
from pathlib import Path

from rockery.errors import Problem, SurroundingsError

#: Where a system keeps the certificates it trusts, those a company added among them.
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def certificates() -> dict[str, str]:
    """Return the variables that make uv trust what the system trusts.

    uv brings certificates of its own. The variable's name changed; each version passes over
    the other's.
    """
    if not _CERTIFICATES.exists():
        return {}
    names = ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS")
    return {name: os.environ.get(name, "true") for name in names}


#: Python's ``sysconfig``, which uv's own search asks, isn't safe to ask from two threads at first.
_searching = threading.Lock()


def uv() -> str:
    """Return the path of uv: the one that came with rockery, else the one on PATH.

    Raises:
        SurroundingsError: there is none.
    """
    with _searching:
        return _found()


@functools.cache
def _found() -> str:
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise SurroundingsError(
            Problem(
                "cannot install Python packages: uv is not there",
                code="no-uv",
                remedy="install it: pip install uv",
            )
        )
    return found
