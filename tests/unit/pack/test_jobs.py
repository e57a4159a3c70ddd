"""Jobs side by side: what comes of them is what one after the other gives."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Callable

import pytest

from rockery import processes
from rockery.amount import Amount
from rockery.errors import Problem
from rockery.pack.jobs import Job, Jobs


class Log:
    """A watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.running: list[str] = []

    def step(self, title: str, amount: Amount | None = None) -> None:
        self.running.append(title)

    def ended(self, title: str) -> float:
        self.running.remove(title)
        return 0.0

    def done(self, title: str, outcome: str, took: float | None = None) -> None:
        if took is None:
            self.ended(title)
        self.lines.append(f"{title}: {outcome}")

    def say(self, text: str) -> None:
        self.lines.append(text)

    def note(self, problem: Problem) -> None:
        self.lines.append(problem.message)


@pytest.fixture
def log() -> Log:
    return Log()


def test_they_are_done_at_once_and_no_more_than_their_number(log: Log) -> None:
    jobs = Jobs(2, log)
    both, at_work, most = threading.Barrier(2, timeout=20), [0], [0]
    lock = threading.Lock()

    def meet() -> None:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
        both.wait()
        with lock:
            at_work[0] -= 1

    list(jobs.together([Job(meet)] * 6))
    assert most == [2]


def test_what_is_needed_is_done_before(log: Log) -> None:
    there: set[int] = set()

    def make(number: int, needs: tuple[int, ...]) -> int:
        assert set(needs) <= there
        time.sleep(0.01)
        there.add(number)
        return number

    needs = [(), (0,), (), (1, 2), (0, 3)]
    made = Jobs(4, log).together(
        [Job(lambda n=n, after=after: make(n, after), after) for n, after in enumerate(needs)]
    )
    assert list(made) == [0, 1, 2, 3, 4]


def saying(jobs: Jobs, name: str, seconds: float) -> Callable[[], None]:
    def do() -> None:
        jobs.step(name)
        jobs.note(Problem(f"{name} begins", "x"))
        time.sleep(seconds)
        jobs.done(name, "made")

    return do


@pytest.mark.parametrize("number", [1, 2, 3, 8])
def test_what_they_tell_has_one_order(log: Log, number: int) -> None:
    jobs = Jobs(number, log)
    pause = random.Random(number).random

    def outer(name: str) -> Callable[[], None]:
        def do() -> None:
            saying(jobs, f"{name} before", pause() / 100)()
            inner = [Job(saying(jobs, f"{name} {n}", pause() / 100)) for n in range(3)]
            for n, _ in enumerate(jobs.together(inner)):
                jobs.note(Problem(f"{name} {n} is there", "x"))
            saying(jobs, f"{name} after", pause() / 100)()

        return do

    for name in zip("abc", jobs.together([Job(outer(name)) for name in "abc"]), strict=True):
        jobs.say(f"{name[0]} is there")
    expected = []
    for name in "abc":
        expected += [f"{name} before begins", f"{name} before: made"]
        for n in range(3):
            expected += [f"{name} {n} begins", f"{name} {n}: made", f"{name} {n} is there"]
        expected += [f"{name} after begins", f"{name} after: made", f"{name} is there"]
    assert log.lines == expected
    assert log.running == []


@pytest.mark.parametrize("number", [1, 2, 8])
def test_of_several_errors_the_first_in_order_counts(log: Log, number: int) -> None:
    jobs = Jobs(number, log)

    def fail(name: str, seconds: float) -> Callable[[], None]:
        def do() -> None:
            saying(jobs, name, seconds)()
            raise ValueError(name)

        return do

    todo = [saying(jobs, "a", 0.1), fail("b", 0.1), fail("c", 0), saying(jobs, "d", 0)]
    with pytest.raises(ValueError, match="b"):
        list(jobs.together([Job(do) for do in todo]))
    assert log.lines == ["a begins", "a: made", "b begins", "b: made"]
    assert log.running == []


def test_what_comes_after_an_error_is_ended_with_its_programs(log: Log) -> None:
    jobs = Jobs(4, log)
    started, tidied, begun = threading.Event(), threading.Event(), []

    def programs() -> set[int]:
        threads = (thread.native_id or 0 for thread in threading.enumerate())
        return {program for program in processes.started_by(threads) if processes.runs(program)}

    others = programs()  # that earlier tests have left to this process

    def wait() -> None:
        try:
            started.set()
            subprocess.run(["sh", "-c", "sleep 1000 & sleep 1000"], check=True)
        finally:
            tidied.set()

    def fail() -> None:
        assert started.wait(20)
        while len(programs() - others) < 2:
            time.sleep(0.01)
        raise ValueError

    def loop() -> None:
        begun.append(True)
        while True:
            time.sleep(0.01)

    before = threading.active_count()
    began = time.monotonic()
    with pytest.raises(ValueError):  # noqa: PT011 - the one above
        list(jobs.together([Job(fail), Job(wait), Job(loop), Job(loop, [0])]))
    assert time.monotonic() - began < 20
    assert tidied.is_set()
    assert begun == [True]
    assert programs() <= others
    for thread in threading.enumerate():
        if thread.daemon:
            thread.join(5)
    assert threading.active_count() == before


def test_who_loses_interest_ends_them(log: Log) -> None:
    jobs = Jobs(4, log)
    ended = threading.Event()

    def idle() -> None:
        while True:
            time.sleep(0.01)

    def loop() -> None:
        try:
            list(jobs.together([Job(idle), Job(idle)]))
        finally:
            ended.set()

    together = jobs.together([Job(lambda: 1), Job(loop)])
    assert next(together) == 1
    jobs.stop()
    together.close()  # type: ignore[attr-defined]
    assert ended.is_set()
