"""The model in one worker: loaded once, asked in rows, remembered for a while."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from serving.errors import ServiceError
from serving.schemas import Health

_log = logging.getLogger("serving")


class Model:
    """The forest, its version, and what it said lately.

    A file that can't be loaded is logged; then ``/health`` says so, and nothing is predicted.
    """

    def __init__(self, file: Path, cache_size: int) -> None:
        self._started = time.monotonic()
        self._forest: Any = None
        self._cache = Cache(cache_size)
        self.version = ""
        try:
            self._load(file)
        except Exception:  # whatever unpickling raises
            _log.exception("cannot load the model %s", file)

    def _load(self, file: Path) -> None:
        import joblib

        self.version = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        self._forest = joblib.load(file)

    @property
    def is_loaded(self) -> bool:
        """Whether there is something to ask."""
        return self._forest is not None

    def health(self) -> Health:
        """Return how this worker is."""
        return Health(
            status="healthy" if self.is_loaded else "unhealthy",
            time=datetime.now(timezone.utc),  # noqa: UP017 - Ubuntu 22.04 has Python 3.10
            uptime=round(time.monotonic() - self._started, 3),
            model_loaded=self.is_loaded,
            model_version=self.version if self.is_loaded else None,
        )

    def remembered(self, row: Sequence[float]) -> float | None:
        """Return what was said of this row before.

        Raises:
            ServiceError: with status 503, where there is no model.
        """
        if not self.is_loaded:
            raise ServiceError(503, "model_not_loaded", "the model is not loaded")
        return self._cache.get(tuple(row))

    def predict(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """Return what the model says of each row, in one call: it takes a CPU for a while.

        Raises:
            ServiceError: with status 503, where there is no model.
        """
        if not self.is_loaded:
            raise ServiceError(503, "model_not_loaded", "the model is not loaded")
        import numpy as np

        said: list[float] = self._forest.predict(np.asarray(rows, dtype=np.float64)).tolist()
        for row, value in zip(rows, said, strict=True):
            self._cache.put(tuple(row), value)
        return said


class Cache:
    """The last so many answers, by row; several threads may use it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[tuple[float, ...], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, row: tuple[float, ...]) -> float | None:
        """Return the answer for a row, which then is the last to be forgotten."""
        with self._lock:
            if row in self._values:
                self._values.move_to_end(row)
            return self._values.get(row)

    def put(self, row: tuple[float, ...], value: float) -> None:
        """Remember an answer, and forget the one that was not asked for longest."""
        with self._lock:
            self._values[row] = value
            self._values.move_to_end(row)
            if len(self._values) > self._size:
                self._values.popitem(last=False)
