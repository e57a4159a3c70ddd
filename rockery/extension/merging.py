"""How what a user wrote is merged with what an extension adds: as rockcraft merges them."""

from __future__ import annotations

from collections.abc import Iterator
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


def differing(one: Any, other: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the paths at which both have a value that merging would have to choose from."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one:
            if key in other:
                yield from differing(one[key], other[key], (*path, str(key)))
    elif not (isinstance(one, list) and isinstance(other, list)) and one != other:
        yield path
