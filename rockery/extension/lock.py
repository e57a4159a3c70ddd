"""Lock files of other tools: what they would install, read for an extension's questions.

Nothing here installs: which packages a rock gets, with which hashes, is the packer's matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rockery.errors import Location, Problem, ProjectError
from rockery.extension.dependencies import PLUGINS
from rockery.extension.requirements import Target, first_name, normalised
from rockery.project import toml
from rockery.project.pyproject import PyProject
from rockery.project.source import inside
from rockery.record import Record, field

#: Larger ones are none; the largest seen has 2 MB.
_LARGEST = 16 * 1024 * 1024


class Lock(Record):
    """A lock file: the normalised names of what it installs on the target.

    ``python`` is the Python it was made for, as a version specifier. ``choices`` are the
    extras and groups it knows, each with the names that stand in it.
    """

    file: str
    packages: frozenset[str]
    python: str | None = None
    choices: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    @property
    def plugin(self) -> str:
        """The plugin that installs from it."""
        return PLUGINS[self.file]


def read(
    folder: Path,
    file: str,
    project: PyProject | None,
    target: Target,
    *,
    extras: Iterable[str] = (),
    groups: Iterable[str] = (),
) -> Lock:
    """Read ``file`` of the project in ``folder`` with these extras and groups.

    Raises:
        ProjectError: it cannot be read.
    """
    data = _parsed(folder, file)
    wanted = [("extra", name) for name in extras] + [("group", name) for name in groups]
    try:
        return {
            "uv.lock": _uv,
            "pylock.toml": _pylock,
            "poetry.lock": _poetry,
            "Pipfile.lock": _pipfile,
        }[file](data, project, target, wanted)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _broken(file, f"it is not laid out as expected ({error})") from error


_Wanted = list[tuple[str, str]]


def _parsed(folder: Path, file: str) -> dict[str, Any]:
    path = folder / file
    try:
        if not inside(folder, path):
            raise _broken(file, "it lies outside of the project")
        if path.stat().st_size > _LARGEST:
            raise _broken(file, "it is too large")
        text = path.read_bytes().decode("utf-8-sig")
        data = json.loads(text) if file == "Pipfile.lock" else toml.parse(text)
    except OSError as error:
        raise _broken(file, (error.strerror or str(error)).lower()) from error
    except (ValueError, RecursionError) as error:
        raise _broken(file, str(error).split("\n")[0]) from error
    if not isinstance(data, dict):
        raise _broken(file, "it holds no table")
    return data


def _broken(file: str, reason: str) -> ProjectError:
    return ProjectError(
        Problem(f"cannot read {file}: {reason}", "broken-lock", Location(file), "write it anew")
    )


# --- uv.lock ----------------------------------------------------------------------------


def _uv(data: Any, project: PyProject | None, target: Target, wanted: _Wanted) -> Lock:
    by_name: dict[str, list[Any]] = {}
    for package in data.get("package", []):
        by_name.setdefault(package["name"], []).append(package)
    roots = [
        package
        for package in data.get("package", [])
        if "." in (package.get("source", {}).get(kind) for kind in ("virtual", "editable"))
    ]
    python = data.get("requires-python")
    if not roots:
        return Lock("uv.lock", frozenset(by_name), python)
    tables = {"extra": "optional-dependencies", "group": "dev-dependencies"}
    choices = {
        (kind, name): frozenset(each["name"] for each in entries)
        for kind, key in tables.items()
        for name, entries in roots[0].get(key, {}).items()
    }
    start = list(roots[0].get("dependencies", []))
    for kind, name in wanted:
        start += roots[0].get(tables[kind], {}).get(name, [])

    def next_of(name: str, extras: frozenset[str]) -> Iterator[Any]:
        for package in by_name.get(name, ()):
            yield from package.get("dependencies", [])
            for extra in extras:
                yield from package.get("optional-dependencies", {}).get(extra, [])

    edges = [(each["name"], each.get("extra", ()), each.get("marker")) for each in start]
    reached = _reached(
        edges,
        lambda name, extras: [
            (each["name"], each.get("extra", ()), each.get("marker"))
            for each in next_of(name, extras)
        ],
        target,
    )
    return Lock("uv.lock", reached, python, choices)


# --- pylock.toml and Pipfile.lock --------------------------------------------------------


def _pylock(data: Any, project: PyProject | None, target: Target, wanted: _Wanted) -> Lock:
    names = frozenset(
        normalised(package["name"])
        for package in data.get("packages", [])
        if target.applies(package.get("marker"))
    )
    return Lock("pylock.toml", names, data.get("requires-python"))


def _pipfile(data: Any, project: PyProject | None, target: Target, wanted: _Wanted) -> Lock:
    names = frozenset(
        normalised(name)
        for name, package in data.get("default", {}).items()
        if target.applies(package.get("markers"))
    )
    version = data.get("_meta", {}).get("requires", {}).get("python_version")
    return Lock("Pipfile.lock", names, f"=={version}.*" if version else None)


# --- poetry.lock --------------------------------------------------------------------------


def _poetry(data: Any, project: PyProject | None, target: Target, wanted: _Wanted) -> Lock:
    packages = data.get("package", [])
    groups = {"main", *(name for kind, name in wanted if kind == "group")}
    choices = {
        ("group", group): names
        for group, names in _poetry_groups(project).items()
        if group != "main"
    }
    python = data.get("metadata", {}).get("python-versions")
    if all("groups" in package for package in packages):
        names = frozenset(
            normalised(package["name"])
            for package in packages
            if groups & set(package["groups"])
            and not package.get("optional")
            and _poetry_applies(package.get("markers"), groups, target)
        )
        return Lock("poetry.lock", names, python, choices)
    by_name: dict[str, Any] = {normalised(package["name"]): package for package in packages}

    def next_of(name: str, extras: frozenset[str]) -> list[_Edge]:
        found: list[_Edge] = []
        package = by_name.get(name, {})
        for dependency, given in package.get("dependencies", {}).items():
            details = given if isinstance(given, dict) else {}
            if not details.get("optional"):
                found.append(
                    (normalised(dependency), details.get("extras", ()), details.get("markers"))
                )
        for extra in extras:
            for text in package.get("extras", {}).get(extra, ()):
                found.append((first_name(text), (), None))
        return found

    listed = _poetry_groups(project)
    start: list[_Edge] = [
        (name, (), None) for group in groups for name in listed.get(group, frozenset())
    ]
    reached = frozenset(_reached(start, next_of, target) & by_name.keys())
    return Lock("poetry.lock", reached, python, choices)


def _poetry_groups(project: PyProject | None) -> dict[str, frozenset[str]]:
    """Return the names in each group of ``pyproject.toml``, the one of the project as "main"."""
    if project is None:
        return {}
    main = {first_name(text) for text in project.dependencies or ()}
    main |= set(map(normalised, project.get("tool", "poetry", "dependencies") or ())) - {"python"}
    groups = {"main": frozenset(main)}
    for name, group in (project.get("tool", "poetry", "group") or {}).items():
        groups[name] = frozenset(map(normalised, group.get("dependencies", {})))
    for name, texts in (project.get("dependency-groups") or {}).items():
        groups[name] = frozenset(first_name(text) for text in texts if isinstance(text, str))
    return groups


def _poetry_applies(markers: Any, groups: set[str], target: Target) -> bool:
    if isinstance(markers, dict):
        return any(target.applies(markers.get(group)) for group in groups if group in markers)
    return target.applies(markers)


# --- walking ------------------------------------------------------------------------------

_Edge = tuple[str, Iterable[str], "str | None"]


def _reached(
    start: Iterable[_Edge],
    next_of: Callable[[str, frozenset[str]], Iterable[_Edge]],
    target: Target,
) -> frozenset[str]:
    """Return the names to which dependencies lead whose markers hold on the target."""
    done: set[tuple[str, frozenset[str]]] = set()
    waiting = list(start)
    while waiting:
        name, extras, marker = waiting.pop()
        step = (name, frozenset(extras))
        if step not in done and target.applies(marker):
            done.add(step)
            waiting += next_of(*step)
    return frozenset(name for name, _ in done)
