"""The part of Gunicorn's logger that counts.

Gunicorn tells its logger about each answered request. This mixin stands above whatever
logger it ends up with, its own, a JSON one or the user's, and works from Gunicorn 20.1 to 27.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable, Mapping, MutableSequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from rock_metrics.check import WSGI_NAME, is_wsgi_check
from rock_metrics.handover import Handover
from rock_metrics.report import Address, Reporter


class MetricsLogger:
    """A mixin for ``gunicorn.glogging.Logger``.

    ``statsd_address`` is None where nothing is to be reported. ``requests_prefix`` stands
    before the names of what is counted of requests, in a rock that starts another server than
    its own. The master process delivers
    at once, since it must fork without threads; a worker does it in the background.
    """

    statsd_address: Address | None = None
    statsd_prefix: str = ""
    requests_prefix: str = ""

    def __init__(self, cfg: Any) -> None:
        self._report(self._new_reporter())
        self._in_worker = False
        self._handover: Handover | None = None
        # One byte that the master shares with its workers.
        self._answered = mmap.mmap(-1, 1)
        super().__init__(cfg)  # type: ignore[call-arg] # Gunicorn's logger comes next

    def _new_reporter(self) -> Reporter | None:
        if self.statsd_address is None:
            return None
        prefix = f"{self.statsd_prefix.rstrip('.')}." if self.statsd_prefix else ""
        return Reporter(self.statsd_address, prefix, self.requests_prefix)

    def _report(self, reporter: Reporter | None) -> None:
        self._reporter = reporter
        self._record = _nothing if reporter is None else reporter.request

    def close_on_exec(self) -> None:
        """Begin to report as a worker, where this is one.

        Of the calls that Gunicorn makes on its logger this is the one that each new worker
        makes once: after the fork, after gevent has patched, before the app is loaded.
        """
        super().close_on_exec()  # type: ignore[misc]
        if self._reporter is not None and self._reporter.pid != os.getpid():
            self._report(self._new_reporter())
            self._reporter.start(self._handover)
            self._in_worker = True

    def hand_over_to(self, handover: Handover) -> None:
        """Name what a worker leaves undelivered counts in, before it begins to report."""
        self._handover = handover

    def take_over(self, handover: Handover) -> None:
        """Deliver, as the master, what a worker that has ended left."""
        counted = handover.take()
        if counted and self._reporter is not None:
            self._reporter.absorb(counted)

    def remind(self, workers: int) -> None:
        """Report, as the master, what an exporter that has just started doesn't know.

        That is the number of workers, and counters that are 0 so far: a counter that appears
        with its first event has not increased, as far as Prometheus can tell.
        """
        if self._reporter is not None:
            self._reporter.gauge("gunicorn.workers", workers)
            for level in ("critical", "error", "exception", "warning"):
                self._reporter.count(f"gunicorn.log.{level}", 0)

    def answered_any(self) -> bool:
        """Tell whether any worker has answered a request since the last call."""
        any_answered = self._answered[0] != 0
        self._answered[0] = 0
        return any_answered

    def access(
        self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: timedelta
    ) -> None:
        """Count and log an answered request, unless it is a check's."""
        self._answered[0] = 1
        if WSGI_NAME in environ and is_wsgi_check(environ):
            return
        # The app failed before anything was sent. Gunicorn answers with status 500, and
        # comes again with that; its own answer has no path.
        if (
            not getattr(resp, "headers_sent", True)
            and "PATH_INFO" in environ
            and sys.exc_info()[0] is not None
        ):
            return
        self._record((_code(resp.status), request_time.total_seconds()))
        super().access(resp, req, environ, request_time)  # type: ignore[misc]

    def recorder(self) -> tuple[Callable[[tuple[int, float]], None], MutableSequence[int]]:
        """Return what counts an answered request, and where that there was one is noted.

        The first is given the request's status and its seconds as one tuple, of the second the
        first element is set to 1. Who answers thousands in a second does both without a function
        of ours in between.
        """
        return self._record, self._answered

    def check_answered(self) -> None:
        """Take note of an answer that isn't counted."""
        self._answered[0] = 1

    def flush(self) -> None:
        """Deliver now what is counted, for a process that ends without exit handlers."""
        if self._reporter is not None:
            # The master has no threads: whom it would wait for is itself, interrupted.
            self._reporter.flush(wait=1 if self._in_worker else 0)

    def critical(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log and count."""
        super().critical(msg, *args, **kwargs)  # type: ignore[misc]
        self._count("gunicorn.log.critical")

    def error(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log and count."""
        super().error(msg, *args, **kwargs)  # type: ignore[misc]
        self._count("gunicorn.log.error")

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log and count."""
        super().warning(msg, *args, **kwargs)  # type: ignore[misc]
        self._count("gunicorn.log.warning")

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log and count."""
        super().exception(msg, *args, **kwargs)  # type: ignore[misc]
        self._count("gunicorn.log.exception")

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log, and report the measurement that Gunicorn may have put into ``extra``."""
        self._measure(kwargs.get("extra"))
        super().info(msg, *args, **kwargs)  # type: ignore[misc]

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log, and report the measurement that Gunicorn may have put into ``extra``."""
        self._measure(kwargs.get("extra"))
        super().debug(msg, *args, **kwargs)  # type: ignore[misc]

    def _measure(self, extra: Mapping[str, Any] | None) -> None:
        if not extra or self._reporter is None or extra.get("value") is None:
            return
        name, kind, value = extra.get("metric", ""), extra.get("mtype"), extra["value"]
        if kind == "gauge":
            self._reporter.gauge(name, value)
        elif kind == "counter":
            self._reporter.count(name, value)
        elif kind in ("histogram", "timer"):
            self._reporter.observe("h" if kind == "histogram" else "ms", name, value)
        self._deliver()

    def _count(self, name: str) -> None:
        if self._reporter is not None:
            self._reporter.count(name)
            self._deliver()

    def _deliver(self) -> None:
        if not self._in_worker:
            self.flush()


def _nothing(answered: tuple[int, float]) -> None:
    pass


def status_code(resp: Any) -> int:
    """Return 404 for Gunicorn's "404 Not Found", in whatever type a worker has it.

    An answer without a number is the app's mistake, so it is a 500.
    """
    return _code(resp.status)


@lru_cache(maxsize=128)
def _code(status: object) -> int:
    if isinstance(status, bytes):
        status = status.decode("latin-1")
    first = str(status).split(None, 1)[:1]
    return int(first[0]) if first and first[0].isdecimal() else 500
