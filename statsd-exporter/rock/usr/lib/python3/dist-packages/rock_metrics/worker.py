"""Gunicorn's worker for ASGI apps: Uvicorn's, and it reports."""

from __future__ import annotations

import signal
import warnings
from types import FrameType
from typing import Any

from rock_metrics.asgi import App, Observed

with warnings.catch_warnings():
    # Uvicorn calls its own worker deprecated, but it is the one that always fits the
    # Uvicorn it came with: uvicorn-worker 0.3, all that Gunicorn 20.1 can have, fails from
    # Uvicorn 0.36 on.
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        from uvicorn.workers import UvicornWorker as _UvicornWorker
    except ImportError:
        from uvicorn_worker import UvicornWorker as _UvicornWorker


class UvicornWorker(_UvicornWorker):  # type: ignore[misc] # Gunicorn has no types
    """Uvicorn under Gunicorn, on uvloop and httptools where they are installed."""

    # The access log is written by the middleware, in the format that Gunicorn's has.
    CONFIG_KWARGS: dict[str, Any] = {"loop": "auto", "http": "auto", "access_log": False}  # noqa: RUF012

    def load_wsgi(self) -> None:
        """Load the app and stand around it."""
        super().load_wsgi()
        self.wsgi: App = Observed(self.wsgi, self.log)

    def run(self) -> None:
        """Serve until stopped."""
        # Uvicorn drains at SIGTERM and then raises it again, for the handler it found when
        # it began: the default one would end the process without exit handlers.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._die)
        super().run()

    def _die(self, number: int, frame: FrameType | None) -> None:
        self.log.flush()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
