"""A real target: this release's Python and libraries, and real packages from the index."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rockery.verify import merged

_PR_SET_CHILD_SUBREAPER = 36

_FOLDERS = ("bin", "lib", "lib64", "sbin")
_EXTRA = ("libgcc-s1", "libstdc++6", "zlib1g", "libexpat1")
_PACKAGES = (
    "flask",
    "pydantic-settings",
    "python-decouple",
    "environs",
    "starlette",
    "gevent",
    "flask-sqlalchemy",
)


def _apt(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot have a target: {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _depends(*packages: str) -> list[str]:
    shown = _apt(
        "apt-cache", "depends", "--no-recommends", "--no-suggests", "--important", *packages
    )
    return re.findall(r"^ *\|?(?:Pre)?Depends: ([\w.+-]+)", shown, re.MULTILINE)


@pytest.fixture(scope="session")
def cache(pytestconfig: pytest.Config) -> Path:
    kept = getattr(pytestconfig, "cache", None)
    if kept is not None:
        return kept.mkdir("verify")
    # Without pytest's cache (-p no:cacheprovider) in the place that it would have given.
    folder = pytestconfig.rootpath / ".pytest_cache/d/verify"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def only_one(cache: Path) -> Iterator[None]:
    """Wait for other processes of the same test run that make something here."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def runtime(cache: Path) -> Path:
    """The tree of a runtime layer, made once and kept in pytest's cache."""
    tree = cache / "runtime"
    with only_one(cache):
        if not tree.is_dir():
            _make_runtime(cache, tree)
    return tree


def _make_runtime(cache: Path, tree: Path) -> None:
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("cannot have a target: no apt-get or dpkg-deb here")
    version = next(
        name.removesuffix("-minimal")
        for name in _depends("python3-minimal")
        if re.fullmatch(r"python3\.\d+-minimal", name)
    )
    own = [f"{version}-minimal", f"lib{version}-minimal", f"lib{version}-stdlib"]
    needed = {name for name in _depends(*own) if name.startswith(("lib", "zlib"))}
    archives = cache / "archives"
    archives.mkdir(exist_ok=True)
    options = ["-o", "APT::Sandbox::User=root"]
    done = subprocess.run(
        ["apt-get", *options, "download", *sorted({*own, *needed, *_EXTRA})],
        cwd=archives, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"cannot have a target: {done.stderr.strip()}")
    made = cache / f"runtime.{os.getpid()}"
    for folder in _FOLDERS:
        (made / "usr" / folder).mkdir(parents=True)
        (made / folder).symlink_to(f"usr/{folder}")
    for archive in archives.glob("*.deb"):
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE
        ) as opened:
            subprocess.run(
                ["tar", "-x", "--no-same-owner", "--keep-directory-symlink", "-C", made],
                stdin=opened.stdout, check=True,
            )  # fmt: skip
    shutil.rmtree(made / "usr/share", ignore_errors=True)
    (made / "usr/bin/python3").symlink_to(version)
    _compile(made, made / "usr/lib" / version)
    (made / "tmp").mkdir(mode=0o1777)
    (made / "etc").mkdir(exist_ok=True)
    (made / "etc/passwd").write_text("_daemon_:x:584792:584792::/var/lib/pebble:/usr/bin/false\n")
    made.rename(tree)


@pytest.fixture(scope="session")
def dependencies(cache: Path, runtime: Path) -> Path:
    """The tree of a dependency layer: Flask, pydantic and others, for the target's Python."""
    tree = cache / "dependencies"
    with only_one(cache):
        if not tree.is_dir():
            _make_dependencies(cache, runtime, tree)
    return tree


def _make_dependencies(cache: Path, runtime: Path, tree: Path) -> None:
    version = (runtime / "usr/bin/python3").readlink().name.removeprefix("python")
    made = cache / f"dependencies.{os.getpid()}"
    done = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--only-binary", ":all:",
         "--python-version", version, "--link-mode", "copy", "--target",
         made / f"usr/local/lib/python{version}/dist-packages", *_PACKAGES],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"cannot have dependencies: {done.stderr.strip()}")
    _compile(runtime, made)
    made.rename(tree)


def _compile(runtime: Path, folder: Path) -> None:
    """Compile bytecode with the target's Python, as a pack does."""
    python = merged.command(runtime, "/usr/bin/python3")
    assert python
    options = ["-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*python, "-m", "compileall", *options, folder], check=False)


Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Make the tree of an app layer from ``name=source``; "__" in a name is a slash."""

    def make(**files: str) -> Path:
        tree = tmp_path / "app"
        for name, text in files.items():
            path = tree / "flask/app" / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
        return tree

    return make


@pytest.fixture
def snapshot() -> Callable[..., list[tuple[object, ...]]]:
    """Take down all that would show that anybody wrote into some trees."""

    def take(*trees: Path) -> list[tuple[object, ...]]:
        return sorted(
            (str(path), stat.st_mode, path.is_dir() or stat.st_size, stat.st_mtime_ns)
            for tree in trees
            for path in [tree, *tree.rglob("*")]
            for stat in [path.lstat()]
        )

    return take


def _processes() -> set[tuple[int, str]]:
    """Return (id, command line) of all below this process that runs our keeper or a probe."""
    parents, commands = {}, {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
                parents[int(process.name)] = int(fields[1])
                commands[int(process.name)] = (process / "cmdline").read_bytes()

    def is_ours(process: int) -> bool:
        while process not in (0, os.getpid()):
            process = parents.get(process, 0)
        return process != 0

    return {
        (process, command.decode(errors="replace"))
        for process, command in commands.items()
        if (b"keeper.py" in command or b"rockery probe" in command) and is_ours(process)
    }


@pytest.fixture
def probes() -> Callable[[], list[int]]:
    """List the probes that run below this process: other ones are other tests'."""
    return lambda: [process for process, command in _processes() if "rockery probe" in command]


def _mounts() -> set[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    # An engine has overlays of its own, for containers that come and go.
    own = [line for line in lines if "/overlay2/" not in line]
    return {line for line in own if "rockery-" in line or "overlay" in line}


@pytest.fixture(scope="session")
def own_folder() -> Iterator[Path]:
    """A folder for temporary files, which other processes that run tests don't use."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        Path(name).chmod(0o1777)
        patch.setenv("TMPDIR", name)
        patch.setattr(tempfile, "tempdir", name)
        yield Path(name)


@pytest.fixture(scope="session")
def _adopting() -> None:
    """Have processes whose parents end become children of this one."""
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


@pytest.fixture(autouse=True)
def nothing_left_behind(own_folder: Path, _adopting: None) -> Iterator[None]:
    """No process, no mount and no folder stays after any test."""

    def seen() -> set[object]:
        return {*_processes(), *_mounts(), *own_folder.glob("rockery-v*")}

    before = seen()
    yield
    # A keeper whose caller was killed takes a moment.
    deadline = time.monotonic() + 10
    while (left := seen() - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left
