"""Layers in every compression: one image to an engine, readable by others."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import docker
import pytest
from surroundings import EXAMPLES, Rockery, tool

pytestmark = [pytest.mark.network, pytest.mark.engine]

#: For the archive, as the project promises of it: bytes.
MOST = {"gzip": 28_000_000, "zstd": 24_000_000}


def test_one_image_in_two_compressions(
    rockery: Rockery, engine: docker.DockerClient, tmp_path: Path
) -> None:
    """An engine that can't read zstd gets plain layers; its image id is the same."""
    project = tmp_path / "hello"
    ignored = shutil.ignore_patterns("*.rock", "__pycache__", ".venv")
    shutil.copytree(EXAMPLES / "flask-hello", project, ignore=ignored)
    # A layer that no engine has: what it has it doesn't read.
    (project / "app.py").write_text((project / "app.py").read_text() + f"# {tmp_path}\n")
    made = {}
    for method, most in MOST.items():
        done = rockery(
            *("-C", project, "pack", "--no-verify", "--json", "--load"),
            *("--compression", method, "--output", tmp_path / method),
        )
        made[method] = json.loads(done.stdout)
        assert Path(made[method]["rock"]).stat().st_size <= most
        name = made[method]["loaded"]
        try:
            assert engine.images.get(name).id in (made[method]["image_id"], made[method]["digest"])
        finally:
            engine.images.remove(name, force=True)
    assert made["gzip"]["image_id"] == made["zstd"]["image_id"]
    assert made["gzip"]["digest"] != made["zstd"]["digest"]
    said = subprocess.run(
        [tool("skopeo"), "inspect", "--raw", f"oci-archive:{made['zstd']['rock']}"],
        capture_output=True,
        check=True,
    ).stdout
    types = {layer["mediaType"] for layer in json.loads(said)["layers"]}
    assert types == {"application/vnd.oci.image.layer.v1.tar+zstd"}
    copied = tmp_path / "copied"
    subprocess.run(
        [tool("skopeo"), "copy", "-q", f"oci-archive:{made['zstd']['rock']}", f"dir:{copied}"],
        check=True,
    )
    reports = [
        json.loads(rockery("inspect", "--json", made[method]["rock"]).stdout) for method in MOST
    ]
    for key in ("services", "packages", "image_id"):
        assert reports[0][key] == reports[1][key]
