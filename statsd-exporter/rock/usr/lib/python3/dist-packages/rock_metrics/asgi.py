"""Counting what an ASGI app answers.

Uvicorn tells nobody about its requests unless it logs them, so a small middleware around
the app does. Websockets and the lifespan pass through untouched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any

from rock_metrics.check import asgi_check, believed_starts, is_asgi_check

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Answer:
    """What is known of an answer, under the names that Gunicorn's logger reads."""

    status: int
    headers: list[tuple[str, str]]
    sent: int


class Observed:
    """An ASGI app whose answered requests are counted, and logged where there is a log.

    A request is answered with the last part of its body, so what an app does in the
    background afterwards isn't part of its duration; or when the app ends after it began
    to answer. ``log`` is Gunicorn's logger with :class:`rock_metrics.logger.MetricsLogger`.

    Once ``last_requests`` is set, each answer says that it is the last on its connection.
    """

    def __init__(self, app: App, log: Any, ready_path: str = "/") -> None:
        self.last_requests = False
        self._app = app
        self._log = log
        self._record, self._noted = log.recorder()
        self._ready_path = ready_path
        self._checkers = believed_starts()
        self._logs_access = log.access_log.hasHandlers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = scope.get("client")
        if client and client[0].startswith(self._checkers) and is_asgi_check(scope):
            scope, send = asgi_check(scope, send, self._ready_path)
            await self._app(scope, receive, send)
            self._log.check_answered()
            return

        started = perf_counter()
        status = sent = 0
        headers: Iterable[tuple[bytes, bytes]] = ()
        finished = False

        # Called for each message, some thousand times a second: a function that hands on what
        # the server's returns costs half of one that awaits it.
        def observe(message: Message) -> Awaitable[None]:
            nonlocal status, headers, sent, finished
            kind = message["type"]
            if kind == "http.response.start":
                status = message["status"]
                if self._logs_access:
                    headers = message.get("headers", ())
                if self.last_requests:
                    last = [*message.get("headers", ()), (b"connection", b"close")]
                    message = {**message, "headers": last}
            elif kind == "http.response.body":
                if self._logs_access:
                    sent += len(message.get("body", b""))
                if not message.get("more_body", False) and status and not finished:
                    finished = True
                    answered()
            return send(message)

        def answered() -> None:
            seconds = perf_counter() - started
            if self._logs_access:
                answer = Answer(status, _text(headers), sent)
                duration = timedelta(seconds=seconds)
                self._log.access(answer, _text(scope["headers"]), _environ(scope), duration)
            else:
                self._noted[0] = 1
                self._record((status, seconds))

        try:
            await self._app(scope, receive, observe)
            # Uvicorn answers for an app that doesn't.
            status = status or 500
        except Exception:
            status = status or 500
            raise
        finally:
            if status and not finished:
                answered()


def _environ(scope: Scope) -> dict[str, str]:
    """Return what an access log line says of the request, under WSGI's names."""
    query = scope["query_string"].decode("latin-1")
    client = scope.get("client") or ("", "")
    target = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    environ = {
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"],
        "QUERY_STRING": query,
        "RAW_URI": f"{target}?{query}" if query else target,
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
    }
    for name, value in _text(scope["headers"]):
        if name in ("authorization", "referer", "user-agent"):
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environ


def _text(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
