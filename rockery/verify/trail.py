"""Whether an application can be imported as before, told by what its last import ran and read.

An import of scikit-learn takes a second, and most edits are of functions that only requests run.
Where nothing has changed of what the import ran or read, it would go the way it went.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SHAPE = Path(__file__).with_name("shape.py")

#: Files beside modules that an application reads by Python's own means: others may be read by
#: a library's, which cannot be seen.
_TEXT = (".html", ".jinja", ".j2", ".css", ".js", ".svg", ".md")

#: Seconds that comparing may take.
_PATIENCE = 10


def holds(
    trail: Mapping[str, Any],
    changed: Mapping[str, tuple[Path, Path]],
    python: Path,
) -> bool:
    """Tell whether an import that left this trail would go the same way.

    ``changed`` are the files whose contents are others now, by their paths in the application's
    folder, with where they lie as they were and as they are. No path came or went. ``python``
    runs the rock's own Python on this host; nothing of the application is run.
    """
    ran, opened = trail["ran"], set(trail["opened"])
    compared: list[str] = []
    for path, (before, now) in changed.items():
        if path in opened or not path.endswith((".py", *_TEXT)):
            return False
        if path in ran:
            marks = [str(word) for mark in ran[path] for word in mark]
            compared += [str(before), str(now), str(len(ran[path])), *marks]
    if not compared:
        return True
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-B", _SHAPE, *compared],
            capture_output=True,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout == b"same\n"
