"""What counting one request costs by itself: ``python -m bench.runtime.recording``.

Prints microseconds of CPU time per request, for Gunicorn's own workers and for ASGI, of what a
worker does while it answers and of what is done with it per delivery. The fastest of several
repetitions counts, and it is time of the thread, so that this holds on a busy machine as well.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "statsd-exporter/rock/usr/lib/python3/dist-packages"))

from rock_metrics.asgi import App, Message, Observed, Receive, Scope, Send  # noqa: E402
from rock_metrics.logger import MetricsLogger  # noqa: E402

REPETITIONS = 9
REQUESTS = 20_000
#: Requests between two deliveries: 1,000 a second.
DELIVERY = 250


class Plain:
    """What stands below the mixin, doing nothing."""

    access_log = SimpleNamespace(hasHandlers=lambda: False)

    def __init__(self, cfg: Any) -> None:
        pass

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:
        pass


class Logger(MetricsLogger, Plain):
    statsd_address = ("127.0.0.1", 9)


def measured(act: Callable[[], object]) -> float:
    began = time.thread_time()
    act()
    return time.thread_time() - began


def cost(serve: Callable[[int], object], deliver: Callable[[], object]) -> tuple[float, float]:
    """Return microseconds per request of serving, and of delivering."""
    serving, delivering = [], []
    for _ in range(REPETITIONS):
        times = [
            (measured(lambda: serve(DELIVERY)), measured(deliver))
            for _ in range(REQUESTS // DELIVERY)
        ]
        serving.append(sum(time for time, _ in times) / REQUESTS * 1e6)
        delivering.append(sum(time for _, time in times) / REQUESTS * 1e6)
    return min(serving), min(delivering)


def wsgi(logger: Logger) -> None:
    response = SimpleNamespace(status="200 OK", headers_sent=True)
    environ = {"PATH_INFO": "/", "REMOTE_ADDR": "192.0.2.1"}
    durations = [timedelta(microseconds=random.randint(300, 900)) for _ in range(DELIVERY)]

    def serve(with_mixin: bool) -> Callable[[int], None]:
        access = logger.access if with_mixin else super(MetricsLogger, logger).access

        def answer(number: int) -> None:
            for duration in durations[:number]:
                access(response, None, environ, duration)

        return answer

    plain, _ = cost(serve(False), lambda: None)
    report("Gunicorn's own workers", plain, *cost(serve(True), logger.flush))


def asgi(logger: Logger) -> None:
    scope = {
        "type": "http",
        "client": ("192.0.2.1", 5),
        "headers": [(b"host", b"h"), (b"user-agent", b"me"), (b"accept", b"*/*")],
    }

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def send(message: Message) -> None:
        pass

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    def serve(served: App) -> Callable[[int], None]:
        async def answer(number: int) -> None:
            for _ in range(number):
                await served(scope, receive, send)

        return lambda number: loop.run_until_complete(answer(number))

    loop = asyncio.new_event_loop()
    plain, _ = cost(serve(app), lambda: None)
    report("ASGI", plain, *cost(serve(Observed(app, logger)), logger.flush))
    loop.close()


def report(name: str, plain: float, serving: float, delivering: float) -> None:
    print(
        f"{name}: {serving - plain + delivering:.1f} µs of CPU per request, "
        f"{serving - plain:.1f} while it is answered and {delivering:.1f} when it is delivered"
    )


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}")
    wsgi(Logger(None))
    asgi(Logger(None))
