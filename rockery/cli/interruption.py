"""What ends a command early: Ctrl-C, a supervisor's SIGTERM, a terminal that goes away.

All three become one :class:`KeyboardInterrupt`, so that every ``finally`` runs and nothing
is left half-written, and the programs that were started (apt, uv, go and theirs) end too,
whether the signal went to the whole process group or to this process alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

from rockery import processes

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Processes that a signal to this one does not end.
_spared: set[int] = set()

#: What is done first of all.
_before: list[Callable[[], object]] = []

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


def first(act: Callable[[], object]) -> None:
    """Do this before the programs are ended: whoever waits for one starts no other instead."""
    _before[:] = [act]


def _interrupt(_number: int, _frame: object) -> None:
    for number in _SIGNALS:  # tidying up is not interrupted
        signal.signal(number, signal.SIG_IGN)
    _adopt_orphans()
    for act in _before:
        act()
    processes.end(lambda: processes.below([os.getpid()], _spared))
    # Only now, when nobody writes into them any more, are folders tidied up.
    raise KeyboardInterrupt


def _adopt_orphans() -> None:
    """Become the parent of whatever our programs leave behind, so that it can be found."""
    with contextlib.suppress(Exception):  # the signal may have come in the middle of an import
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
