"""Where the tests stand, and what they ask of the machine they run on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

#: What the fixture ``rockery`` gives.
Rockery = Callable[..., "subprocess.CompletedProcess[str]"]


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    reason = f"{what} is missing: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def tool(name: str, package: str | None = None) -> str:
    """Return the path of a program; skip or fail the test without it."""
    return shutil.which(name) or missing(name, f"apt-get install {package or name}")
