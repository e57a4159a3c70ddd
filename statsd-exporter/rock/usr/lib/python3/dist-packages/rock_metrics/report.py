"""Delivering what a process has counted to a StatsD server.

Every 250 ms and at exit, from a thread of its own: one send per event would cost 12 to 27 %
of the throughput (measured). What can't be delivered stays and is tried again.
"""

from __future__ import annotations

import atexit
import os
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from itertools import islice
from operator import itemgetter
from typing import Any

from rock_metrics.aggregate import Aggregate
from rock_metrics.handover import Handover

#: Seconds between two deliveries.
INTERVAL = 0.25

#: Datagrams in one delivery. The exporter's receive buffer holds 92 by default and drops
#: the rest in silence, and all workers share it.
DATAGRAMS = 16

#: ``(host, port)``, or the path of a unix datagram socket.
Address = tuple[str, int] | str


class Reporter:
    """Counts what happens in one process and delivers it to ``address``.

    Recording takes no lock: an event is appended to a deque, which is safe with threads,
    in signal handlers and under gevent. Nor does it compute: many requests at a time cost
    less than each alone.

    ``request`` counts an answered request, given its status and its seconds as one tuple. It is
    the deque's own method: among all that a worker does for a request, a Python function costs
    half a microsecond for being called at all.
    """

    def __init__(self, address: Address, prefix: str = "", requests_prefix: str = "") -> None:
        self.pid = os.getpid()
        self._address = address
        self._names = f"{requests_prefix}gunicorn"
        self._socket: socket.socket | None = None
        self._requests: deque[tuple[int, float]] = deque()
        self.request: Callable[[tuple[int, float]], None] = self._requests.append
        self._events: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._aggregate = Aggregate(prefix)
        self._lock = threading.Lock()
        self._handover: Handover | None = None

    def start(self, handover: Handover | None = None) -> None:
        """Deliver from now on by itself, and at exit.

        What can't be delivered at exit is left in ``handover``.
        """
        self._handover = handover
        atexit.register(self._close)
        threading.Thread(target=self._run, name="rock-metrics", daemon=True).start()

    def count(self, name: str, amount: float = 1) -> None:
        """Add to a counter."""
        self._events.append((Aggregate.count, (name, amount)))

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge."""
        self._events.append((Aggregate.gauge, (name, value)))

    def observe(self, kind: str, name: str, value: float) -> None:
        """Add an observation, as :meth:`rock_metrics.aggregate.Aggregate.observe` takes it."""
        self._events.append((Aggregate.observe, (kind, name, (value,))))

    def absorb(self, counted: list[list[Any]]) -> None:
        """Add what another process has left, as a :class:`Handover` gives it."""
        self._events.append((Aggregate.absorb, (counted,)))

    def flush(self, *, wait: float = 1) -> None:
        """Deliver what there is, up to :data:`DATAGRAMS` datagrams. Never raises.

        ``wait`` is how many seconds to wait for another delivery that is under way.
        """
        # A process that the app forked has a copy of what waits here: it isn't its to send.
        # And who interrupts a delivery in this very thread must not wait for it.
        if os.getpid() != self.pid or not self._lock.acquire(timeout=wait):
            return
        try:
            if self._requests:
                # One by one: a thread may append meanwhile.
                answered = [self._requests.popleft() for _ in range(len(self._requests))]
                _add_requests(self._aggregate, self._names, answered)
            while self._events:
                add, values = self._events.popleft()
                add(self._aggregate, *values)
            for datagram, samples in islice(self._aggregate.datagrams(), DATAGRAMS):
                if not self._send(datagram):
                    break
                self._aggregate.delivered(samples)
        finally:
            self._lock.release()

    def _close(self) -> None:
        self.flush()
        if self._handover is None or os.getpid() != self.pid or not self._lock.acquire(timeout=1):
            return
        # The lock is kept: whatever is delivered from now on isn't by this process.
        if len(self._aggregate):
            self._handover.leave(self._aggregate.dump())

    def _run(self) -> None:
        while True:
            time.sleep(INTERVAL)
            self.flush()

    def _send(self, datagram: bytes) -> bool:
        try:
            if self._socket is None:
                self._socket = _connect(self._address)
            self._socket.send(datagram)
            # Where nobody listens, the refusal comes after send() has returned and would
            # be reported by the next one: that this one was lost is known only here.
            refused = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError:
            refused = 1
        if refused and self._socket is not None:
            self._socket.close()
            self._socket = None
        return not refused


def _add_requests(aggregate: Aggregate, names: str, answered: list[tuple[int, float]]) -> None:
    # The names of Gunicorn's own StatsD logger, so that any mapping made for it fits. The
    # exporter makes one metric of one name, so the histogram has a name of its own.
    milliseconds = sorted(seconds * 1000 for _, seconds in answered)
    aggregate.count(f"{names}.requests", len(answered))
    for status, number in Counter(map(itemgetter(0), answered)).items():
        aggregate.count(f"{names}.request.status.{status}", number)
    aggregate.observe("ms", f"{names}.request.duration", milliseconds)
    aggregate.histogram(f"{names}.request.histogram", milliseconds)


def _connect(address: Address) -> socket.socket:
    if isinstance(address, str):
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        target: Any = address
    else:
        # The exporter listens on IPv4, and a name costs a look-up.
        host = "127.0.0.1" if address[0] == "localhost" else address[0]
        # For a text Python imports its IDNA codec with all its tables, 20 ms of a start.
        family, kind, protocol, _, target = socket.getaddrinfo(
            host.encode() if host.isascii() else host, address[1], type=socket.SOCK_DGRAM
        )[0]
        connected = socket.socket(family, kind, protocol)
    try:
        # A full unix socket would make the worker wait.
        connected.setblocking(False)
        connected.connect(target)
    except OSError:
        connected.close()
        raise
    return connected
