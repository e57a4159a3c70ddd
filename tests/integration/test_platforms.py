"""Several platforms in one pack: one archive each, without emulation."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from surroundings import EXAMPLES, Rockery

from rockery.layer.compression import plain

pytestmark = pytest.mark.network

#: The machine in an ELF header, at byte 18.
MACHINES = {"amd64": 62, "arm64": 183}


def test_one_archive_for_each_platform(rockery: Rockery, tmp_path: Path) -> None:
    """The programs are stand-ins here, whose building for arm64 takes a minute."""
    project = tmp_path / "hello"
    ignored = shutil.ignore_patterns("*.rock", "__pycache__", ".venv")
    shutil.copytree(EXAMPLES / "flask-hello", project, ignore=ignored)
    declared = project / "rockcraft.yaml"
    declared.write_text(declared.read_text().replace("  amd64:\n", "  amd64:\n  arm64:\n"))
    (program := tmp_path / "program").write_bytes(b"\x7fELF stands for a program")
    given = [f"--component={name}={program}" for name in ("pebble", "statsd-exporter")]
    pack = ("-C", project, "pack", "--no-verify", *given, "--output", tmp_path)
    paths = [Path(line) for line in rockery(*pack).stdout.splitlines()]
    assert [path.name for path in paths] == [
        "flask-hello_0.1_amd64.rock",
        "flask-hello_0.1_arm64.rock",
    ]
    found = {}
    for path in paths:
        report = json.loads(rockery("inspect", "--json", path).stdout)
        found[report["architecture"]] = _machine(path, "usr/bin/python3.11")
    assert found == MACHINES
    one = rockery(*pack, "--platform", "arm64", "--json").stdout
    assert json.loads(one)["rock"] == str(paths[1])
    both = json.loads(rockery(*pack, "--json").stdout)
    assert [rock["platform"] for rock in both["rocks"]] == ["amd64", "arm64"]


def _machine(rock: Path, program: str) -> int:
    """Return for which machine a program of the rock is."""
    with tarfile.open(rock) as archive:

        def blob(digest: str) -> bytes:
            stream = archive.extractfile(f"blobs/{digest.replace(':', '/')}")
            assert stream is not None
            return stream.read()

        index = archive.extractfile("index.json")
        assert index is not None
        manifest = json.loads(blob(json.load(index)["manifests"][0]["digest"]))
        layer = manifest["layers"][0]
        path = rock.with_suffix(".layer")
        path.write_bytes(blob(layer["digest"]))
    with (
        path.open("rb") as packed,
        plain(packed, layer["mediaType"]) as stream,
        tarfile.open(fileobj=stream, mode="r|") as files,
    ):
        for member in files:
            if member.name == program:
                source = files.extractfile(member)
                assert source is not None
                return int.from_bytes(source.read(20)[18:], "little")
    raise AssertionError(f"no {program} in {rock}")
