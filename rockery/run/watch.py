"""Noticing that a project's files changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from rockery.project import build_source, source

#: Seconds between two looks, and for which nothing may change before a change counts: an
#: editor writes several files at once.
_LOOK, _SETTLE = 0.2, 0.1


class Watch:
    """Knows the files in ``folder`` since it was made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = self._state()

    def changes(self) -> Iterator[None]:
        """Give a value whenever something has changed, for ever."""
        while True:
            now = self._state()
            if now == self._seen:
                time.sleep(_LOOK)
                continue
            while (settled := self._state()) != now:
                now = settled
                time.sleep(_SETTLE)
            self._seen = now
            yield

    def _state(self) -> dict[str, tuple[int, int]]:
        """Return the size and time of every file that a pack may read."""
        state = {}
        for entry in source.walk(self._folder, lambda path: not build_source.holds(path)):
            if entry.kind == "file":
                try:
                    status = (self._folder / entry.path).lstat()
                except FileNotFoundError:
                    continue  # an editor's temporary file
                state[entry.path] = (status.st_size, status.st_mtime_ns)
        return state
