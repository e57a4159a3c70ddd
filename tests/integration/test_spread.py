"""The task files of spread, run here: see spread.yaml and spread.py beside this file."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import docker
import pytest
from spread import Job, jobs, run
from surroundings import ROOT, tool

pytestmark = [pytest.mark.engine, pytest.mark.network]


@pytest.fixture(scope="session")
def spread_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What spread would have sent to a machine, as far as the tasks use it."""
    path = tmp_path_factory.mktemp("spread")
    for name in ("examples", "tests/spread"):
        shutil.copytree(
            ROOT / name, path / name, ignore=shutil.ignore_patterns("*.rock", "__pycache__")
        )
    # The name it is called by is all that `rockcraft` has of its own.
    rockcraft = path / "bin" / "rockcraft"
    rockcraft.parent.mkdir()
    rockcraft.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from rockery.cli import main\n"
        "sys.exit(main())\n"
    )
    rockcraft.chmod(0o755)
    return path


@pytest.mark.parametrize("job", [pytest.param(job, id=job.name) for job in jobs(ROOT)])
def test_task(job: Job, spread_path: Path, engine: docker.DockerClient, store: Path) -> None:
    for name in ("docker", "curl") + (("skopeo",) if job.variant == "skopeo" else ()):
        tool(name)
    path = f"{spread_path / 'bin'}:{os.environ['PATH']}"
    outcome = run(job, spread_path, {"ROCKERY_STORE": str(store), "PATH": path})
    if outcome.failed:
        pytest.fail(f"{outcome.failed} failed\n{outcome}", pytrace=False)
