"""requirements-dev.txt is what pyproject.toml and its .in file ask for, and names no host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
LOCKED = (ROOT / "requirements-dev.txt").read_text()


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "scripts/requirements-dev.in").read_text().splitlines()
    own = [text for line in lines if (text := line.partition("#")[0].strip())]
    return [Requirement(text) for text in project["dependencies"] + own]


def test_everything_wanted_is_locked() -> None:
    locked = dict(re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", LOCKED, re.MULTILINE))
    for requirement in wanted():
        name = canonicalize_name(requirement.name)
        assert name in locked, f"run the command in scripts/requirements-dev.in: {name}"
        assert requirement.specifier.contains(locked[name], prereleases=True), name


def test_every_line_has_hashes_and_no_address() -> None:
    for block in re.split(r"^(?=\S)", LOCKED, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block, block
    assert "://" not in LOCKED
    assert "--index" not in LOCKED
