from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Project = Callable[..., Path]

_HEAD = """\
name: hello
version: '0.1'
base: bare
build-base: debian@12
platforms:
  amd64:
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Write a project: ``project(extension, more)``, ``more`` being lines of rockcraft.yaml."""

    def write(extension: str | None = "flask-framework", more: str = "") -> Path:
        folder = tmp_path / "hello"
        folder.mkdir()
        name = "FastAPI" if extension == "fastapi-framework" else "Flask"
        (folder / "app.py").write_text(f"from {name.lower()} import {name}\napp = {name}('app')\n")
        (folder / "requirements.txt").write_text(f"{name.lower()}\n")
        declared = f"extensions: [{extension}]\n" if extension else ""
        (folder / "rockcraft.yaml").write_text(_HEAD + declared + more)
        return folder

    return write
