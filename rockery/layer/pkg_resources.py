"""``pkg_resources``: part of setuptools until 80, and imported by packages that don't ask for it.

A virtual environment of rockcraft's happens to have it. Of 19 real projects 5 need it.
"""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

from rockery.errors import Problem, SurroundingsError
from rockery.layer.scan import scanned
from rockery.resolution.python import PythonResolution, PythonTarget
from rockery.store import Store

#: The last setuptools that has it, exactly: a layer's bytes follow from its inputs.
PINNED = (
    "setuptools==80.10.2 \\\n"
    "    --hash=sha256:95b30ddfb717250edb492926c92b5221f7ef3fbcc2b07579bcd4a27da21d0173\n"
)

#: At the start of a line: who imports it within ``try`` or a function can do without.
_IMPORTS = re.compile(rb"^(?:import|from) pkg_resources\b|^__import__\(.pkg_resources.\)", re.M)


def importers(site: Path, store: Store) -> tuple[str, ...]:
    """Return the packages and modules below ``site`` that miss ``pkg_resources``."""
    if (site / "pkg_resources").is_dir():
        return ()
    modules = [
        Path(folder, name).relative_to(site).as_posix()
        for folder, _, files in os.walk(site)
        for name in files
        if name.endswith(".py")
    ]
    found = scanned(
        *(store, site, modules, ("pkg_resources", 1)),
        lambda path: _IMPORTS.search((site / path).read_bytes()) is not None,
    )
    return tuple(sorted({path.partition("/")[0].removesuffix(".py") for path in found}))


def provide(
    site: Path, resolution: PythonResolution, target: PythonTarget, scratch: Path
) -> PythonResolution:
    """Install what has it into ``site``; return ``resolution`` with that in it.

    Raises:
        SurroundingsError: the package index can't be reached.
    """
    pinned = scratch / "setuptools.txt"
    pinned.write_text(PINNED)
    done = target.run(
        *("pip", "install", "--quiet", "--no-deps", "--link-mode", "hardlink", "--upgrade"),
        *(*target.choice, "--target", str(site), "--requirement", str(pinned)),
        cwd=scratch,
    )
    if done.returncode or not (site / "pkg_resources").is_dir():
        raise SurroundingsError(
            Problem(
                "cannot install setuptools: uv could not fetch or unpack it",
                code="install-failed",
                remedy="check the network and the proxy, then run again",
                details=tuple(line.rstrip() for line in done.stderr.splitlines() if line.strip()),
            )
        )
    others = re.sub(r"^setuptools==.*\n(?:[ \t]+.*\n)*", "", resolution.text, flags=re.M)
    return dataclasses.replace(resolution, text=others + PINNED)


def note(importing: tuple[str, ...], resolution: PythonResolution) -> Problem:
    """Return what is said of it to the user."""
    replaced = resolution.names.get("setuptools")
    instead = f" in place of {replaced}" if replaced else ""
    return Problem(
        f"{PINNED.split()[0].replace('==', ' ')} is installed{instead}: "
        f"{', '.join(importing[:5])} import{'' if len(importing) > 1 else 's'} pkg_resources, "
        "which newer ones lack",
        "undeclared-setuptools",
        remedy="add 'setuptools<81' to the requirements",
    )
