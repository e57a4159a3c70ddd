"""The wheel, installed elsewhere, packs what the checkout packs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from surroundings import EXAMPLES, ROOT

from rockery.uv import certificates, uv

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a wheel, built from the checkout and installed on its own."""
    folder = tmp_path_factory.mktemp("wheel")
    environment = {**os.environ, **certificates()}

    def run(*words: str) -> None:
        done = subprocess.run(
            [uv(), *words], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    run("build", "--quiet", "--wheel", "--out-dir", str(folder / "dist"), str(ROOT))
    run("venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    (wheel,) = (folder / "dist").glob("*.whl")
    run("pip", "install", "--quiet", "--python", str(folder / "venv/bin/python"), str(wheel))
    return folder / "venv/bin/rockery"


def test_the_wheel_packs_the_same_bytes(
    installed: Path, packed: Callable[..., Path], store: Path, tmp_path: Path
) -> None:
    project = tmp_path / "flask-hello"
    shutil.copytree(EXAMPLES / "flask-hello", project)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(installed), "pack", "--output", str(tmp_path)],
        cwd=project,
        env={**clean, "ROCKERY_STORE": str(store)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rock = Path(done.stdout.strip())
    assert rock.read_bytes() == packed("flask-hello").read_bytes()
    # What the page is made from is in the wheel too.
    page = subprocess.run(
        [str(installed), "inspect", "--html", "-", str(rock)], env=clean, capture_output=True
    )
    assert page.returncode == 0, page.stderr
    assert page.stdout.startswith(b"<!doctype html>")


def test_the_wheel_carries_what_commands_read(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (tmp_path / "requirements.txt").write_text("flask\n")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def said(*words: str) -> str:
        done = subprocess.run(
            [str(installed), *words], cwd=tmp_path, env=clean, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert re.fullmatch(r"rockery \d+\.\d+\.\d+\n", said("--version"))
    assert "fastapi-framework" in said("list-extensions")
    said("init", "--profile", "flask-framework")
    assert "flask-framework/install-app" in said("expand-extensions")
