"""What ``UVICORN_LOG_CONFIG`` means where Gunicorn is in front of Uvicorn.

The variable is Uvicorn's own, and the FastAPI charm sets it for JSON logs. The file is read
by Uvicorn; here Gunicorn's messages go where the file sends ``uvicorn.error``, and the
access log, if the file speaks of ``uvicorn.access``, is written as Uvicorn writes it, since
formatters take its records apart. ``UVICORN_ACCESS_LOG=0`` keeps it off.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rock_metrics.logger import status_code


class UvicornLogging:
    """A mixin for Gunicorn's logger, where ``UVICORN_LOG_CONFIG`` names a file."""

    access_log: logging.Logger
    error_log: logging.Logger

    def setup(self, cfg: Any) -> None:
        """Configure logging, at the start and at each reload.

        Raises:
            RuntimeError: the file can't be used.
        """
        super().setup(cfg)  # type: ignore[misc] # Gunicorn's logger comes next
        path = os.environ["UVICORN_LOG_CONFIG"]
        from uvicorn import Config

        try:
            Config("", log_config=path)
        except Exception as error:  # whatever a parser or a handler's constructor raises
            raise RuntimeError(f"cannot use UVICORN_LOG_CONFIG: {path}: {error}") from error
        self.error_log.handlers = _handlers(logging.getLogger("uvicorn.error"))
        wanted = os.environ.get("UVICORN_ACCESS_LOG", "").strip().lower()
        said = logging.getLogger("uvicorn.access").handlers
        self.access_log.handlers = [] if wanted in ("0", "false", "no", "off") else list(said)

    def access(
        self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: timedelta
    ) -> None:
        """Log one answered request as Uvicorn does."""
        if not self.access_log.handlers:
            return
        # Not by the logger of that name: from it the worker takes the handlers.
        record = self.access_log.makeRecord(
            "uvicorn.access",
            logging.INFO,
            "",
            0,
            '%s - "%s %s HTTP/%s" %d',
            (
                f"{environ.get('REMOTE_ADDR')}:{environ.get('REMOTE_PORT', '')}",
                environ.get("REQUEST_METHOD"),
                environ.get("RAW_URI"),
                str(environ.get("SERVER_PROTOCOL")).removeprefix("HTTP/"),
                status_code(resp),
            ),
            None,
        )
        self.access_log.handle(record)


def _handlers(logger: logging.Logger) -> list[logging.Handler]:
    """Return the handlers that a record of this logger reaches."""
    found: list[logging.Handler] = []
    current: logging.Logger | None = logger
    while current is not None:
        found += current.handlers
        current = current.parent if current.propagate else None
    return found
