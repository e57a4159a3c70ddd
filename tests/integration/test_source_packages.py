"""Python packages that have no wheel for the target: built for it, pure and compiled."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest
from surroundings import EXAMPLES, tool

APP = """
import feedgen.feed, flask_mail, httpretty
import markupsafe._speedups
from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    return markupsafe._speedups.__file__
"""

REQUIREMENTS = "flask\nfeedgen\nhttpretty\nflask-mail\nmarkupsafe\n"


@pytest.mark.engine
@pytest.mark.network
def test_source_packages_are_built_for_the_rocks_own_python(
    engine: docker.DockerClient,
    rockery: Callable[..., Any],
    load: Callable[[Path], str],
    serve: Callable[..., Any],
    tmp_path: Path,
) -> None:
    tool("gcc")
    project = tmp_path / "sources"
    shutil.copytree(EXAMPLES / "flask-hello", project)
    (project / "app.py").write_text(APP)
    (project / "requirements.txt").write_text(REQUIREMENTS)
    # markupsafe has wheels; this asks for its C source all the same. The base's Python is
    # another than this machine's on most machines, and so is its C library.
    rock = rockery(
        *("-C", project, "pack", "--build-base", "debian@13", "--output", tmp_path),
        env={"UV_NO_BINARY_PACKAGE": "markupsafe"},
    ).stdout.strip()
    with serve(load(Path(rock))) as served:
        assert "cpython-313-x86_64-linux-gnu.so" in served.get().text
