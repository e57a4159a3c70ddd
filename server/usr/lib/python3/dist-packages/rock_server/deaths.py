"""Workers that die without being told to, and when there are too many of them."""

from __future__ import annotations

import os
import signal
from collections import deque


class Deaths:
    """Deaths of workers that nobody asked for, and when they are too many.

    A worker that the kernel kills for memory while it boots would otherwise be replaced for
    ever: 246 kills in 25 s, and the container was up all the time (measured).
    """

    #: So many, within so many seconds, with no request answered between them.
    MOST = 3
    SECONDS = 30.0

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=self.MOST)

    def add(self, when: float, *, answered: bool) -> bool:
        """Add a death; ``answered`` tells of the time since the last one.

        Returns whether it is time to give up.
        """
        if answered:
            self._times.clear()
        self._times.append(when)
        return len(self._times) == self.MOST and when - self._times[0] <= self.SECONDS


def died(pid: int) -> str | None:
    """Say how a process of ours ended, or None while it runs or where it ended well.

    It stays to be reaped.
    """
    try:
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    if end is None or (end.si_code == os.CLD_EXITED and end.si_status == 0):
        return None
    if end.si_code == os.CLD_EXITED:
        return f"ended with exit status {end.si_status}"
    name = signal.Signals(end.si_status).name
    at_limit = ", as the kernel does at the memory limit" if name == "SIGKILL" else ""
    return f"was killed by {name}{at_limit}"
