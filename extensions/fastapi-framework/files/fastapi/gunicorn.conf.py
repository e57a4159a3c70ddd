"""Gunicorn's settings in this rock.

Stronger than these: GUNICORN_CMD_ARGS and the command line. What isn't here (workers,
their temporary folder, the logger) is chosen by rock-gunicorn when it starts.

UVICORN_HOST, UVICORN_PORT and UVICORN_LOG_LEVEL mean what they mean to Uvicorn itself.
"""

import os

_host = os.environ.get("UVICORN_HOST") or "0.0.0.0"  # noqa: S104 - a container has its own network
_port = os.environ.get("UVICORN_PORT") or "8000"
_level = (os.environ.get("UVICORN_LOG_LEVEL") or "info").lower()

bind = [f"[{_host}]:{_port}" if ":" in _host else f"{_host}:{_port}"]
chdir = "/fastapi/app"
statsd_host = "localhost:9125"
# Gunicorn has no level below debug.
loglevel = "debug" if _level == "trace" else _level
