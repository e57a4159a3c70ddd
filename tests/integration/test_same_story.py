"""skopeo, Docker and ``rockery inspect`` tell the same of a rock."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import docker
import pytest
from served import Load, Packed
from surroundings import EXAMPLES, Rockery, tool

pytestmark = pytest.mark.network


@pytest.fixture
def rock(packed: Packed) -> Path:
    return packed("flask-hello")


@pytest.fixture
def report(rockery: Rockery, rock: Path) -> dict[str, Any]:
    """What ``inspect --json`` says."""
    return dict(json.loads(rockery("inspect", "--json", rock).stdout))


def skopeo(*words: str | Path) -> str:
    done = subprocess.run(
        [tool("skopeo"), *map(str, words)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def diff_ids(archive: Path, report: dict[str, Any]) -> list[str]:
    with tarfile.open(archive) as files:
        config = files.extractfile(f"blobs/{report['image_id'].replace(':', '/')}")
        assert config is not None
        return list(json.load(config)["rootfs"]["diff_ids"])


def test_skopeo_inspect(rock: Path, report: dict[str, Any]) -> None:
    seen = json.loads(skopeo("inspect", f"oci-archive:{rock}"))
    assert seen["Digest"] == report["digest"]
    assert seen["Layers"] == [layer["digest"] for layer in report["layers"]]
    sizes = [layer["Size"] for layer in seen.get("LayersData") or ()]
    if sizes:  # newer skopeos
        assert sizes == [layer["size"] for layer in report["layers"]]
    assert seen["Architecture"] == report["architecture"]
    assert seen["Created"] == report["created"]
    assert seen["Env"] == report["environment"]
    assert seen["Labels"]["org.opencontainers.image.version"] == "0.1"
    config = json.loads(skopeo("inspect", "--config", f"oci-archive:{rock}"))
    assert config["config"]["Entrypoint"] == report["entrypoint"]
    assert config["config"]["User"] == report["user"]
    assert [step["comment"] for step in config["history"]] == [
        layer["title"] for layer in report["layers"]
    ]


@pytest.mark.parametrize("kind", ["oci", "docker-archive", "dir"])
def test_skopeo_copy(rock: Path, report: dict[str, Any], tmp_path: Path, kind: str) -> None:
    target = f"{kind}:{tmp_path / 'copy'}" + (":hello:0.1" if kind == "docker-archive" else "")
    skopeo("copy", f"oci-archive:{rock}", target)
    copied = json.loads(skopeo("inspect", target.removesuffix(":hello:0.1")))
    plain = diff_ids(rock, report)
    expected = plain if kind == "docker-archive" else [each["digest"] for each in report["layers"]]
    assert copied["Layers"] == expected
    if kind != "docker-archive":
        assert copied["Digest"] == report["digest"]


@pytest.mark.engine
def test_docker(
    engine: docker.DockerClient, rock: Path, load: Load, report: dict[str, Any]
) -> None:
    image = engine.images.get(load(rock))
    assert image.id in (report["image_id"], report["digest"])
    assert image.attrs["RootFS"]["Layers"] == diff_ids(rock, report)
    config = image.attrs["Config"]
    assert config["Env"] == report["environment"]
    assert config["Entrypoint"] == report["entrypoint"]
    assert config["User"] == report["user"]
    assert image.attrs["Architecture"] == report["architecture"]
    history = image.history()
    assert [step["Comment"] for step in reversed(history)] == [
        layer["title"] for layer in report["layers"]
    ]
    # Docker counts the lengths of links' targets too.
    assert [step["Size"] for step in reversed(history)] == pytest.approx(
        [layer["content_size"] for layer in report["layers"]], rel=0.01, abs=500
    )


def test_inspect_for_a_person(rockery: Rockery, rock: Path, report: dict[str, Any]) -> None:
    text = rockery("inspect", rock).stdout
    for value in (report["digest"], report["image_id"], *report["services"]):
        assert value in text
    for layer in report["layers"]:
        assert layer["title"] in text
        assert layer["digest"][7:19] in text
    for name, version in {
        **report["packages"]["distribution"],
        **report["packages"]["python"],
    }.items():
        assert f"  {name} {version}\n" in text
    assert {"flask", "gunicorn", "statsd"} <= report["packages"]["python"].keys()
    assert sum(layer["size"] for layer in report["layers"]) < report["archive_size"]


def test_digests_of_pack_and_inspect(rockery: Rockery, tmp_path: Path) -> None:
    words = ("-C", EXAMPLES / "flask-hello", "pack", "--json", "--output", tmp_path)
    packed = json.loads(rockery(*words).stdout)
    report = json.loads(rockery("inspect", "--json", packed["rock"]).stdout)
    assert packed["schema_version"] == report["schema_version"] == 1
    assert packed["digest"] == report["digest"]
    assert packed["image_id"] == report["image_id"]
    assert [layer["title"] for layer in packed["layers"]] == [
        layer["title"] for layer in report["layers"]
    ]
    assert packed["loaded"] is None
