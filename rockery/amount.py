"""How far something long is: told by who does it, asked for by who shows it."""

from __future__ import annotations


class Amount:
    """Bytes that are ``done`` of a ``total``, which is 0 as long as nobody knows it."""

    def __init__(self, total: int = 0) -> None:
        self.done = 0
        self.total = total

    def look(self) -> int:
        """Return how many are done now."""
        return self.done
