"""The command ``rock-gunicorn``: Gunicorn's own command line, with a rock's defaults.

It becomes Gunicorn's master in the same process, so that signals, ``--check-config`` and
the process Pebble watches are Gunicorn's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from rock_server.environment import BadVariableError, defaults
from rock_server.servers import choose


def main() -> None:
    """Serve until stopped; exit with status 1 and one line when a variable can't be used."""
    # Gunicorn reads these while it is imported, and raises at a value it can't use: they
    # are looked at before that.
    for name in ("WEB_CONCURRENCY", "PORT"):
        if not os.environ.get(name, "-").strip():
            del os.environ[name]
    try:
        defaults(os.environ)
        server = choose(os.environ)
    except BadVariableError as problem:
        sys.exit(f"rock-gunicorn: {problem}")

    temporary = temporary_folder(os.environ)
    if temporary:
        os.environ["TMPDIR"] = temporary

    # Where a script lies is first on the path, before every library.
    if sys.path[0] == str(Path(sys.argv[0]).resolve().parent):
        del sys.path[0]

    from rock_server.application import Application

    Application(server, "%(prog)s [OPTIONS] [APP_MODULE]", prog="rock-gunicorn").run()


def temporary_folder(environ: Mapping[str, str], usual: str = "/tmp") -> str | None:  # noqa: S108
    """Return where temporary files can go, if the usual folder isn't writable.

    In a rock that runs read-only an app could otherwise not take an upload of some size.
    """
    shared = "/dev/shm"  # noqa: S108
    if any(environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")) or os.access(usual, os.W_OK):
        return None
    return shared if os.access(shared, os.W_OK) else None
