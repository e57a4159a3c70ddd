"""Lock files of other tools, read as exact requirements with the hashes they pin.

``uv.lock`` is exported by uv itself; ``pylock.toml`` (PEP 751), ``poetry.lock`` and
``Pipfile.lock`` are read here. What comes out goes into one resolution with the rock's
server, whose result has exactly the locked versions and no other hashes than the locked.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from rockery.errors import Location, Problem, ProjectError

if TYPE_CHECKING:
    from rockery.resolution.python import PythonTarget

Kind = Literal["uv", "pylock", "poetry", "pipfile"]


@dataclass(frozen=True)
class Lock:
    """A lock file: its path in the project's folder, and what of it is wanted.

    ``extras`` and ``groups`` are the names that the part gives beside the main dependencies.
    """

    kind: Kind
    path: str
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Locked:
    """The requirements of a lock, a line each, and the hashes of each package by name."""

    lines: tuple[str, ...]
    hashes: Mapping[str, frozenset[str]]


def kind_of(path: str) -> Kind | None:
    """Return the kind of lock that a requirement file really is, if it is one."""
    name = Path(path).name
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", name):
        return "pylock"
    return "pipfile" if name == "Pipfile.lock" else None


def read(lock: Lock, folder: Path, target: PythonTarget) -> Locked:
    """Read the lock in ``folder``.

    Raises:
        ProjectError: it can't be read, is out of date, or doesn't fit the rock's Python.
    """
    if lock.kind == "uv":
        return _uv(lock, folder, target)
    data = _parse(lock, folder)
    try:
        match lock.kind:
            case "pylock":
                return _collected(_pylock(data))
            case "pipfile":
                return _collected(_pipfile(data))
            case _:
                return _collected(_poetry(lock, folder, data, target.version))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _unreadable(lock, f"it is not laid out as expected ({error})") from error


@dataclass(frozen=True)
class _Package:
    name: str
    requirement: str
    marker: str | None
    hashes: frozenset[str]


def _collected(packages: Iterator[_Package]) -> Locked:
    lines: list[str] = []
    hashes: dict[str, frozenset[str]] = {}
    for package in packages:
        lines.append(package.requirement + (f" ; {package.marker}" if package.marker else ""))
        name = canonicalize_name(package.name)
        hashes[name] = hashes.get(name, frozenset()) | package.hashes
    return Locked(tuple(lines), {name: found for name, found in hashes.items() if found})


def _parse(lock: Lock, folder: Path) -> dict[str, Any]:
    try:
        text = (folder / lock.path).read_text(encoding="utf-8")
        parsed = json.loads(text) if lock.kind == "pipfile" else tomllib.loads(text)
    except OSError as error:
        raise _unreadable(lock, (error.strerror or str(error)).lower()) from error
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise _unreadable(lock, str(error)) from error
    if not isinstance(parsed, dict):
        raise _unreadable(lock, "it holds no table")
    return parsed


def _unreadable(lock: Lock, reason: str) -> ProjectError:
    tool = {"uv": "uv lock", "poetry": "poetry lock", "pipfile": "pipenv lock"}.get(lock.kind)
    return ProjectError(
        Problem(
            f"cannot read {lock.path}: {reason}",
            "broken-lock",
            Location(lock.path),
            f"write it anew with '{tool}'" if tool else "write it anew",
        )
    )


# uv.lock


def _uv(lock: Lock, folder: Path, target: PythonTarget) -> Locked:
    done = target.run(
        *("export", "--quiet", "--frozen", "--no-header", "--no-annotate", "--no-dev"),
        *("--no-emit-project", "--format", "requirements-txt"),
        *("--python", str(target.interpreter)),
        *(word for extra in lock.extras for word in ("--extra", extra)),
        *(word for group in lock.groups for word in ("--group", group)),
        cwd=(folder / lock.path).parent,
    )
    if done.returncode:
        said = tuple(line for line in done.stderr.splitlines() if line.strip())
        raise ProjectError(
            Problem(
                f"cannot use {lock.path}",
                "broken-lock",
                Location(lock.path),
                "see what uv says; 'uv lock' writes it anew",
                said,
            )
        )
    return parse_hashed(done.stdout)


def parse_hashed(text: str) -> Locked:
    """Read a requirement file with hashes, as uv writes it."""
    lines: list[str] = []
    hashes: dict[str, frozenset[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        requirement, *found = re.split(r"\s+--hash=", line.strip())
        lines.append(requirement)
        name = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement)
        if name and found:
            hashes[canonicalize_name(name[0])] = frozenset(found)
    return Locked(tuple(lines), hashes)


# pylock.toml (PEP 751)


def _pylock(data: Mapping[str, Any]) -> Iterator[_Package]:
    for package in data.get("packages", []):
        name = package["name"]
        files = [*package.get("wheels", [])]
        files += [package[key] for key in ("sdist", "archive") if key in package]
        hashes = frozenset(
            f"{algorithm}:{value}"
            for file in files
            for algorithm, value in file.get("hashes", {}).items()
        )
        if "vcs" in package:
            vcs = package["vcs"]
            requirement = f"{name} @ {vcs['type']}+{vcs['url']}@{vcs['commit-id']}"
        elif "directory" in package:
            requirement = f"./{package['directory']['path']}"
        elif "archive" in package:
            requirement = f"{name} @ {package['archive']['url']}"
        else:
            requirement = f"{name}=={package['version']}"
        yield _Package(name, requirement, package.get("marker"), hashes)


# Pipfile.lock


def _pipfile(data: Mapping[str, Any]) -> Iterator[_Package]:
    for name, package in data.get("default", {}).items():
        extras = f"[{','.join(package['extras'])}]" if package.get("extras") else ""
        if "git" in package:
            requirement = f"{name}{extras} @ git+{package['git']}@{package['ref']}"
        elif "file" in package:
            requirement = f"{name}{extras} @ {package['file']}"
        elif "path" in package:
            requirement = str(package["path"])
        else:
            requirement = f"{name}{extras}{package['version']}"
        yield _Package(
            name, requirement, package.get("markers"), frozenset(package.get("hashes", ()))
        )


# poetry.lock


def _poetry(lock: Lock, folder: Path, data: Mapping[str, Any], python: str) -> Iterator[_Package]:
    packages = data.get("package", [])
    wanted = {"main", *lock.groups}
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for package in packages:
        by_name.setdefault(canonicalize_name(package["name"]), []).append(package)
    extras = data.get("extras", {})
    chosen_extras: set[str] = {
        canonicalize_name(n) for extra in lock.extras for n in extras.get(extra, [])
    }
    modern = all("groups" in package for package in packages)
    reached = None if modern else _reached(lock, folder, by_name, chosen_extras, python)
    legacy_hashes = data.get("metadata", {}).get("files", {})
    for package in packages:
        name = canonicalize_name(package["name"])
        marker: str | None = None
        if modern:
            groups = wanted & set(package["groups"])
            if not groups or (package.get("optional") and name not in chosen_extras):
                continue
            marker = _poetry_marker(package.get("markers"), groups)
        elif reached is not None and name not in reached:
            continue
        files = package.get("files") or legacy_hashes.get(package["name"], [])
        hashes = frozenset(file["hash"] for file in files)
        yield _Package(name, _poetry_requirement(package), marker, hashes)


def _poetry_marker(markers: object, groups: set[str]) -> str | None:
    """Return one marker of what poetry wrote: a text for all groups, or one for each."""
    if isinstance(markers, str):
        return markers
    if not isinstance(markers, dict):
        return None
    chosen = [markers.get(group) for group in sorted(groups)]
    if any(marker is None for marker in chosen):
        return None
    return " or ".join(f"({marker})" for marker in chosen)


def _poetry_requirement(package: Mapping[str, Any]) -> str:
    source = package.get("source", {})
    name = package["name"]
    match source.get("type"):
        case "git":
            return f"{name} @ git+{source['url']}@{source['resolved_reference']}"
        case "url":
            return f"{name} @ {source['url']}"
        case "directory" | "file":
            return f"./{source['url']}"
        case _:
            return f"{name}=={package['version']}"


def _reached(
    lock: Lock,
    folder: Path,
    by_name: Mapping[str, Sequence[Mapping[str, Any]]],
    chosen_extras: set[str],
    python: str,
) -> set[str]:
    """Return the packages that the wanted groups of pyproject.toml lead to.

    Locks before Poetry 2 don't say which group a package is in.
    """
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }

    def applies(marker: str | None) -> bool:
        try:
            return marker is None or Marker(marker).evaluate(environment)
        except InvalidMarker:
            return True

    reached: set[str] = set()
    waiting = [(name, extras) for name, extras in _poetry_roots(lock, folder)]
    waiting += [(name, ()) for name in chosen_extras]
    done: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        item = waiting.pop()
        if item in done:
            continue
        done.add(item)
        name, extras = item
        for package in by_name.get(name, ()):
            reached.add(name)
            for dependency, given in package.get("dependencies", {}).items():
                for one in given if isinstance(given, list) else [given]:
                    details = one if isinstance(one, dict) else {}
                    if details.get("optional") or not applies(details.get("markers")):
                        continue
                    waiting.append(
                        (canonicalize_name(dependency), tuple(sorted(details.get("extras", ()))))
                    )
            for extra in extras:
                for text in package.get("extras", {}).get(extra, ()):
                    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text)
                    if found:
                        waiting.append((canonicalize_name(found[0]), ()))
    return reached


def _poetry_roots(lock: Lock, folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    path = (folder / lock.path).parent / "pyproject.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    for text in data.get("project", {}).get("dependencies", []):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        yield canonicalize_name(requirement.name), tuple(sorted(requirement.extras))
    poetry = data.get("tool", {}).get("poetry", {})
    tables = [poetry.get("dependencies", {})]
    for group in lock.groups:
        tables.append(poetry.get("group", {}).get(group, {}).get("dependencies", {}))
    for table in tables:
        for name, given in table.items():
            details = given if isinstance(given, dict) else {}
            if name == "python" or details.get("optional"):
                continue
            yield canonicalize_name(name), tuple(sorted(details.get("extras", ())))
