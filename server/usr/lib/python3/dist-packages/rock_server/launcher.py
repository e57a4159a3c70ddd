"""The command ``rock-gunicorn``: Gunicorn's own command line, with a rock's defaults.

It becomes Gunicorn's master in the same process, so that signals, ``--check-config`` and
the process Pebble watches are Gunicorn's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rock_server.environment import BadVariableError, defaults


def main() -> None:
    """Serve until stopped; exit with status 1 and one line when a variable can't be used."""
    # Gunicorn reads these while it is imported, and raises at a value it can't use: they
    # are looked at before that.
    for name in ("WEB_CONCURRENCY", "PORT"):
        if not os.environ.get(name, "-").strip():
            del os.environ[name]
    try:
        defaults(os.environ)
    except BadVariableError as problem:
        sys.exit(f"rock-gunicorn: {problem}")

    # Where a script lies is first on the path, before every library.
    if sys.path[0] == str(Path(sys.argv[0]).resolve().parent):
        del sys.path[0]

    from rock_server.application import Application

    Application("%(prog)s [OPTIONS] [APP_MODULE]", prog="rock-gunicorn").run()
