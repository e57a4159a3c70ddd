"""Those who are measured: what each does for a pack, and how its caches are emptied."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.pack.case import FailedError
from bench.pack.engine import IMAGES, Docker
from bench.pack.project import ROOT, Project
from rockery.uv import uv

_HERE = Path(__file__).parent


def run(words: list[str | Path], environment: dict[str, str] | None = None) -> None:
    """Run a command; raise with what it said if it fails.

    Whatever the environment says, Python may keep what it compiles, as it does for who has
    installed a program.
    """
    given = os.environ | (environment or {})
    given.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(words, env=given, capture_output=True)
    if done.returncode:
        raise FailedError(
            f"{' '.join(map(str, words))} failed with {done.returncode}:\n"
            f"{done.stdout.decode()[-2000:]}\n{done.stderr.decode()[-3000:]}"
        )


class Rockery:
    """``rockery pack`` with a store of its own."""

    #: What the store keeps that is not made of packages by a pack.
    _PACKAGES = ("components", "indexes", "packages", "uv")

    def __init__(self, place: Path) -> None:
        self.store = place / "store"
        self._prepared = place / "prepared"
        self.output = place / "rocks"
        self.output.mkdir(exist_ok=True)
        self.program = Path(sys.executable).with_name("rockery")
        self.environment = {"ROCKERY_STORE": str(self.store)}

    def pack(self, project: Project, *words: str, platform: str = "amd64") -> Path:
        """Pack the project for a platform; return the rock."""
        words = ("--platform", platform, "--quiet", "--output", str(self.output), *words)
        run([self.program, "-C", project.folder, "pack", *words], self.environment)
        return self.output / f"{project.name}_0.1_{platform}.rock"

    def prepared(self) -> None:
        """Keep the store as it is, for every case to begin with."""
        shutil.copytree(self.store, self._prepared, symlinks=True)

    def begin(self) -> None:
        """Begin with the store as it was prepared."""
        shutil.rmtree(self.store)
        shutil.copytree(self._prepared, self.store, symlinks=True)

    def forget_layers(self) -> None:
        """Keep the caches of packages, and the components, but nothing made of them."""
        self._keep(self._PACKAGES)

    def forget(self) -> None:
        """Keep the components alone."""
        self._keep(("components",))

    def _keep(self, names: tuple[str, ...]) -> None:
        for folder in self.store.iterdir():
            if folder.name not in names:
                shutil.rmtree(folder)


class BuildKit:
    """``docker build`` with BuildKit, from the Dockerfile beside this module."""

    def __init__(self, place: Path, docker: Docker) -> None:
        self.docker = docker
        self._place = place
        self._generation = 0
        self._secrets = _secrets(place)

    def prepare(self, project: Project) -> None:
        """Give the project what is needed to build it."""
        shutil.copy(_HERE / "pebble.yaml", project.folder / ".pebble.yaml")
        (project.folder / ".dockerignore").write_text("rockcraft.yaml\nREADME.md\n**/__pycache__\n")

    def build(self, project: Project, *words: str, runtime: str = f"{IMAGES}-runtime") -> str:
        """Build the project's image; return its name."""
        text = (_HERE / "Dockerfile").read_text()
        text = text.replace("%IMAGES%", IMAGES).replace("%CACHE%", self.cache)
        recipe = self._place / f"{project.name}.Dockerfile"
        recipe.write_text(text)
        name = f"{IMAGES}-{project.name}"
        self.docker(
            *("build", "--quiet", "--network", "host", "--file", recipe, "--tag", name),
            *("--build-arg", f"runtime={runtime}", *self._secrets, *words, project.folder),
        )
        return name

    @property
    def cache(self) -> str:
        """The name that the cache mounts' names begin with."""
        return f"bench-{os.getpid()}-{self._generation}"

    def forget(self) -> None:
        """Begin with empty cache mounts; the layers' cache is passed over by ``--no-cache``."""
        self._generation += 1


def _secrets(place: Path) -> list[str]:
    """Return options that give a build this host's package index and certificates.

    As secrets they are in no layer, and change no key of the cache.
    """
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "HTTP_PROXY", "HTTPS_PROXY")
    lines = [f"export {name}='{os.environ[name]}'" for name in names if name in os.environ]
    words: list[str] = []
    certificates = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    if certificates.exists():
        lines.append("export SSL_CERT_FILE=/run/secrets/certificates")
        words += ["--secret", f"id=certificates,src={certificates}"]
    if lines:
        settings = place / "settings"
        settings.write_text("\n".join(lines) + "\n")
        words += ["--secret", f"id=settings,src={settings}"]
    return words


class Uv:
    """``uv`` alone: chooses versions and installs them into a folder, and that is all.

    Whoever packs changed requirements does no less.
    """

    def __init__(self, place: Path) -> None:
        self._work = place / "uv"
        self._cache = place / "uv-cache"

    def install(self, project: Project) -> None:
        """Resolve with hashes and install, as rockery has it done."""
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        pinned = self._work / "pinned.txt"
        common = {"UV_CACHE_DIR": str(self._cache), "UV_NO_PROGRESS": "1"}
        python = ("--python", sys.executable)
        asked = project.folder / "requirements.txt"
        run(
            [uv(), "pip", "compile", "-q", "--generate-hashes", *python, "-o", pinned, asked],
            common,
        )
        kept = ("--no-deps", "--link-mode", "hardlink", "--target", self._work / "site")
        run([uv(), "pip", "install", "-q", *python, *kept, "-r", pinned], common)


class CraftParts:
    """craft-parts alone, rockcraft's engine: pull, build, stage and prime on this machine."""

    def __init__(self, place: Path) -> None:
        self._work = place / "craft"
        self._caches = place / "craft-caches"

    def bring_up(self, project: Project) -> None:
        """Bring the parts up to date."""
        run(
            [
                *(sys.executable, "-m", "bench.pack.craft"),
                *(project.folder, self._work / project.name, self._caches / "craft"),
            ],
            {"PYTHONPATH": str(ROOT), "PIP_CACHE_DIR": str(self._caches / "pip")},
        )

    def forget_parts(self, project: Project) -> None:
        """Keep pip's cache alone."""
        shutil.rmtree(self._work / project.name, ignore_errors=True)

    def forget(self) -> None:
        """Keep nothing."""
        for folder in (self._work, self._caches):
            shutil.rmtree(folder, ignore_errors=True)
