"""Deaths of workers: which count, and when they are too many."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest
from rock_server.deaths import Deaths, died


def test_three_in_half_a_minute_are_too_many() -> None:
    deaths = Deaths()
    assert not deaths.add(0, answered=True)
    assert not deaths.add(10, answered=False)
    assert deaths.add(29, answered=False)
    assert deaths.add(31, answered=False)


def test_slower_ones_are_not() -> None:
    deaths = Deaths()
    assert not any(deaths.add(when, answered=False) for when in range(0, 300, 16))


def test_an_answer_between_them_begins_anew() -> None:
    deaths = Deaths()
    given = [(0, False), (1, False), (2, True), (3, False), (4, True), (5, False)]
    assert not any(deaths.add(when, answered=answered) for when, answered in given)
    assert deaths.add(6, answered=False)


def exits(status: int) -> Callable[[], None]:
    return lambda: os._exit(status)


def dies(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("end", "how"),
    [
        (exits(0), None),
        (exits(1), "ended with exit status 1"),
        (dies(signal.SIGKILL), "was killed by SIGKILL, as the kernel does at the memory limit"),
        (dies(signal.SIGXCPU), "was killed by SIGXCPU"),
    ],
)
def test_how_a_process_died(end: Callable[[], None], how: str | None) -> None:
    child = os.fork()
    if not child:
        end()
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        assert died(child) is None
        time.sleep(0.01)
    assert died(child) == how
    os.waitpid(child, 0)
    assert died(child) is None
