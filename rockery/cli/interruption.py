"""What ends a command early: Ctrl-C, a supervisor's SIGTERM, a terminal that goes away.

All three become one :class:`KeyboardInterrupt`, so that every ``finally`` runs and nothing
is left half-written, and the programs that were started (apt, uv, go and theirs) end too,
whether the signal went to the whole process group or to this process alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Seconds that programs have to tidy up after themselves (go removes its work folder).
_PATIENCE = 2.0

#: Processes that a signal to this one does not end.
_spared: set[int] = set()

_PR_SET_CHILD_SUBREAPER = 36


def install() -> None:
    """Turn the signals that end a command into :class:`KeyboardInterrupt`.

    One that is ignored stays so: ``nohup`` asks for that.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def spare(process: int | None) -> None:
    """Leave this process and those below it to their caller, who ends them in their own way.

    None takes back what was said of another.
    """
    _spared.clear()
    if process is not None:
        _spared.add(process)


def descendants() -> list[int]:
    """Return the ids of all processes below this one; ended ones that nobody reaped count not."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - only the names, and many of them
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The program's name, in parentheses, may itself contain anything.
            fields = Path("/proc", name, "stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] != b"Z":
                children.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = [p for p in children.get(waiting.pop(), []) if p not in _spared]
        found += below
        waiting += below
    return found


def _interrupt(_number: int, _frame: object) -> None:
    for number in _SIGNALS:  # tidying up is not interrupted
        signal.signal(number, signal.SIG_IGN)
    _adopt_orphans()
    _end(descendants(), signal.SIGINT)
    deadline = time.monotonic() + _PATIENCE
    while left := descendants():
        if time.monotonic() > deadline:
            _end(left, signal.SIGKILL)
        if time.monotonic() > deadline + 1:
            break
        time.sleep(0.01)
    # Only now, when nobody writes into them any more, are folders tidied up.
    raise KeyboardInterrupt


def _end(processes: Iterable[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(OSError):
            os.kill(process, number)


def _adopt_orphans() -> None:
    """Become the parent of whatever our programs leave behind, so that it can be found."""
    with contextlib.suppress(Exception):  # the signal may have come in the middle of an import
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
