"""What a rock's environment says about serving, as Gunicorn settings.

These are defaults: the configuration file, ``GUNICORN_CMD_ARGS`` and the command line are
stronger, in this order.

========================= ==========================================================
``WEB_CONCURRENCY``       how many workers, instead of the rule in :mod:`rock_server.workers`
``PORT``                  the port to listen on, on all interfaces; else 8000
``ROCK_ACCESS_LOG``       ``text`` or ``json``: one line per request on standard output
``UVICORN_LOG_CONFIG``    see :mod:`rock_server.uvicorn_logging`
``ROCK_READY_PATH``       what the check ``ready`` asks the app for; else ``/``
``ROCK_CHECKS_FROM``      see :mod:`rock_metrics.check`
``ROCK_STATSD_PORT``      where the exporter beside the app takes StatsD; else 9125
========================= ==========================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from rock_metrics import check

#: The value of ``workers`` and ``threads`` that means: nobody chose, apply the rule.
UNCHOSEN = 0

#: Where the exporter beside the app usually takes StatsD.
EXPORTER = ("localhost", 9125)


class BadVariableError(ValueError):
    """An environment variable has a value that can't be used."""


def defaults(environ: Mapping[str, str]) -> dict[str, object]:
    """Return Gunicorn settings by name; some exist only in newer versions of Gunicorn.

    Raises:
        BadVariableError: naming the variable, its value and what it takes.
    """
    chosen: dict[str, object] = {
        "bind": f"0.0.0.0:{_whole_number(environ, 'PORT', 8000, most=65535)}",
        "workers": _whole_number(environ, "WEB_CONCURRENCY", UNCHOSEN),
        "threads": UNCHOSEN,
        # What Gunicorn counts goes to the exporter beside it.
        "statsd_host": "{}:{}".format(*EXPORTER),
        "graceful_timeout": 30,
        # New in Gunicorn 25: with a read-only home it logs an error at each start.
        "control_socket_disable": True,
    }
    # Only to refuse bad ones now.
    ready_path(environ)
    _check_networks(environ)
    exporter(environ)
    if os.access("/dev/shm", os.W_OK):  # noqa: S108 - not a temporary file, a file system
        # The worker's heartbeat file: without a /tmp Gunicorn doesn't start, and on a disk
        # that is busy a worker would look dead.
        chosen["worker_tmp_dir"] = "/dev/shm"  # noqa: S108
    if access_log_format(environ):
        chosen["accesslog"] = "-"
    return chosen


def access_log_format(environ: Mapping[str, str]) -> str:
    """Return ``text``, ``json`` or, when there is to be no access log, an empty string."""
    value = environ.get("ROCK_ACCESS_LOG", "").strip().lower()
    if value not in ("", "text", "json"):
        raise BadVariableError(
            f"cannot use ROCK_ACCESS_LOG: {value!r} is neither 'text' nor 'json'"
        )
    return value


def ready_path(environ: Mapping[str, str]) -> str:
    """Return the path, and perhaps the query, that tells whether the app is ready."""
    value = environ.get("ROCK_READY_PATH", "").strip() or "/"
    if not value.startswith("/"):
        raise BadVariableError(
            f"cannot use ROCK_READY_PATH: {value!r} is not a path that begins with '/'"
        )
    return value


def exporter(environ: Mapping[str, str]) -> tuple[str, int]:
    """Return where the exporter beside the app takes StatsD."""
    host, port = EXPORTER
    return host, _whole_number(environ, "ROCK_STATSD_PORT", port, most=65535)


def _check_networks(environ: Mapping[str, str]) -> None:
    value = environ.get(check.VARIABLE, "")
    try:
        check.networks(value)
    except ValueError as error:
        raise BadVariableError(
            f"cannot use {check.VARIABLE}: {value!r} is no list of addresses and networks, such "
            f"as '10.0.0.0/8,192.0.2.1': {error}"
        ) from error


def _whole_number(
    environ: Mapping[str, str], name: str, otherwise: int, *, most: int | None = None
) -> int:
    value = environ.get(name, "").strip()
    if not value:
        return otherwise
    if not (value.isascii() and value.isdigit()) or not 0 < int(value) <= (most or int(value)):
        expected = f"from 1 to {most}" if most else "above 0"
        raise BadVariableError(f"cannot use {name}: {value!r} is not a whole number {expected}")
    return int(value)
