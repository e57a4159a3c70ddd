"""The Docker engine, and the images that both sides' builds begin with."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from bench.pack.case import FailedError

#: What the images are called, and their tags begin with.
IMAGES = "rockery-bench"


def client() -> str:
    """Return the first `docker` on PATH that builds with BuildKit: some lack its plugin."""
    tried = []
    for folder in os.get_exec_path():
        found = shutil.which("docker", path=folder)
        if found is None:
            continue
        said = subprocess.run(
            [found, "build", "--quiet", "-"],
            input=b"FROM scratch\nLABEL bench=yes\n",
            env=os.environ | {"DOCKER_BUILDKIT": "1"},
            capture_output=True,
        )
        if said.returncode == 0:
            subprocess.run([found, "rmi", said.stdout.decode().strip()], capture_output=True)
            return found
        tried.append(f"{found}: {said.stderr.decode().strip()}")
    raise FailedError("no docker builds with BuildKit: " + "; ".join(tried))


class Docker:
    """The engine through its command."""

    def __init__(self, program: str) -> None:
        self.program = program

    def __call__(self, *words: str | Path, stdin: bytes | None = None) -> str:
        done = subprocess.run(
            [self.program, *words],
            input=stdin,
            env=os.environ | {"DOCKER_BUILDKIT": "1"},
            capture_output=True,
        )
        if done.returncode:
            raise FailedError(f"docker {words[0]} failed: {done.stderr.decode()[-3000:]}")
        return done.stdout.decode().strip()

    def version(self) -> str:
        """Return the engine's version and its storage driver."""
        return self("info", "--format", "{{.ServerVersion}}, {{.Driver}}")

    def size(self, image: str) -> int:
        """Return an image's size, unpacked, in bytes."""
        return int(self("image", "inspect", "--format", "{{.Size}}", image))

    def import_layers(self, rock: Path, count: int, name: str) -> None:
        """Make an image of the ``count`` lowest layers of a rock."""
        with tarfile.open(rock) as archive:

            def read(path: str) -> bytes:
                member = archive.extractfile(path)
                assert member is not None
                return member.read()

            (manifest,) = json.loads(read("manifest.json"))
            whole = json.loads(read(manifest["Config"]))
            layers = manifest["Layers"][:count]
            files = {path: read(path) for path in layers}
        path = next(word for word in whole["config"]["Env"] if word.startswith("PATH="))
        config = {
            "architecture": whole["architecture"],
            "os": "linux",
            "config": {"Env": [path]},
            "rootfs": {"type": "layers", "diff_ids": whole["rootfs"]["diff_ids"][:count]},
        }
        text = json.dumps(config).encode()
        named = f"{hashlib.sha256(text).hexdigest()}.json"
        files[named] = text
        loadable = [{"Config": named, "RepoTags": [f"{name}:latest"], "Layers": layers}]
        files["manifest.json"] = json.dumps(loadable).encode()
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w") as made:
            for path, data in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(data)
                made.addfile(member, io.BytesIO(data))
        self("load", "--quiet", stdin=sink.getvalue())

    def import_program(self, program: Path, name: str) -> None:
        """Make an image with one file, the program."""
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w") as made:
            made.add(program, program.name)
        self("import", "-", name, stdin=sink.getvalue())
