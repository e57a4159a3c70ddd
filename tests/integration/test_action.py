"""The action for workflows: its steps are run as a runner runs them, and pre-commit's hook."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from surroundings import EXAMPLES, ROOT

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())

#: What the usual action takes and gives.
USUAL = {"path", "verbosity", "channel", "rockcraft-channel", "lxd-channel", "revision", "test"}
USUAL |= {"pro", "ignore"}


def test_it_takes_the_inputs_of_the_usual_one() -> None:
    assert ACTION["inputs"].keys() >= USUAL
    assert {"rock", "rocks"} <= ACTION["outputs"].keys()
    assert all(isinstance(each["default"], str) for each in ACTION["inputs"].values())


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "rockery"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rockery "$@"\n')
    program.chmod(0o755)
    return folder


def step(
    name: str, bin_folder: Path, store: Path, **inputs: str
) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run a step with these inputs; return what came of it, and its outputs."""
    (found,) = [each for each in ACTION["runs"]["steps"] if each["name"] == name]
    given = {key: each["default"] for key, each in ACTION["inputs"].items()}
    given |= {key.replace("_", "-"): value for key, value in inputs.items()}
    filled = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: given[match[1]], value)
        for key, value in found.get("env", {}).items()
    }
    output = bin_folder / "output"
    output.write_text("")
    script = bin_folder / "step.sh"
    script.write_text(found["run"])
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script],
        env={
            **os.environ,
            **filled,
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "ROCKERY_STORE": str(store),
            "GITHUB_OUTPUT": str(output),
        },
        capture_output=True,
        text=True,
    )
    return done, output.read_text()


@pytest.mark.network
def test_it_packs(bin_folder: Path, store: Path, tmp_path: Path) -> None:
    project = tmp_path / "a folder"
    shutil.copytree(EXAMPLES / "flask-hello", project)
    done, output = step("Pack", bin_folder, store, path=str(project))
    assert done.returncode == 0, done.stderr
    given = dict(line.split("=", 1) for line in output.splitlines())
    assert Path(given["rock"]).parent == project
    assert Path(given["rock"]).is_file()
    assert given["digest"].startswith("sha256:")


def test_findings_are_shown_at_their_lines(bin_folder: Path, store: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "flask-hello", tmp_path / "project")
    (tmp_path / "project" / "app.py").write_text("app = None\n")
    done, _ = step("Check", bin_folder, store, path=str(tmp_path / "project"))
    assert done.returncode == 0
    assert "::error title=missing-entrypoint" in done.stdout
    done, output = step("Pack", bin_folder, store, path=str(tmp_path / "project"))
    assert (done.returncode, output) == (1, "")


@pytest.mark.parametrize("inputs", [{"test": "true"}, {"pro": "esm-apps"}])
def test_what_cannot_be_had_is_refused(
    bin_folder: Path, store: Path, inputs: dict[str, str]
) -> None:
    done, output = step("Pack", bin_folder, store, path=str(EXAMPLES / "flask-hello"), **inputs)
    assert (done.returncode, output) == (2, "")


def test_the_hook_of_pre_commit(bin_folder: Path, tmp_path: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    for name in ("rockcraft.yaml", "rock/rockcraft.yaml", "app/main.py", "uv.lock"):
        assert re.search(hook["files"], name)
    assert not re.search(hook["files"], "static/style.css")
    environment = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    words = shlex.split(hook["entry"])
    assert subprocess.run(words, cwd=EXAMPLES / "flask-hello", env=environment).returncode == 0
    assert subprocess.run(words, cwd=tmp_path, env=environment).returncode == 1
