"""What a worker that ends leaves to its master: counts that it could not deliver.

While the exporter is down a worker keeps what it counted. If it ends meanwhile (recycled,
reloaded), its master delivers it later.
"""

from __future__ import annotations

import json
import os
from typing import Any


class Handover:
    """A file in memory, made by the master before it forks and written once by the worker."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("rock-metrics")

    def leave(self, counted: list[list[Any]]) -> None:
        """Write what :meth:`rock_metrics.aggregate.Aggregate.dump` gave. Never raises."""
        try:
            with os.fdopen(os.dup(self._descriptor), "w") as file:
                json.dump(counted, file)
        except OSError:
            pass  # memory is full: the counts are lost, the worker isn't

    def take(self) -> list[list[Any]]:
        """Return what was left, once, and close the file."""
        if self._descriptor < 0:
            return []
        with os.fdopen(self._descriptor) as file:
            self._descriptor = -1
            file.seek(0)
            try:
                counted: list[list[Any]] = json.load(file)
            except ValueError:
                return []  # nothing, or the worker was killed while it wrote
            return counted
