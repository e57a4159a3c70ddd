"""``rockery.lock``: a resolution kept beside the project, so that nothing is asked anew.

For each platform it names the packages of the distribution and of Python, what Python packages
are built with, and what they were resolved for. It names no host that they come from.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rockery.base import Base
from rockery.errors import Location, Problem, ProjectError
from rockery.plan.parts import Parts
from rockery.resolution.apt import Package
from rockery.resolution.distribution import DistributionResolution
from rockery.resolution.python import PythonResolution

#: The file's name, beside ``rockcraft.yaml``.
FILE = "rockery.lock"

_VERSION = 1

#: What of a ``pyproject.toml`` resolving reads; the settings of tools may change.
_TABLES = ("project", "build-system", "dependency-groups")
_TOOLS = ("poetry", "uv")


@dataclass(frozen=True)
class Pinned:
    """What a platform is made from. ``inputs`` is what that was resolved for, by name.

    ``sysroot`` are the packages that Python packages are compiled against, if any are.
    """

    inputs: Mapping[str, str]
    distribution: DistributionResolution
    python: PythonResolution | None
    sysroot: tuple[Package, ...]


@dataclass(frozen=True)
class Lock:
    """The file: what is pinned, by the platform's name."""

    platforms: Mapping[str, Pinned]

    def dump(self) -> str:
        """Return this as text: JSON, with what changes together on lines of its own."""
        document = {
            "schema_version": _VERSION,
            "platforms": {
                name: {
                    "inputs": dict(pinned.inputs),
                    "base": [_written(p) for p in pinned.distribution.base],
                    "runtime": [_written(p) for p in pinned.distribution.runtime],
                    "wanted": list(pinned.distribution.wanted),
                    "sysroot": [_written(p) for p in pinned.sysroot],
                    "python": None if pinned.python is None else _python(pinned.python),
                }
                for name, pinned in self.platforms.items()
            },
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def parse(cls, text: str) -> Lock:
        """Read what :meth:`dump` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            document = json.loads(text)
            if document["schema_version"] != _VERSION:
                raise ValueError(f"its version is {document['schema_version']}")
            return cls({name: _pinned(raw) for name, raw in document["platforms"].items()})
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it lacks something ({error})") from error


def read(folder: Path) -> Lock | None:
    """Return the lock of the project in ``folder``, or None.

    Raises:
        ProjectError: it can't be read.
    """
    path = folder / FILE
    try:
        return Lock.parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ProjectError(
            Problem(
                f"cannot read {FILE}: {getattr(error, 'strerror', None) or error}",
                "lock-unreadable",
                Location(FILE),
                "make it anew with 'rockery lock'",
            )
        ) from error


def check(lock: Lock, platform: str, inputs: Mapping[str, str]) -> Pinned:
    """Return what is pinned for ``platform``, where that was resolved for these ``inputs``.

    Raises:
        ProjectError: it wasn't; the error names what differs.
    """
    pinned = lock.platforms.get(platform)
    if pinned is None:
        differs = [f"it has no platform {platform}"]
    else:
        known = pinned.inputs
        differs = [f"{name} changed" for name in inputs if known.get(name, "") != inputs[name]]
        differs += [f"{name} is gone" for name in known if name not in inputs]
    if pinned is None or differs:
        raise ProjectError(
            Problem(
                f"cannot use {FILE}: {', '.join(differs)} since it was made",
                "lock-outdated",
                Location(FILE),
                "'rockery lock' resolves anew and writes it",
            )
        )
    return pinned


def inputs(parts: Parts, base: Base, architecture: str) -> dict[str, str]:
    """Return what decides a resolution, by names that a person knows, as readable texts."""
    request = parts.python_request
    found = {
        "base": f"{'bare, ' if parts.bare else ''}{base.name}, Python {base.python}",
        "architecture": architecture,
        "stage-packages": " ".join(sorted(parts.words)),
        "build-packages": " ".join(sorted(parts.build_packages())),
        "python-packages": " ".join(sorted(request.packages)),
    }
    for path in sorted(request.digests):
        found[path] = _meaning(parts.folder / path)
    return found


def _meaning(path: Path) -> str:
    """Return the digest of what a file asks for: comments and tools' settings may change."""
    try:
        data = path.read_bytes()
    except OSError:
        return "missing"
    text = data.decode("utf-8", "surrogateescape")
    meant: object = data.hex()
    if path.name == "pyproject.toml":
        try:
            table = tomllib.loads(data.decode())
        except ValueError:
            table = {}
        tools = table.get("tool", {})
        meant = [[table.get(key) for key in _TABLES], [tools.get(key) for key in _TOOLS]]
    elif path.suffix in (".txt", ".in"):
        lines = (line.partition(" #")[0].strip() for line in text.splitlines())
        meant = [line for line in lines if line and not line.startswith("#")]
    return hashlib.sha256(json.dumps(meant, default=str).encode("utf-8", "replace")).hexdigest()


def _written(package: Package) -> dict[str, Any]:
    return {
        "name": package.name,
        "version": package.version,
        "architecture": package.architecture,
        "sha256": package.sha256,
        "size": package.size,
        "path": package.fields.get("Filename", ""),
        "control": package.control,
    }


def _python(found: PythonResolution) -> dict[str, Any]:
    return {
        "wheels": found.wheels,
        "local": list(found.local),
        "large": list(found.large),
        "packages": found.text.splitlines(),
        "build": found.build.splitlines(),
    }


def _pinned(raw: Mapping[str, Any]) -> Pinned:
    python = raw["python"]
    distribution = DistributionResolution(
        _packages(raw["base"]), _packages(raw["runtime"]), tuple(raw["wanted"]), ""
    )
    return Pinned(
        dict(raw["inputs"]),
        distribution,
        None
        if python is None
        else PythonResolution(
            _lines(python["packages"]),
            bool(python["wheels"]),
            tuple(python["local"]),
            "",
            _lines(python["build"]),
            tuple(python.get("large", ())),  # older ones don't say
        ),
        _packages(raw["sysroot"]),
    )


def _packages(raw: Sequence[Mapping[str, Any]]) -> tuple[Package, ...]:
    names = ("name", "version", "architecture", "sha256", "size", "control")
    return tuple(Package(*(package[name] for name in names)) for package in raw)


def _lines(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
