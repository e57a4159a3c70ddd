"""What each request has besides its body: an id, a duration, a line in the log."""

from __future__ import annotations

import logging
import re
import uuid

#: The header that names a request, in and out, and the one with the seconds that it took.
ID_HEADER = "X-Request-ID"
TIME_HEADER = "X-Process-Time"

_ID = re.compile(r"[!-~]{1,128}")

_log = logging.getLogger("serving.predictions")


def request_id(header: str | None) -> str:
    """Return the id that the client gave, if it can stand in a header and a log; else a new one."""
    return header if header and _ID.fullmatch(header) else uuid.uuid4().hex


def log_prediction(user: str, name: str, count: int, *, cached: bool) -> None:
    """Log what was predicted, after the answer is sent."""
    _log.info("predicted user=%r request_id=%r rows=%d cached=%s", user, name, count, cached)


def log_to_stderr() -> None:
    """Show what this app logs; Gunicorn shows only its own."""
    logger = logging.getLogger("serving")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
