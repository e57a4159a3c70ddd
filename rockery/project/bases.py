"""Which bases exist, and which Python each brings: what validation has to know of them."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from rockery.data import data_folder

BARE = "bare"

_PYTHON = re.compile(r"""^python:\s*["']?(\d+\.\d+)""", re.MULTILINE)


def known() -> tuple[str, ...]:
    """Return the names of the distribution releases, such as ``debian@12``, sorted."""
    return tuple(sorted(_files()))


def python_of(base: str) -> str | None:
    """Return the version of ``python3`` in ``base`` ("3.11"), or None where it isn't known."""
    path = _files().get(base)
    if path is None:
        return None
    # One line of a file that is long: parsing the whole costs more than all else here.
    found = _PYTHON.search(path.read_text())
    return found[1] if found else None


def spelled(name: str) -> str:
    """Return ``name`` as it is spelled today: ``ubuntu:24.04`` is ``ubuntu@24.04``."""
    return re.sub(r"^([a-z]+):(?=\d)", r"\1@", name)


@functools.cache
def _files() -> dict[str, Path]:
    return {path.stem: path for path in data_folder("bases").glob("*@*.yaml")}
