"""How what a user wrote is merged with what an extension adds: as rockcraft merges them."""

from __future__ import annotations

from typing import Any


def merged(extension: Any, user: Any) -> Any:
    """Return ``extension`` with the user's on top.

    Lists are the extension's items first, then the user's, without duplicates when all are
    texts; mappings merge per key; else the user's value wins. Nothing given is no value.
    """
    if user is None:
        return extension
    if isinstance(extension, dict) and isinstance(user, dict):
        keys = [*extension, *(key for key in user if key not in extension)]
        return {key: merged(extension.get(key), user.get(key)) for key in keys}
    if isinstance(extension, list) and isinstance(user, list):
        together = extension + user
        if all(isinstance(item, str) for item in together):
            return list(dict.fromkeys(together))
        return together
    return user
