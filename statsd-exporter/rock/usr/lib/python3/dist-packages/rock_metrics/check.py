"""Requests of a health check: neither counted nor logged, and answered for their status.

A Pebble check sends the header; the peer must be this machine, so that no client from
outside can stay out of the log with it. Pebble takes any status but 20x for a failure,
while an app that answers with a redirection, "not found" or "not authorised" is ready: so
whatever is below 500 becomes 200 in the answer to a check.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

#: The header that a check sends, with any value.
HEADER = "X-Rock-Check"

_WSGI_NAME = "HTTP_" + HEADER.upper().replace("-", "_")
_ASGI_NAME = HEADER.lower().encode()

WsgiApp = Callable[[MutableMapping[str, Any], Callable[..., Any]], Iterable[bytes]]


def is_wsgi_check(environ: Mapping[str, Any]) -> bool:
    """Tell whether a WSGI request is a check."""
    return _WSGI_NAME in environ and _is_loopback(environ.get("REMOTE_ADDR"))


def is_asgi_check(scope: MutableMapping[str, Any]) -> bool:
    """Tell whether an ASGI request is a check."""
    client = scope.get("client")
    return (
        client is not None
        and _is_loopback(client[0])
        and any(name == _ASGI_NAME for name, _ in scope["headers"])
    )


def checked(app: WsgiApp, ready_path: str = "/") -> WsgiApp:
    """Return a WSGI app that answers checks, and leaves all other requests to ``app``.

    A check of ``/`` asks for ``ready_path``, which may have a query.
    """

    def answer(
        environ: MutableMapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if not is_wsgi_check(environ):
            return app(environ, start_response)
        if environ.get("PATH_INFO") == "/":
            path, _, query = ready_path.partition("?")
            environ.update(PATH_INFO=path, QUERY_STRING=query, RAW_URI=ready_path)

        def start(status: str, headers: Any, *exc_info: Any) -> Any:
            return start_response("200 OK" if _is_ready(status[:3]) else status, headers, *exc_info)

        return app(environ, start)

    return answer


def asgi_check(
    scope: MutableMapping[str, Any],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ready_path: str = "/",
) -> tuple[MutableMapping[str, Any], Callable[[MutableMapping[str, Any]], Awaitable[None]]]:
    """Return what an ASGI app is to be called with instead, for a check."""
    if scope["path"] == "/":
        path, _, query = ready_path.partition("?")
        scope = {
            **scope,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
        }

    async def answer(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start" and _is_ready(message["status"]):
            message = {**message, "status": 200}
        await send(message)

    return scope, answer


def _is_ready(status: int | str) -> bool:
    return 200 <= int(status) < 500


def _is_loopback(address: str | None) -> bool:
    return address is not None and (address == "::1" or address.startswith(("127.", "::ffff:127.")))
