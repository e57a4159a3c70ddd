"""Large projects: the time grows with what there is to pack, and rockery's memory does not.

``scripts/test --soak tests/integration/test_scale.py -s`` prints a line for docs/soak.md.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import docker
import memory
import pytest
from attempt import Attempt
from memory import Peak

pytestmark = [pytest.mark.network, pytest.mark.soak]

#: What rockery's own processes may take together, in kilobytes.
_MOST_MEMORY = 200_000

#: What a store keeps of a pack for which layers are made anew, packages fetched but not resolved.
_INGREDIENTS = ("components", "indexes", "uv")


def pack(attempt: Attempt, *words: str | Path) -> tuple[float, Peak, str]:
    """Pack; return the seconds that took, the peak of memory, and what was said."""
    began = time.monotonic()
    done, peak = memory.run(
        *(sys.executable, "-m", "rockery", "pack", *words),
        cwd=attempt.folder,
        env=attempt.environment(),
        timeout=3600,
    )
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began, peak, done.stderr


def _told(what: str, *peaks: Peak) -> None:
    """Tell what the peak of memory was, and see that it isn't too much."""
    most = max(peaks, key=lambda peak: peak.kilobytes)
    print(f"\nsoak: {what}, at most {most.kilobytes / 1000:.0f} MB of memory", flush=True)
    assert most.kilobytes < _MOST_MEMORY, most.parts


def many_files(attempt: Attempt, number: int) -> None:
    for n in range(number):
        path = attempt.folder / f"data/{n // 500}/{n}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{n}\n")


def large(attempt: Attempt, megabytes: int) -> None:
    """Write a file of which half can be compressed."""
    with (attempt.folder / "model.bin").open("wb") as stream:
        for n in range(megabytes):
            stream.write(os.urandom(500_000) + bytes([n % 256]) * 500_000)


def model(attempt: Attempt, megabytes: int) -> None:
    """Write a file like the weights of a model, most of which can't be compressed."""
    with (attempt.folder / "model.bin").open("wb") as stream:
        for _ in range(megabytes):
            stream.write(os.urandom(900_000) + bytes(100_000))


#: What to stage of the distribution, for as many packages at least as a rock then has.
_STAGED = {
    60: ["git"],
    240: ["ffmpeg"],
    460: [
        *("default-jre-headless", "ffmpeg", "gdal-bin", "git", "graphviz", "imagemagick"),
        *("libreoffice-calc", "libreoffice-writer", "python3-pyqt5"),
    ],
}


def packages(attempt: Attempt, number: int) -> None:
    """Stage packages of the distribution as docs/rockcraft-yaml.md has it."""
    part = f"  packages:\n    plugin: nil\n    stage-packages: [{', '.join(_STAGED[number])}]\n"
    attempt.append("rockcraft.yaml", f"parts:\n{part}")


def wheels(attempt: Attempt, number: int) -> None:
    """Require so many packages, whose tiny wheels lie in the project: no index has them."""
    folder = attempt.folder.parent / "wheels"
    folder.mkdir()
    for n in range(number):
        name, info = f"tiny_{n}", f"tiny_{n}-1.0.dist-info"
        files = {
            f"{name}/__init__.py": f"number = {n}\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny-{n}\nVersion: 1.0\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
        }
        record = "".join(
            f"{path},sha256={_encoded(text)},{len(text)}\n" for path, text in files.items()
        )
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            for path, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
                wheel.writestr(path, text)
    attempt.append("requirements.txt", "".join(f"tiny-{n}==1.0\n" for n in range(number)))


def _encoded(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def fresh(store: Path, folder: Path) -> Path:
    """Return a store in which components are built and wheels cached, and no layer is made."""
    folder.mkdir()
    for kind in _INGREDIENTS:
        # Nothing in a store is ever written again, so links do; but apt locks its files.
        link = kind != "indexes" and (store / kind).stat().st_dev == folder.stat().st_dev
        subprocess.run(["cp", "-al" if link else "-a", store / kind, folder / kind], check=True)
    return folder


#: By name: how a project becomes large, and the sizes.
CASES: dict[str, tuple[Callable[[Attempt, int], None], tuple[int, ...]]] = {
    "files in the app": (many_files, (5_000, 20_000, 50_000)),
    "MB in the app": (large, (100, 1_000)),
    "MB of a model": (model, (200, 2_000)),
    "dependencies": (wheels, (30, 100, 300)),
    "packages of the distribution": (packages, (60, 240, 460)),
}


@pytest.mark.parametrize("name", CASES)
def test_time_is_linear_and_memory_flat(
    name: str, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all packages of the distribution is told what they take to be fetched, too."""
    make, sizes = CASES[name]
    took = []
    for size in sizes:
        folder = tmp_path / str(size)
        folder.mkdir()
        anew = make is packages
        attempt = Attempt(folder / "hello", fresh(store, folder / "store") if anew else store)
        make(attempt, size)
        if (folder / "wheels").is_dir():
            monkeypatch.setenv("UV_FIND_LINKS", str(folder / "wheels"))
        first, *peaks = pack(attempt)[:2]
        (attempt.folder / "app.py").touch()
        layers, peak, _ = pack(attempt)
        nothing, peak_of_nothing, _ = pack(attempt)
        if anew:
            there = sum(1 for _ in (attempt.store / "packages").iterdir())
            assert there >= size
        took.append(first)
        _told(
            f"{size} {name}: {first:.1f} s, all layers there {layers:.1f} s, "
            f"nothing changed {nothing:.1f} s",
            *(*peaks, peak, peak_of_nothing),
        )
        attempt.run("clean")
        shutil.rmtree(folder)
    # What a small pack takes anyway is in all of them.
    assert took[-1] < 2 * took[0] * sizes[-1] / sizes[0]


#: How a project is packed.
WAYS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "eight at once": ("--jobs", "8"),
    "zstd": ("--compression", "zstd"),
    "zstd, eight at once": ("--compression", "zstd", "--jobs", "8"),
    "smallest": ("--compression", "smallest"),
    "smallest, eight at once": ("--compression", "smallest", "--jobs", "8"),
}


@pytest.fixture
def larger(tmp_path: Path, store: Path) -> Attempt:
    """A project of which everything is made anew, with many files and a large one."""
    attempt = Attempt(tmp_path / "hello", fresh(store, tmp_path / "store"))
    many_files(attempt, 20_000)
    large(attempt, 60)
    return attempt


@pytest.mark.parametrize("way", WAYS)
def test_memory_has_a_bound_however_a_project_is_packed(way: str, larger: Attempt) -> None:
    took, peak, _ = pack(larger, *WAYS[way])
    _told(f"packed {way}: {took:.1f} s", peak)


def test_loading_has_the_same_bound(larger: Attempt, engine: docker.DockerClient) -> None:
    took, peak, _ = pack(larger, "--compression", "gzip", "--load")
    _told(f"packed and loaded: {took:.1f} s", peak)
    engine.images.remove("flask-hello:0.1", force=True)


def test_several_platforms_have_the_same_bound(larger: Attempt, tmp_path: Path) -> None:
    """The programs are stand-ins here, whose building for arm64 takes a minute."""
    larger.replace("rockcraft.yaml", "  amd64:\n", "  amd64:\n  arm64:\n")
    (program := tmp_path / "program").write_bytes(b"\x7fELF stands for a program")
    given = [f"--component={name}={program}" for name in ("pebble", "statsd-exporter")]
    took, peak, _ = pack(larger, "--no-verify", *given)
    _told(f"packed for two platforms: {took:.1f} s", peak)
    assert len(list(larger.folder.glob("*.rock"))) == 2


def test_a_log_tells_how_far_a_long_pack_is(tmp_path: Path, store: Path) -> None:
    attempt = Attempt(tmp_path / "hello", store)
    large(attempt, 60)
    _, _, said = pack(attempt, "--compression", "smallest")
    told = re.findall(r"^… .*\((\d+) of (\d+) MB\)", said, re.MULTILINE)
    assert told, said
    assert any(0 < int(done) < int(total) for done, total in told), said
