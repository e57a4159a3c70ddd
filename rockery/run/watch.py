"""Noticing that a project's files changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from rockery.project import build_source, source

#: Milliseconds in which nothing may change before a change counts (an editor writes several
#: files at once), and after which it counts all the same.
_SETTLE, _LONGEST = 20, 400
#: Milliseconds after which is looked anyway: a network's file system tells of no changes.
_LOOK = 2_000


class Watch:
    """Knows the files in ``folder`` since it was made."""

    def __init__(self, folder: Path) -> None:
        import watchfiles  # noqa: F401 - now: it takes a moment, and a change must not wait for it

        self._folder = folder
        self._seen = self._state()

    def changes(self) -> Iterator[None]:
        """Give a value whenever something has changed, for ever."""
        notices = self._notices()
        while True:
            now = self._state()
            if now == self._seen:
                next(notices)
                continue
            self._seen = now
            yield

    def _notices(self) -> Iterator[None]:
        """Give a value whenever something may have changed."""
        from watchfiles import watch

        try:
            for _ in watch(
                self._folder,
                watch_filter=None,
                step=_SETTLE,
                debounce=_LONGEST,
                rust_timeout=_LOOK,
                yield_on_timeout=True,
                ignore_permission_denied=True,
            ):
                yield
        except (OSError, RuntimeError):
            pass  # the kernel watches too much already
        while True:
            time.sleep(_LOOK / 1000)
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
