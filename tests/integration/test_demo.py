"""``scripts/demo`` on a machine without an engine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from surroundings import ROOT

pytestmark = pytest.mark.network


def test_serves_without_an_engine(store: Path, tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": "unix:///none", "ROCKERY_ENGINE": str(tmp_path / "engine")}
    done = subprocess.run(
        [ROOT / "scripts/demo"],
        env=os.environ | nowhere | {"ROCKERY_STORE": str(store)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "serving it without an engine" in done.stderr
    assert "Hello, world!" in done.stdout
    assert "flask_requests" in done.stdout
