"""Gunicorn's worker for ASGI apps: Uvicorn's, and it reports."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
import warnings
from types import FrameType
from typing import Any

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server as _Server

from rock_metrics.asgi import Observed

with warnings.catch_warnings():
    # Uvicorn calls its own worker deprecated, but it is the one that always fits the
    # Uvicorn it came with: uvicorn-worker 0.3, all that Gunicorn 20.1 can have, fails from
    # Uvicorn 0.36 on.
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        from uvicorn.workers import UvicornWorker as _UvicornWorker
    except ImportError:
        from uvicorn_worker import UvicornWorker as _UvicornWorker


class Server(_Server):  # type: ignore[misc] # nor has Uvicorn, where it isn't installed
    """Uvicorn's server, which lets go of its clients before it closes their connections.

    Uvicorn closes each connection on which no request is being answered, and who was about
    to send one sees a reset: a proxy that keeps connections does. Here every answer says
    that it is the last on its connection, and those that idle may do so until they would
    have been closed anyway.
    """

    observed: Observed
    _is_at_once = False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, let go, then stop as Uvicorn does."""
        for server in self.servers:
            server.close()
        # Now, and not by Uvicorn at the end: by then the number may be another file's.
        for listener in sockets or []:
            listener.close()
        self.observed.last_requests = True
        limit = time.monotonic() + self.config.timeout_keep_alive + 0.5
        while self.server_state.connections and time.monotonic() < limit and not self._is_at_once:
            await asyncio.sleep(0.02)
        await super().shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; at once where that was asked for."""
        self._is_at_once = sig == signal.SIGINT
        super().handle_exit(sig, frame)


class UvicornWorker(_UvicornWorker):  # type: ignore[misc] # Gunicorn has no types
    """Uvicorn under Gunicorn, on uvloop and httptools where they are installed."""

    CONFIG_KWARGS: dict[str, Any] = {  # noqa: RUF012 - Uvicorn's own name and type
        "loop": "auto",
        "http": "auto",
        # The middleware writes it, in the format that Gunicorn's has.
        "access_log": False,
        # Seconds between two calls of callback_notify.
        "timeout_notify": 1,
    }

    _has_served = False

    def load_wsgi(self) -> None:
        """Load the app and stand around it."""
        super().load_wsgi()
        self.wsgi: Observed = Observed(self.wsgi, self.log, getattr(self.app, "ready_path", "/"))

    async def _serve(self) -> None:
        # As Uvicorn's own, with another server; and with plain sockets, since uvloop closes
        # what Gunicorn has around them a second time.
        self.config.app = self.wsgi
        server = Server(self.config)
        server.observed = self.wsgi
        self._install_sigquit_handler()
        await server.serve(sockets=[getattr(one, "sock", one) for one in self.sockets])
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def run(self) -> None:
        """Serve until stopped."""
        # Uvicorn drains at a signal and then raises it again, for the handler it found when
        # it began. With the default one the process would die of it: no exit handlers, no
        # worker_exit hook, and Gunicorn 23 calls it an error.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)
        super().run()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop at SIGQUIT too: Uvicorn's worker takes it and lets the master wait."""
        signal.raise_signal(signal.SIGINT)

    async def callback_notify(self) -> None:
        """Say to the master that this worker lives; Uvicorn calls it while it serves."""
        self._has_served = True
        await super().callback_notify()
        if self.ppid != os.getppid():
            # Nobody would ever stop it, and it would hold the port against the next master.
            self.log.info("Parent changed, shutting down: %s", self)
            signal.raise_signal(signal.SIGTERM)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.log.flush()
        if not self._has_served:
            sys.exit(0)
