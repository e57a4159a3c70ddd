"""Builds one part with craft-parts, the engine rockcraft itself uses, in a folder of its own.

craft-parts runs in a process of its own (:mod:`rockery.part.craft`): it costs half a second
to import, keeps global state, and ends with everything it started when a pack is stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rockery.data import VARIABLE, data_folder
from rockery.errors import Location, Problem, ProjectError, SurroundingsError

#: The commands that a snap of build tools would give.
_SNAP_COMMANDS = {
    "node": ("node", "npm"),
    "go": ("go",),
    "rustup": ("rustup",),
    "astral-uv": ("uv",),
    "poetry": ("poetry",),
}


#: How the program ends where a source can't be had: its ``NO_SOURCE``.
_NO_SOURCE = 3


@dataclass(frozen=True)
class Built:
    """What a part made: a folder laid out as the rock's root, and a version it may have set.

    ``finished`` says that the part's own ``stage`` and ``prime`` were applied already, which
    is so where it has scripts for those steps.
    """

    folder: Path
    version: str | None
    finished: bool


def build(
    name: str,
    keys: Mapping[str, Any],
    *,
    copy: Path,
    below: Sequence[Path],
    installed: Path | None,
    scratch: Path,
    cache: Path,
    architecture: str,
    project: str,
    where: Location,
) -> Built:
    """Run the steps of the part ``name`` and return what it installed.

    ``keys`` are the part's as the file has them. ``copy`` is a copy of the project's folder,
    to which a local ``source`` is relative. ``below`` are folders with what the parts before
    it made, found under ``$CRAFT_STAGE``. ``installed`` is what ``craftctl default`` installs
    in the build step of a Python part. Everything else happens in ``scratch``.

    Raises:
        ProjectError: a step failed; the last lines it printed are in the details.
    """
    later = {"override-stage", "override-prime"} & keys.keys()
    dropped = {"stage-packages", "stage-slices", "build-packages", "build-snaps", "permissions"}
    if not later:
        dropped |= {"organize", "stage", "prime"}
    part = {key: value for key, value in keys.items() if key not in {*dropped, "after"}}
    if str(part.get("source", "")).startswith(VARIABLE):
        name_of_data, _, rest = part["source"].removeprefix(VARIABLE).strip("/").partition("/")
        part["source"] = str(data_folder(name_of_data) / rest)
    work, result = scratch / "work", scratch / "result.json"
    request = {
        "name": name,
        "part": part,
        "work": str(work),
        "cache": str(cache),
        "architecture": architecture,
        "project": project,
        "below": [str(folder) for folder in below],
        "installed": str(installed) if installed else None,
        "through": "prime" if later else "build",
        "result": str(result),
    }
    log = scratch / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "rockery.part.craft"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=copy,
            env=_environment(),
            start_new_session=True,
        )
        try:
            process.communicate(json.dumps(request).encode())
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if process.returncode or not result.exists():
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        printed = tuple(line for line in lines if line.strip())[-40:]
        raise ProjectError(
            Problem(
                f"cannot fetch the source of part {name!r}",
                "source-unfetched",
                where,
                "correct its 'source' keys, or see whether the network reaches it",
                printed,
            )
            if process.returncode == _NO_SOURCE
            else Problem(
                f"cannot build part {name!r}: its script failed",
                "build-failed",
                where,
                "see what it printed",
                printed,
            )
        )
    said = json.loads(result.read_text())
    return Built(Path(said["folder"]), said["version"], bool(later))


def _environment() -> dict[str, str]:
    """Return the variables of a build: ``craftctl`` on PATH, nothing of Python's leaking in."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    own = Path(sys.executable).parent
    environment["PATH"] = f"{own}:{environment.get('PATH', '/usr/bin:/bin')}"
    # The package itself, also where it runs from a checkout that isn't installed.
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    environment["SOURCE_DATE_EPOCH"] = environment.get("SOURCE_DATE_EPOCH", "0")
    return environment


def prepare_host(name: str, packages: Sequence[str], snaps: Sequence[str], where: Location) -> None:
    """See that what a part builds with is on this machine; as root, install packages.

    Raises:
        SurroundingsError: something is missing, with the line that installs it.
    """
    missing = [snap for snap in snaps if not _commands_of(snap)]
    if missing:
        commands = ", ".join(
            "/".join(_SNAP_COMMANDS.get(s.split("/")[0], (s.split("/")[0],))) for s in missing
        )
        raise SurroundingsError(
            Problem(
                f"cannot build part {name!r}: {commands} is not on PATH (build-snaps: "
                f"{', '.join(missing)})",
                "missing-build-tool",
                where,
                "install it; rockery does not install snaps",
            )
        )
    absent = [package for package in packages if not _is_installed(package)]
    if not absent:
        return
    line = f"apt-get install -y {' '.join(absent)}"
    if os.geteuid() == 0:
        done = subprocess.run(
            line.split(),
            capture_output=True,
            text=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        if done.returncode == 0:
            return
        details = tuple(done.stderr.splitlines()[-10:])
    else:
        details = ()
    raise SurroundingsError(
        Problem(
            f"cannot build part {name!r}: build-packages are missing: {', '.join(absent)}",
            "missing-build-packages",
            where,
            f"as root: {line}",
            details,
        )
    )


def _commands_of(snap: str) -> bool:
    name = snap.split("/")[0]
    return all(shutil.which(command) for command in _SNAP_COMMANDS.get(name, (name,)))


def _is_installed(package: str) -> bool:
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package.split("=")[0]],
        capture_output=True,
        text=True,
    )
    return "installed" in done.stdout.split()
