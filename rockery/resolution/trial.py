"""Which packages of a project have no wheel for a Python, tried with uv."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from rockery.errors import RockeryError
from rockery.uv import uv

#: Seconds; what takes longer has no answer.
_PATIENCE = 30

#: Packages after which it is known that wheels alone don't do.
_MOST = 6

_LACKING = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:[=<>!~]\S*)? (?:has|have) no (?:usable )?wheels"
)


def without_wheels(folder: Path, requirements: Iterable[str], python: str) -> frozenset[str] | None:
    """Return the names of ``requirements`` that have no wheel for ``python`` ("3.13").

    Nothing is built or installed. None where the index can't be asked, or can't say.
    """
    left = {_name(text): text for text in requirements if "://" not in text and _name(text)}
    lacking: set[str] = set()
    while left and len(lacking) < _MOST:
        said = _compiled(folder, left.values(), python)
        if said is None:
            return None
        if not said:
            return frozenset(lacking)
        found = {_name(name) for name in _LACKING.findall(" ".join(said.split()))} & left.keys()
        if not found:
            return None
        lacking |= found
        left = {name: text for name, text in left.items() if name not in found}
    return frozenset(lacking)


def _compiled(folder: Path, requirements: Iterable[str], python: str) -> str | None:
    """Return what uv says against the requirements, "" for nothing, None where it can't tell."""
    try:
        done = subprocess.run(
            [
                *(uv(), "pip", "compile", "--quiet", "--no-header", "--only-binary", ":all:"),
                *("--python-version", python, "--python-platform", "linux"),
                *("--output-file", os.devnull, "-"),
            ],
            input="".join(f"{text}\n" for text in requirements),
            cwd=folder,
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired, RockeryError):
        return None
    if done.returncode == 0:
        return ""
    return done.stderr if "No solution found" in done.stderr else None


def _name(text: str) -> str:
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""
