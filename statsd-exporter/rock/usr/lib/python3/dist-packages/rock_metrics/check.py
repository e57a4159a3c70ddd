"""Requests of a health check, which are neither counted nor logged.

A Pebble check sends the header; the peer must be this machine, so that no client from
outside can stay out of the log with it.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

#: The header that a check sends, with any value.
HEADER = "X-Rock-Check"

_WSGI_NAME = "HTTP_" + HEADER.upper().replace("-", "_")
_ASGI_NAME = HEADER.lower().encode()


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


def _is_loopback(address: str | None) -> bool:
    return address is not None and (address == "::1" or address.startswith(("127.", "::ffff:127.")))
