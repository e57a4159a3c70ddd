"""The processes below this one, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

#: Seconds that programs have to tidy up after themselves (go removes its work folder).
_PATIENCE = 2.0


def below(roots: Iterable[int], spared: Collection[int] = ()) -> list[int]:
    """Return the ids of all processes below ``roots``, but for those ``spared`` and below them.

    Ended ones that nobody reaped count not.
    """
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
    waiting = list(roots)
    while waiting:
        here = [p for p in children.get(waiting.pop(), []) if p not in spared]
        found += here
        waiting += here
    return found


def started_by(threads: Iterable[int]) -> list[int]:
    """Return the processes that threads of this process have started, and all below those.

    Where the kernel doesn't tell (CONFIG_PROC_CHILDREN), there are none.
    """
    started: list[int] = []
    for thread in threads:
        with contextlib.suppress(OSError):
            text = Path(f"/proc/self/task/{thread}/children").read_text()
            started += map(int, text.split())
    return [*started, *below(started)] if started else []


def runs(process: int) -> bool:
    """Tell whether a process hasn't ended; one that has may still wait to be taken note of."""
    try:
        stat = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return False
    state = stat.rpartition(b")")[2].split()[:1]  # empty where it went while we read
    return bool(state) and state != [b"Z"]


def end(find: Callable[[], Collection[int]]) -> None:
    """End the processes that ``find`` gives, and those that they start meanwhile.

    Each is interrupted first; what is left after a while is killed.
    """
    told: set[int] = set()
    deadline = time.monotonic() + _PATIENCE
    # Whose parent ends first is found no more, and goes on if it ignores interruptions.
    while left := {*find(), *filter(runs, told)}:
        now = time.monotonic()
        if now > deadline + 1:
            return
        late = now > deadline
        for process in left if late else left - told:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL if late else signal.SIGINT)
        told.update(left)
        time.sleep(0.01)
