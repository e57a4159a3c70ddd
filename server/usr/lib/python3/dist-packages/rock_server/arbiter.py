"""Gunicorn's master, with what a rock adds: it drains, gives up in time, and takes over.

Works with Gunicorn 20.1 to 27: in the older ones dead workers are reaped by the handler of
SIGCHLD, in the newer ones by the main loop.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from gunicorn import arbiter
from gunicorn.errors import HaltServer

from rock_server.deaths import Deaths, died
from rock_server.listeners import refuse_new, waiting
from rock_server.process import as_process

#: Seconds for which no connection must have been waiting, before the listeners go.
QUIET = 0.1

#: Seconds after which an exporter that was started again knows what it has to.
REMINDER = 10.0


class Arbiter(arbiter.Arbiter):  # type: ignore[misc] # Gunicorn has no types
    """Gunicorn's master for a rock."""

    worker_class: type
    _failed = False
    _leaving = False
    _remind_at = 0.0

    def __init__(self, app: Any) -> None:
        self._deaths = Deaths()
        self._told: set[int] = set()
        super().__init__(app)

    def setup(self, app: Any) -> None:
        """Take in the settings, at the start and at each reload."""
        super().setup(app)
        self.worker_class = as_process(self.worker_class)
        app.log = self.log
        for remark in app.remarks:
            self.log.info("%s", remark)
        self.log.info("Using %d workers: %s", self.num_workers, app.workers_reason)

    def spawn_worker(self) -> int:
        """Start a worker; return its process id."""
        # What is there is one for all workers until somebody writes to it, which a garbage
        # collection does. It is 3 MB of each.
        gc.freeze()
        pid: int = super().spawn_worker()
        # The worker does so too: whoever is first.
        with suppress(OSError):
            os.setpgid(pid, pid)
        return pid

    def kill_worker(self, pid: int, sig: int) -> None:
        """Send a signal to a worker."""
        if sig != signal.SIGUSR1:
            self._told.add(pid)
        super().kill_worker(pid, sig)

    def manage_workers(self) -> None:
        """Keep the number of workers; Gunicorn calls it at least each second."""
        super().manage_workers()
        if time.monotonic() >= self._remind_at:
            self._remind_at = time.monotonic() + REMINDER
            self.log.remind(len(self.WORKERS))
        self.log.flush()

    def reap_workers(self) -> None:
        """Take note of workers that have ended.

        Raises:
            HaltServer: too many died, or one couldn't boot.
        """
        before = dict(self.WORKERS)
        dead = [(pid, how) for pid in before if (how := died(pid)) and pid not in self._told]
        try:
            super().reap_workers()
        finally:
            for pid, worker in before.items():
                if pid not in self.WORKERS:
                    self._told.discard(pid)
                    self.log.take_over(worker.handover)
        for _, how in dead:
            many = self._deaths.add(time.monotonic(), answered=self.log.answered_any())
            if many and not self._leaving:
                raise HaltServer(
                    f"{Deaths.MOST} workers died within {Deaths.SECONDS:g} s and no request was "
                    f"answered between their deaths; the last one {how}",
                    self.WORKER_BOOT_ERROR,
                )

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """End, with an exit status."""
        self._failed = exit_status != 0
        super().halt(reason, exit_status)

    def stop(self, graceful: bool = True) -> None:
        """Stop workers, after all that reached this rock is answered where it is graceful."""
        self._leaving = True
        # With another master on the same listeners they aren't ours to close.
        if graceful and not (self._failed or self.reexec_pid or self.master_pid or self.systemd):
            limit = time.monotonic() + self.cfg.graceful_timeout
            with suppress(HaltServer):
                self._drain(limit)
            # Gunicorn counts from anew.
            self.cfg.set("graceful_timeout", max(1, round(limit - time.monotonic())))
        super().stop(graceful)

    def _drain(self, limit: float) -> None:
        """Have every connection accepted that is established, before ``limit``."""
        listeners = [listener.sock for listener in self.LISTENERS]
        refusing = [refuse_new(listener) for listener in listeners]
        if not any(refusing):
            return
        quiet_since = time.monotonic()
        while (now := time.monotonic()) - quiet_since < QUIET:
            if now > limit or self._is_urgent():
                return
            # A worker may reach its last request now, and others still wait.
            self.reap_workers()
            self.manage_workers()
            time.sleep(0.02)
            if any(map(waiting, listeners)):
                quiet_since = time.monotonic()

    def _is_urgent(self) -> bool:
        """Tell whether there is a signal to stop at once."""
        return any(number in (signal.SIGINT, signal.SIGQUIT) for number in self._signals())

    def _signals(self) -> Iterator[int]:
        if isinstance(self.SIG_QUEUE, list):
            yield from self.SIG_QUEUE
            return
        taken = [self.SIG_QUEUE.get_nowait() for _ in range(self.SIG_QUEUE.qsize())]
        for number in taken:
            self.SIG_QUEUE.put_nowait(number)
        yield from taken
