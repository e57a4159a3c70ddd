"""Requests of a health check: neither counted nor logged, and answered for their status.

A Pebble check sends the header; the peer must be this machine, or a proxy that the variable
``ROCK_CHECKS_FROM`` names, so that no client from outside can stay out of the log with it.
Pebble takes any status but 20x for a failure, while an app that answers with a redirection,
"not found" or "not authorised" is ready: so whatever is below 500 becomes 200 in the answer
to a check.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

#: The header that a check sends, with any value.
HEADER = "X-Rock-Check"

#: How a peer's address begins where it is this machine, which has "::1" too.
_OWN = ("127.", "::ffff:127.")

#: Addresses and networks of others whose checks are believed, with commas between them. They
#: have to take the header away from requests that they pass on.
VARIABLE = "ROCK_CHECKS_FROM"

#: The header in a WSGI environment.
WSGI_NAME = "HTTP_" + HEADER.upper().replace("-", "_")
_ASGI_NAME = HEADER.lower().encode()

WsgiApp = Callable[[MutableMapping[str, Any], Callable[..., Any]], Iterable[bytes]]


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return what the value of ``ROCK_CHECKS_FROM`` names; raises ValueError for nonsense."""
    return tuple(ip_network(word.strip()) for word in text.split(",") if word.strip())


def is_wsgi_check(environ: Mapping[str, Any]) -> bool:
    """Tell whether a WSGI request is a check."""
    return WSGI_NAME in environ and _is_believed(environ.get("REMOTE_ADDR"))


def is_asgi_check(scope: MutableMapping[str, Any]) -> bool:
    """Tell whether an ASGI request is a check."""
    client = scope.get("client")
    return (
        client is not None
        and _is_believed(client[0])
        and any(name == _ASGI_NAME for name, _ in scope["headers"])
    )


def believed_starts() -> tuple[str, ...]:
    """Return how the addresses begin whose checks may be believed: who tests that first asks less.

    They may begin with anything where others are named.
    """
    return ("",) if _believed() else ("::1", *_OWN)


def checked(app: WsgiApp, ready_path: str = "/") -> WsgiApp:
    """Return a WSGI app that answers checks, and leaves all other requests to ``app``.

    A check of ``/`` asks for ``ready_path``, which may have a query.
    """

    def answer(
        environ: MutableMapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        # The first test alone costs next to nothing.
        if WSGI_NAME not in environ or not is_wsgi_check(environ):
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


def _is_believed(address: str | None) -> bool:
    if address is None:
        return False
    if address == "::1" or address.startswith(_OWN):
        return True
    believed = _believed()
    if not believed:
        return False
    try:
        peer = ip_address(address.removeprefix("::ffff:"))
    except ValueError:  # a peer on a Unix socket has none
        return False
    return any(peer in network for network in believed)


@cache
def _believed() -> tuple[IPv4Network | IPv6Network, ...]:
    return networks(os.environ.get(VARIABLE, ""))
