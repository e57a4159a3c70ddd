"""What one run of a command takes."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: What the script that an installed rockery has on PATH does.
ROCKERY = (sys.executable, "-c", "import sys; from rockery.cli import main; sys.exit(main())")


def measured(command: list[str], folder: Path, store: Path) -> tuple[float, float]:
    """Run ``command`` in ``folder``; return seconds of the clock and of the processor.

    Whatever the environment says, Python may keep what it compiles, as it does for who has
    installed a program: the first run of each is to be left out.
    """
    environment = os.environ | {"XDG_STATE_HOME": str(store), "ROCKERY_STORE": str(store)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if command[0] == sys.executable:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment["PYTHONPATH"] = path
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    before, begun = used.ru_utime + used.ru_stime, time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True)
    wall = time.perf_counter() - begun
    if done.returncode:
        sys.exit(f"{shlex.join(command)} failed in {folder.name}: {done.stderr.decode()[-500:]}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, used.ru_utime + used.ru_stime - before
