"""What a worker of any kind does besides its own work: stand alone, and leave politely."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from rock_metrics.handover import Handover


class Process:
    """A mixin for Gunicorn's worker classes."""

    cfg: Any
    log: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: What this worker has counted and could not deliver; the master reads it.
        self.handover = Handover()

    def init_process(self) -> None:
        """Become a worker, in a process group of its own.

        Pebble signals the whole group of the process it started. Workers leave when the
        master tells them to, which is after what waits to be accepted has been.
        """
        os.setpgid(0, 0)
        self.log.hand_over_to(self.handover)
        super().init_process()  # type: ignore[misc] # Gunicorn's worker comes next


class ThreadedProcess(Process):
    """A mixin for Gunicorn's gthread worker before it could leave politely (newer ones can).

    Told to stop, it closed each connection that wasn't being answered right then, and a
    client that was about to send its next request saw a reset. Here every answer says
    that it is the last on its connection, and those that idle may do so until they would
    have been closed anyway.
    """

    alive: bool
    nr_conns: int
    poller: Any
    sockets: list[Any]
    _leave_before = 0.0
    _is_leaving = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave."""
        if not self._leave_before:
            self._leave_before = time.monotonic() + self.cfg.keepalive + 0.5

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer one request; Gunicorn calls it in a thread."""
        if self._leave_before:
            req.should_close = lambda: True
        return super().handle_request(req, conn)  # type: ignore[misc]

    def notify(self) -> None:
        """Say to the master that this worker lives; Gunicorn calls it at least each second."""
        super().notify()  # type: ignore[misc]
        if not self._leave_before:
            return
        if not self._is_leaving:
            self._is_leaving = True
            for listener in self.sockets:
                with suppress(KeyError, ValueError):
                    self.poller.unregister(listener)
        if not self.nr_conns or time.monotonic() > self._leave_before:
            self.alive = False


def as_process(worker_class: type) -> type:
    """Return the worker class with what a rock's workers do besides."""
    mixin: type[Process] = Process
    # Later versions of gthread, which switch accepting on and off, leave as they should.
    if any(base.__module__ == "gunicorn.workers.gthread" for base in worker_class.__mro__):
        mixin = Process if hasattr(worker_class, "set_accept_enabled") else ThreadedProcess
    return type(worker_class.__name__, (mixin, worker_class), {})
