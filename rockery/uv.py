"""Where uv is: it resolves and installs Python packages."""

from __future__ import annotations

import functools
import shutil

from rockery.errors import Problem, SurroundingsError


@functools.cache
def uv() -> str:
    """Return the path of uv: the one that came with rockery, else the one on PATH.

    Raises:
        SurroundingsError: there is none.
    """
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
