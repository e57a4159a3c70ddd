"""Which Python packages a rock has: uv resolves them for the rock's own Python."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from rockery.errors import Location, Problem, ProjectError, SurroundingsError
from rockery.resolution import indexes, locks
from rockery.resolution.locks import Lock
from rockery.store import Store
from rockery.uv import certificates, uv


@dataclass(frozen=True)
class PythonRequest:
    """What a project's parts ask for.

    Paths are relative to ``folder``, which is the project's or a copy of it. ``projects`` are
    local projects whose ``pyproject.toml`` says what they need ("." for the project's own);
    ``digests`` are of all files that are read, by path.
    """

    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    packages: tuple[str, ...]
    projects: tuple[str, ...]
    digests: Mapping[str, str]
    where: Location | None = None
    locks: tuple[Lock, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.requirements or self.packages or self.projects or self.locks)


@dataclass(frozen=True)
class PythonResolution:
    """Exact versions with hashes, as a requirement file; ``made`` is when, in UTC.

    ``wheels`` says whether all of them have a wheel for the target, so that nothing is built.
    ``large`` are the normalised names of those whose wheel is so large that they have a layer of
    their own, sorted.
    ``local`` are projects of the folder that the files name with ``-e .`` or a path. ``build``
    pins what packages are built with, in the same form; without it that floats. ``via`` has
    the packages that brought each, by normalised name, and none for those asked for.
    """

    text: str
    wheels: bool
    local: tuple[str, ...]
    made: str
    build: str = ""
    large: tuple[str, ...] = ()
    via: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        """The packages' versions by normalised name."""
        return _pinned(self.text)


@dataclass(frozen=True)
class PythonTarget:
    """The Python that packages are for.

    ``interpreter`` runs it on this host, or the same version where the target is of another
    architecture; ``platform`` is then what uv calls the target's. ``cache`` keeps builds.
    """

    interpreter: Path
    version: str
    cache: Path
    platform: str | None = None

    @property
    def choice(self) -> tuple[str, ...]:
        """The options by which uv chooses packages for this Python."""
        chosen = ("--python", str(self.interpreter))
        return (*chosen, "--python-platform", self.platform) if self.platform else chosen

    def run(
        self, *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run uv for this Python; nothing of the host's Python or virtual environment leaks in."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PYTHON") and name not in ("VIRTUAL_ENV", "CONDA_PREFIX")
        }
        environment |= {
            "UV_CACHE_DIR": str(self.cache),
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "NO_COLOR": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            **certificates(),
            **(variables or {}),
        }
        return subprocess.run(
            [uv(), *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
        )


#: Raise it when more is found out of a resolution.
_FORMAT = 2

#: Bytes of a wheel that is so large that a layer of its own is worth it: packing, sending and
#: unpacking it takes far longer than all that a layer costs.
_LARGE = 5_000_000

#: How many there are at most: engines stack at most 127 layers.
_MOST_LARGE = 20

#: The variables by which uv resolves otherwise: another index is another resolution.
_DECIDES = re.compile(
    r"UV_(\w*INDEX|EXCLUDE_NEWER|FIND_LINKS|NO_BINARY|ONLY_BINARY|NO_BUILD|PRERELEASE"
    r"|RESOLUTION|CONSTRAINT|OVERRIDE|BUILD_CONSTRAINT)"
)


def identity(request: PythonRequest, target: Mapping[str, str]) -> str:
    """Return the key of a resolution; ``target`` names the base, architecture and Python."""
    inputs = [
        _FORMAT,
        dict(target),
        request.requirements,
        request.constraints,
        request.packages,
        request.projects,
        [asdict(lock) for lock in request.locks],
        dict(request.digests),
        {name: value for name, value in os.environ.items() if _DECIDES.match(name)},
    ]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def stored(store: Store, key: str) -> PythonResolution | None:
    """Return the stored resolution ``key``, or None."""
    folder = store.get("resolutions", key)
    if folder is None:
        return None
    raw = json.loads((folder / "python.json").read_text())
    via = {name: tuple(names) for name, names in raw.get("via", {}).items()}
    large = tuple(raw["large"])
    return PythonResolution(
        *(raw["text"], raw["wheels"], tuple(raw["local"]), raw["made"]), large=large, via=via
    )


def resolve(
    store: Store, key: str, request: PythonRequest, folder: Path, target: PythonTarget
) -> PythonResolution:
    """Ask uv, remember the answer as ``key`` and return it.

    ``folder`` holds the files of the request; where they name local projects it must be a
    copy, because building metadata writes into it.

    Raises:
        ProjectError: there is no such package, or the requirements contradict each other.
        SurroundingsError: the package index can't be reached.
    """
    with store.temporary() as scratch:
        inputs = list(request.requirements)
        if request.packages:
            extra = scratch / "packages.in"
            extra.write_text("".join(f"{package}\n" for package in request.packages))
            inputs.append(str(extra))
        inputs += [f"{project}/pyproject.toml" for project in request.projects]
        locked = [locks.read(lock, folder, target) for lock in request.locks]
        for number, one in enumerate(locked):
            path = scratch / f"lock-{number}.in"
            path.write_text("".join(f"{line}\n" for line in one.lines))
            inputs.append(str(path))
        inputs += [word for name in request.constraints for word in ("--constraint", name)]
        places = indexes.named(request, folder)
        inputs += places.options
        # Which wheels there are only the other form tells, and who brought what only this one.
        # Both at once: each waits for the index most of the time.
        with ThreadPoolExecutor(1) as beside:
            asked = beside.submit(_locked, target, folder, inputs, scratch / "pylock.toml")
            done = target.run(
                *("pip", "compile", "--quiet", "--generate-hashes", "--no-header"),
                *("--no-emit-index-url", "--no-strip-extras", "--emit-build-options"),
                *(*target.choice, "--output-file", str(scratch / "out.txt")),
                *inputs,
                cwd=folder,
            )
        if done.returncode:
            raise _problem(done, request)
        text, via = _split_via((scratch / "out.txt").read_text())
        text, local = _split_local(text, folder)
        text = _with_hashes(text, {n: found for one in locked for n, found in one.hashes.items()})
        pinned = _pinned(text)
        packages, _ = asked.result()
        versions = {canonicalize_name(one["name"]): one.get("version") for one in packages}
        if pinned != {name: found for name, found in versions.items() if name in pinned}:
            # Something was released between the two.
            (scratch / "pinned.txt").write_text("\n".join([*places.lines, text]))
            only = ["--no-deps", *places.options, str(scratch / "pinned.txt")]
            packages, done = _locked(target, folder, only, scratch / "pylock.toml")
            if done.returncode:
                raise _problem(done, request)
        wheels, large = _wheels([one for one in packages if not _is_local(one)])
    made = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    resolution = PythonResolution(text, wheels, tuple(local), made, large=large, via=via)
    with store.put("resolutions", key, replace=True) as content:
        (content / "python.json").write_text(json.dumps(asdict(resolution)))
    return resolution


def _pinned(text: str) -> dict[str, str]:
    """Return the versions of pinned requirements by normalised name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", text, re.M)
    return {canonicalize_name(name): version for name, version in found}


def _locked(
    target: PythonTarget, folder: Path, inputs: Sequence[str], path: Path
) -> tuple[list[dict[str, Any]], subprocess.CompletedProcess[str]]:
    """Ask uv for a lock file (PEP 751) at ``path``; return its packages, and how uv ended."""
    done = target.run(
        *("pip", "compile", "--quiet", "--format", "pylock.toml"),
        *(*target.choice, "--output-file", str(path), *inputs),
        cwd=folder,
    )
    made = done.returncode == 0
    return tomllib.loads(path.read_text()).get("packages", []) if made else [], done


def _is_local(package: Mapping[str, Any]) -> bool:
    """Tell whether a package of a lock file is a folder, or an archive in one."""
    return "directory" in package or "path" in package.get("archive", {})


def _wheels(packages: Sequence[Mapping[str, Any]]) -> tuple[bool, tuple[str, ...]]:
    """Tell whether all packages of a lock file (PEP 751) have a wheel, and whose are large.

    uv lists only wheels for the target.
    """
    sizes: dict[str, int] = {}
    for package in packages:
        archive = package.get("archive", {})
        found = [archive] if archive.get("url", "").endswith(".whl") else package.get("wheels", [])
        sizes[canonicalize_name(package["name"])] = max(
            (wheel.get("size", 0) for wheel in found), default=-1
        )
    large = sorted((-size, name) for name, size in sizes.items() if size >= _LARGE)
    return -1 not in sizes.values(), tuple(sorted(name for _, name in large[:_MOST_LARGE]))


def _with_hashes(text: str, hashes: Mapping[str, frozenset[str]]) -> str:
    """Return pinned requirements with the hashes of a lock in place of the index's."""
    if not hashes:
        return text
    lines = []
    for block in re.split(r"\n(?=\S)", text.rstrip("\n")):
        requirement = re.split(r"\s*\\?\n", block, maxsplit=1)[0]
        name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
        own = hashes.get(canonicalize_name(name[0])) if name else None
        if own is None:
            lines.append(block)
        else:
            lines.append(" \\\n".join([requirement, *(f"    --hash={h}" for h in sorted(own))]))
    return "\n".join(lines) + "\n"


def _split_via(text: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Part the pinned requirements from the comments that say which package brought each."""
    kept: list[str] = []
    via: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            kept.append(line)
            found = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)", line)
            name = canonicalize_name(found[1]) if found else name
            continue
        # A file that asks for it is named with its option or in parentheses.
        who = line.strip().removeprefix("#").strip().removeprefix("via").strip()
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", who):
            via.setdefault(name, []).append(canonicalize_name(who))
    return "".join(f"{line}\n" for line in kept), {key: tuple(who) for key, who in via.items()}


def _split_local(text: str, folder: Path) -> tuple[str, list[str]]:
    """Part the lines that name a project of the folder from those of an index."""
    kept, local = [], []
    for line in text.splitlines():
        match = re.match(r"(?:-e |\S+ @ )?(file://\S+|\.{1,2}(?:/\S*)?|/\S+)$", line.split(" ;")[0])
        if match is None:
            kept.append(line)
            continue
        path = Path(match[1].removeprefix("file://"))
        absolute = path if path.is_absolute() else folder / path
        local.append(os.path.relpath(absolute, folder))
    return "".join(f"{line}\n" for line in kept), local


#: What uv draws in front of its explanations.
_ORNAMENTS = " \u00d7\u2570\u2500\u25b6\u2502\u251c"

_NETWORK = re.compile(
    r"dns error|Connect(?:ion)? (?:refused|reset|timed out)|error sending request|"
    r"Could not connect|tls|certificate|timed out|Failed to fetch|network",
    re.IGNORECASE,
)


def _problem(
    done: subprocess.CompletedProcess[str], request: PythonRequest
) -> ProjectError | SurroundingsError:
    said = [line.rstrip() for line in done.stderr.splitlines() if line.strip()]
    text = " ".join(line.strip(_ORNAMENTS) for line in said)
    if "No space left" in text:
        return SurroundingsError(
            Problem(
                "cannot resolve the Python packages: the disk is full",
                code="disk-full",
                remedy="free some space, or set ROCKERY_STORE",
                details=tuple(said),
            )
        )
    absent = re.search(
        r"(?:Because|and) (\S+) was not found in the (?:package registry|provided)", text
    )
    if absent and "offline" not in text.lower():
        name = absent[1]
        return ProjectError(
            Problem(
                f'cannot install "{name}": the package index has no such package',
                code="unknown-requirement",
                where=locate(request, name),
                remedy="correct the name, or name the index that has it (UV_INDEX)",
            )
        )
    lacking = re.search(r"Because there is no version of ([^\s<>=!~]+)(\S+) and you require", text)
    if lacking:
        name, wanted = lacking[1], lacking[2].rstrip(",")
        return ProjectError(
            Problem(
                f'cannot install "{name}{wanted}": the package index has no such version',
                code="unknown-version",
                where=locate(request, name),
                remedy="ask for one that there is, or name the index that has it (UV_INDEX)",
            )
        )
    if "No solution found" in text or "nsatisfiable" in text:
        return ProjectError(
            Problem(
                "cannot resolve the Python packages: the requirements contradict each other",
                code="requirements-conflict",
                where=request.where,
                remedy="loosen one of those that uv names",
                details=tuple(said),
            )
        )
    if _NETWORK.search(text):
        return SurroundingsError(
            Problem(
                "cannot resolve the Python packages: the package index can't be reached",
                code="index-unreachable",
                remedy="check the network and the proxy, or name another index (UV_DEFAULT_INDEX)",
                details=tuple(said),
            )
        )
    return ProjectError(
        Problem(
            "cannot resolve the Python packages",
            code="requirements",
            where=request.where,
            remedy="see what uv says",
            details=tuple(said),
        )
    )


def locate(request: PythonRequest, name: str, folder: Path | None = None) -> Location | None:
    """Return where a requirement file names the package ``name``.

    The files are in ``folder``; where it isn't given, beside what ``request.where`` names.
    """
    if folder is None:
        folder = Path(request.where.file).parent if request.where else Path()
    wanted = re.sub(r"[-_.]+", "-", name).lower()
    for path in request.digests:
        source = folder / path
        try:
            lines = source.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for number, line in enumerate(lines, 1):
            found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
            if found and re.sub(r"[-_.]+", "-", found[1]).lower() == wanted:
                return Location(path, number)
    return request.where
