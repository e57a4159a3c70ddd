"""Jobs that are done side by side, such as the layers of a rock.

Whatever their number, what comes of it is what doing one after the other gives: the same
results, the same lines in the same order, and of several errors the one that is the first then.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from rockery import processes
from rockery.amount import Amount
from rockery.errors import Problem
from rockery.pack.options import Watcher

Made = TypeVar("Made")

#: Seconds between two looks of a job's thread at whether it is to end.
_LOOK = 0.1

#: Places that threads take memory from, by glibc's mallopt(3): with one for each, what a thread
#: frees no other takes. A pack of 20,000 files took 127 MB with one each, 110 with two in all.
_ARENAS = 2
_M_ARENA_MAX = -8

#: Seconds that threads have to end once they are told to.
_PATIENCE = 10.0


@dataclass(frozen=True)
class Job(Generic[Made]):
    """Something to do; ``after`` are the positions of the jobs before it that it needs done."""

    do: Callable[[], Made]
    after: Sequence[int] = ()


class Jobs:
    """Does at most ``number`` jobs at once, each in a thread; also the watcher of what they do.

    A job may have jobs done itself, and takes no place while it waits for them.
    """

    def __init__(self, number: int, watcher: Watcher) -> None:
        self.number = number
        if number > 1:
            _share_memory()
        self._free = number
        self._watcher = watcher
        self._account = _Account(told=True)
        self._waiting: list[_Worker] = []
        self._working: list[_Worker] = []
        self._stopped = False
        # Held as it is: entering a condition is Python's code, and an exception that another
        # thread raises here would come between taking the lock and having to give it back.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    def together(self, jobs: Sequence[Job[Made]]) -> Iterator[Made]:
        """Do the jobs, and give what they make in their order.

        Raises:
            Exception: what the first of them raised; those after it are ended.
        """
        if self.number == 1 or len(jobs) < 2:
            for job in jobs:
                yield job.do()
            return
        workers: list[_Worker] = []
        for job in jobs:
            needed = [workers[position] for position in job.after]
            workers.append(_Worker(job.do, needed, self._finished))
        worker = _current()
        account = worker.account if worker else self._account
        with self._lock:
            self._free += worker is not None
            self._waiting += workers
            self._start()
        try:
            for one in workers:
                with self._lock:
                    account.wait_for(one.account)
                    while not one.finished:
                        self._changed.wait(_LOOK)
                    account.wait_for(None)
                if one.error is not None:
                    raise one.error
                yield one.made
        finally:
            self._end(workers)
            with self._lock:
                account.wait_for(None)
                self._free -= worker is not None

    def stop(self) -> None:
        """Start no job any more and end those at work: safe in the handler of a signal."""
        self._stopped = True
        for worker in list(self._working):
            worker.end()

    # The watcher of what is done here. A step shows when it begins, what came of it in turn.

    def step(self, title: str, amount: Amount | None = None) -> None:
        """Begin a step."""
        worker = _current()
        if worker is None:
            self._watcher.step(title, amount)
            return
        with self._lock:
            worker.steps[title] = time.monotonic()
            self._watcher.step(title, amount)

    def ended(self, title: str) -> float:
        """End a step of which nothing is told."""
        worker = _current()
        if worker is None:
            return self._watcher.ended(title)
        with self._lock:
            self._watcher.ended(title)
            return time.monotonic() - worker.steps.pop(title)

    def done(self, title: str, outcome: str, took: float | None = None) -> None:
        """End a step."""
        took = self.ended(title) if took is None else took
        self._tell(lambda: self._watcher.done(title, outcome, took))

    def note(self, problem: Problem) -> None:
        """Say something that doesn't end the pack."""
        self._tell(lambda: self._watcher.note(problem))

    def say(self, text: str) -> None:
        """Say a sentence."""
        self._tell(lambda: self._watcher.say(text))

    def _tell(self, act: Callable[[], object]) -> None:
        """Do this when all has been told that comes before it."""
        worker = _current()
        with self._lock:
            (worker.account if worker else self._account).say(act)

    # Its threads; whoever calls these holds the lock.

    def _start(self) -> None:
        """Start those jobs, the first ones first, that need wait for no other."""
        for worker in list(self._waiting):
            if self._free < 1 or self._stopped:
                return
            if all(needed.finished and needed.error is None for needed in worker.after):
                self._waiting.remove(worker)
                self._working.append(worker)
                self._free -= 1
                worker.start()

    def _finished(self, worker: _Worker) -> None:
        with self._lock:
            if worker.finished:
                return
            worker.finished = True
            self._working.remove(worker)
            self._free += 1
            for title in worker.steps:
                self._watcher.ended(title)
            self._start()
            self._changed.notify_all()

    def _end(self, workers: Sequence[_Worker]) -> None:
        """End those that still work, and what they have started."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one not in workers]
            left = [one for one in workers if one in self._working]
        if not left:
            return
        for worker in left:
            worker.end()
        processes.end(
            lambda: processes.started_by(
                one.native_id for one in left if one.native_id and not one.finished
            )
        )
        with self._lock:
            self._changed.wait_for(lambda: all(one.finished for one in left), _PATIENCE)


@dataclass
class _Account:
    """What is to be told of a job: at once, or kept until all before it have told theirs.

    ``inner`` is the account of the job that this one waits for.
    """

    told: bool = False
    kept: list[Callable[[], object]] = field(default_factory=list)
    inner: _Account | None = None

    def say(self, tell: Callable[[], object]) -> None:
        if self.told:
            tell()
        else:
            self.kept.append(tell)

    def wait_for(self, inner: _Account | None) -> None:
        if self.inner is not None:
            self.kept += self.inner.kept
        self.inner = inner
        if self.told and inner is not None:
            inner.open()

    def open(self) -> None:
        self.told = True
        for tell in self.kept:
            tell()
        self.kept.clear()
        if self.inner is not None:
            self.inner.open()


class _Ended(BaseException):
    """Raised in a thread for whose job nobody waits any more."""


class _Worker(threading.Thread):
    """Does one job. It is a daemon: one that doesn't end must not keep the process."""

    def __init__(
        self,
        do: Callable[[], object],
        after: Sequence[_Worker],
        finish: Callable[[_Worker], object],
    ) -> None:
        super().__init__(daemon=True)
        self.after = after
        self.account = _Account()
        self.steps: dict[str, float] = {}
        self.made: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self._do = do
        self._finish = finish
        self._told_to_end = False

    def run(self) -> None:
        try:
            try:
                self.made = self._do()
            except BaseException as error:
                self.error = error
            self._finish(self)
        except _Ended as late:
            self.error = late
            self._finish(self)

    def end(self) -> None:
        """Raise an exception in the thread, as Ctrl-C does in the main one."""
        if self.ident is None or self.finished or self._told_to_end:
            return
        self._told_to_end = True
        thread, error = ctypes.c_ulong(self.ident), ctypes.py_object(_Ended)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)


def _share_memory() -> None:
    with contextlib.suppress(OSError, AttributeError):  # another C library has other ways
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def _current() -> _Worker | None:
    thread = threading.current_thread()
    return thread if isinstance(thread, _Worker) else None
