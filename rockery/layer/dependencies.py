"""The layer of all Python packages: installed by uv for the target, then normalised.

uv installs into a folder of its own; from there every file goes to the place where the
rock's Python looks by itself. What uv leaves behind that differs from run to run is left
out (`packing-facts`: its lock and cache marks, absolute paths, shebangs).
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from rockery.errors import Problem, ProjectError, SurroundingsError
from rockery.layer.checksums import Checksums, encoded
from rockery.layer.elf import is_for
from rockery.layer.entry import Content, Entry, Inline, Stored, file
from rockery.layer.recorded import listed
from rockery.resolution.indexes import Indexes
from rockery.resolution.python import PythonResolution, PythonTarget

#: Raise it when the code below makes other bytes from the same inputs.
RECIPE = 5

#: How uv says what it builds with (0.5 to 0.9).
_BUILT_WITH = re.compile(r"Installing build requirement: ([A-Za-z0-9._-]+)==([^\s,]+)")

_LEFT_OUT = {".lock", "uv_cache.json", "uv_build.json"}

#: A module's bytecode, as a folder and a name.
_MODULE = re.compile(r"^((?:.*/)?)__pycache__/([^/]+)\.cpython-[^/]*\.pyc$")
_SHEBANG = re.compile(rb"\A#!.*python[^\n]*|\A#!/bin/sh\n'''exec' .*\n' '''", re.MULTILINE)


class UnusableWheelError(SurroundingsError):
    """A wheel that was fetched isn't one that uv can install."""


@dataclass(frozen=True)
class Sysroot:
    """What compiles C for the target: a tree with its headers, and the compiler to use."""

    root: Path
    compiler: str

    def variables(self, build_root: Path) -> dict[str, str]:
        """Return the environment that makes a build use the target's headers only.

        The flags leave out what differs from run to run: paths, debug data, build ids.
        """
        flags = f"-g0 -ffile-prefix-map={build_root}=. -ffile-prefix-map={self.root}="
        return {
            "CC": f"{self.compiler} --sysroot={self.root}",
            "CXX": f"{self.compiler.replace('gcc', 'g++')} --sysroot={self.root}",
            "LDSHARED": f"{self.compiler} --sysroot={self.root} -shared",
            "CFLAGS": f"--sysroot={self.root} {flags} {self._includes()}",
            "CXXFLAGS": f"--sysroot={self.root} {flags} {self._includes()}",
            "LDFLAGS": f"--sysroot={self.root} -Wl,--build-id=none",
            "PKG_CONFIG_SYSROOT_DIR": str(self.root),
            "PKG_CONFIG_LIBDIR": ":".join(
                str(path)
                for path in (
                    *self.root.glob("usr/lib/*-linux-gnu*/pkgconfig"),
                    self.root / "usr/share/pkgconfig",
                )
            ),
        }

    def _includes(self) -> str:
        return " ".join(f"-I{path}" for path in sorted(self.root.glob("usr/include/python3*")))


@dataclass(frozen=True)
class InstallRequest:
    """What is to be installed, with what, and where.

    Of ``resolution`` all, and the local ``projects`` of ``folder``; ``sysroot`` compiles what has
    no wheel, and ``indexes`` are where packages come from. ``scratch`` is a folder for all that
    is made.
    """

    resolution: PythonResolution
    folder: Path
    projects: Sequence[str]
    target: PythonTarget
    scratch: Path
    sysroot: Sysroot | None = None
    indexes: Indexes = field(default_factory=Indexes)


def install(request: InstallRequest) -> Path:
    """Install what is asked for; return the folder.

    Raises:
        ProjectError: a package doesn't build.
        UnusableWheelError: one is broken.
        SurroundingsError: the package index can't be reached, or the disk is full.
    """
    _install(request)
    return request.scratch / "site"


def build_requirements(request: InstallRequest) -> str:
    """Build what has no wheel once more; return what that needed, pinned with hashes.

    What two packages build with in two versions isn't pinned: a constraint can't say both.

    Raises:
        ProjectError, SurroundingsError: as :func:`install`.
    """
    scratch, target = request.scratch, request.target
    cache = scratch / "cache"
    if target.cache.is_dir():
        # All that was downloaded, and nothing that was built: see how uv names its folders.
        left_out = shutil.ignore_patterns("sdists-*", "builds-*", ".lock")
        shutil.copytree(
            target.cache, cache, symlinks=True, ignore=left_out, copy_function=_hard_link
        )
    target = dataclasses.replace(target, cache=cache)
    said = _install(dataclasses.replace(request, target=target), loudness="--verbose")
    versions: dict[str, set[str]] = {}
    for name, version in _BUILT_WITH.findall(said):
        versions.setdefault(name.lower(), set()).add(version)
    wanted = scratch / "build.in"
    agreed = {name: found for name, found in versions.items() if len(found) == 1}
    lines = [
        *request.indexes.lines,
        *(f"{name}=={found.pop()}" for name, found in sorted(agreed.items())),
    ]
    wanted.write_text("".join(f"{line}\n" for line in lines))
    if not agreed:
        return ""
    done = target.run(
        *("pip", "compile", "--quiet", "--generate-hashes", "--no-deps", "--no-header"),
        *("--no-annotate", "--no-emit-index-url", *request.indexes.options, str(wanted)),
        *("--python", str(target.interpreter), "--output-file", str(scratch / "build.txt")),
        cwd=scratch,
    )
    _check(done)
    return (scratch / "build.txt").read_text()


def _hard_link(source: str, target: str) -> None:
    os.link(source, target, follow_symlinks=False)


def _install(request: InstallRequest, loudness: str = "--quiet") -> str:
    resolution, folder, target = request.resolution, request.folder, request.target
    scratch, sysroot = request.scratch, request.sysroot
    site = scratch / "site"
    site.mkdir()
    pinned = scratch / "pinned.txt"
    indexes = "".join(f"{line}\n" for line in request.indexes.lines)
    pinned.write_text(indexes + resolution.text)
    if resolution.build:
        # Wheels that were built with something else lie in another cache.
        digest = hashlib.sha256(resolution.build.encode()).hexdigest()[:16]
        target = dataclasses.replace(
            target, cache=target.cache.with_name(f"{target.cache.name}-{digest}")
        )
    variables = sysroot.variables(target.cache) if sysroot and not resolution.wheels else {}
    common = ["pip", "install", loudness, "--no-deps", "--link-mode", "hardlink"]
    common += [*target.choice, *request.indexes.options, "--target", str(site)]
    if resolution.build:
        (scratch / "constraints.txt").write_text(resolution.build)
        common += ["--build-constraints", str(scratch / "constraints.txt")]
    said = ""
    if resolution.text.strip():
        done = target.run(*common, "--requirement", str(pinned), cwd=folder, variables=variables)
        _check(done)
        said += done.stderr
    for project in request.projects:
        done = target.run(*common, str(folder / project), cwd=folder, variables=variables)
        _check(done)
        said += done.stderr
    return said


def check_architecture(site: Path, architecture: str) -> None:
    """Raise where a package that was built here is not for the target's architecture.

    Source packages are built by this machine: what comes out pure runs anywhere, the rest
    doesn't.

    Raises:
        ProjectError: naming the packages and what to do.
    """
    wrong = set()
    for path in _files(site):
        if ".so" in path.suffixes and not is_for(path, architecture):
            wrong.add(path.relative_to(site).parts[0].partition(".")[0])
    if wrong:
        names = ", ".join(sorted(wrong))
        raise ProjectError(
            Problem(
                f"cannot pack {names} for {architecture}: there is no wheel, and what is built on "
                "this machine runs on this machine",
                code="foreign-build",
                remedy=f"choose a version with a wheel for {architecture}, or pack on such a "
                "machine",
            )
        )


def _check(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode == 0:
        return
    said = tuple(line.rstrip() for line in done.stderr.splitlines() if line.strip())
    text = "\n".join(said)
    if "No space left" in text:
        raise SurroundingsError(
            Problem(
                "cannot install the Python packages: the disk is full",
                code="disk-full",
                remedy="free some space, or set ROCKERY_STORE",
                details=said[-5:],
            )
        )
    failed = re.search(r"Failed to build `?([^`\s]+)", text)
    if failed:
        remedy = "see what its build printed"
        if re.search(
            r"(gcc|cc|clang|compiler).*(not found|No such file)|command .*gcc.* failed", text
        ):
            remedy += (
                "; a C compiler (apt-get install gcc) and the headers it misses (build-packages "
            )
            remedy += "of the dependencies part) may be what it wants"
        raise ProjectError(
            Problem(f"cannot build {failed[1]}", code="build-failed", remedy=remedy, details=said)
        )
    kind = UnusableWheelError if "Failed to install" in text else SurroundingsError
    raise kind(
        Problem(
            "cannot install the Python packages: uv could not fetch or unpack them",
            code="install-failed",
            remedy="check the network and the proxy, then run again; --refresh resolves anew",
            details=said,
        )
    )


class Installed:
    """A folder that uv installed into, by distribution: which file is whose.

    A file that several list, or none, is nobody's.
    """

    def __init__(self, site: Path, python: str, checksums: Checksums) -> None:
        self._site = site
        self._checksums = checksums
        self._packages = f"usr/local/lib/python{python}/dist-packages"
        self._records: dict[str, Path] = {
            canonicalize_name(record.parent.name.partition("-")[0]): record
            for record in sorted(site.glob("*.dist-info/RECORD"))
        }
        owners: dict[str, set[str]] = {}
        for name, record in self._records.items():
            for path in listed(record):
                owners.setdefault(path, set()).add(name)
        self._owners = {path: next(iter(who)) for path, who in owners.items() if len(who) == 1}

    def owner(self, path: str) -> str:
        """Return the normalised name of the distribution that a file is of, "" if nobody's."""
        return self._owners.get(_MODULE.sub(r"\1\2.py", path), "")

    def entries(self, wanted: Callable[[str], bool]) -> Iterator[Entry]:
        """Give the files of the distributions that are ``wanted``, at their places in the rock."""
        for path in _files(self._site):
            relative = path.relative_to(self._site).as_posix()
            place = _place(relative, self._packages)
            if place is None or not wanted(self.owner(relative)):
                continue
            content = _content(path, relative)
            if content is None:
                continue
            executable = relative.startswith("bin/") or path.stat().st_mode & 0o100
            yield Entry(place, "file", 0o755 if executable else 0o644, content=content)
        for name, record in self._records.items():
            if wanted(name):
                lines = sorted(_records(record, self._site, self._packages, self._checksums))
                text = io.StringIO()
                csv.writer(text, lineterminator="\n").writerows(lines)
                place = f"{self._packages}/{record.parent.name}/RECORD"
                yield file(place, text.getvalue())

    def identity(self, name: str) -> list[object]:
        """Return what decides the files of a distribution: its RECORD, and what is there of it."""
        paths = (path.relative_to(self._site).as_posix() for path in _files(self._site))
        there = [path for path in paths if self.owner(path) == name]
        return [hashlib.sha256(self._records[name].read_bytes()).hexdigest(), there]


def _files(site: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(site):
        names.sort()
        for name in sorted(files):
            yield Path(folder) / name


def _place(relative: str, packages: str) -> str | None:
    first, _, rest = relative.partition("/")
    if relative in _LEFT_OUT or Path(relative).name in _LEFT_OUT:
        return None
    if relative.endswith(".dist-info/RECORD"):
        return None  # written anew, last
    if first == "bin" and rest:
        return f"usr/bin/{rest}"
    if first in ("share", "etc") and rest:
        return f"usr/local/{relative}"
    if first == "include" and rest:
        return None
    return f"{packages}/{relative}"


def _content(path: Path, relative: str) -> Content | None:
    if relative.endswith(".dist-info/direct_url.json") and b'"file:' in path.read_bytes():
        return None
    if relative.startswith("bin/"):
        data = path.read_bytes()
        if data.startswith(b"#!"):
            return Inline(_SHEBANG.sub(b"#!/usr/bin/python3", data, count=1))
    return Stored(path, path.stat().st_size)


def _records(
    record: Path, site: Path, packages: str, checksums: Checksums
) -> Iterator[tuple[str, str, str]]:
    """Give the lines of a RECORD for the files as they are in the rock."""
    for relative in listed(record):
        source = site / relative
        place = _place(relative, packages)
        if place is None or not source.is_file():
            continue
        content = _content(source, relative)
        if content is None:
            continue
        if isinstance(content, Inline):
            digest = encoded(hashlib.sha256(content.data).digest())
        else:
            digest = checksums.of(source)
        yield os.path.relpath(place, packages), f"sha256={digest}", str(content.size)
    own = f"{record.parent.name}/RECORD"
    yield own, "", ""


def compiler_identity() -> Mapping[str, str]:
    """Return what of the host decides the bytes of compiled packages: its compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return {"compiler": "none"}
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    return {"compiler": said.splitlines()[0] if said else "unknown"}
