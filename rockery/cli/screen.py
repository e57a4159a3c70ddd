"""What a person, a log or a CI sees: messages and progress, all on standard error."""

from __future__ import annotations

import os
import sys
import time
from _thread import RLock, start_new_thread
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from rockery.cli import findings
from rockery.errors import Problem

if TYPE_CHECKING:
    from rich.status import Status

    from rockery.amount import Amount

#: Lines of details that are shown without --verbose.
_DETAILS = 25

#: Seconds between two looks at how far the steps are.
_LOOK = 1.0

#: Seconds in which a log says nothing before it says what is being done; then twice as many, up
#: to the second number.
_SILENCE, _MOST_SILENCE = 15.0, 120.0

#: Bytes of which it isn't worth telling how many are done.
_LITTLE = 20_000_000

_CONTROLS = {n: f"\\x{n:02x}" for n in (*range(9), *range(10, 32), *range(127, 160))}


class _Step:
    """Something that is being done, since ``began``."""

    def __init__(self, title: str, amount: Amount | None) -> None:
        self.title = title
        self.began = time.monotonic()
        self._amount = amount

    def __str__(self) -> str:
        total = self._amount.total if self._amount else 0
        if self._amount and total > _LITTLE:
            done = min(self._amount.look(), total)
            return f"{self.title} ({done / 1e6:,.0f} of {total / 1e6:,.0f} MB)"
        seconds = time.monotonic() - self.began
        return f"{self.title} ({seconds:.0f} s)" if seconds > 2 * _LOOK else self.title


class Screen:
    """Tells how a command goes; also the watcher of a pack.

    On a terminal the steps are a line that moves and says how far they are, elsewhere each is a
    plain line when it is done, and one after long silence says what is being done. Under
    GitHub's CI problems are annotations besides.
    """

    def __init__(self, *, quiet: bool, verbose: bool, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        # https://no-color.org: set, and not empty.
        self._colour = self._terminal and not os.environ.get("NO_COLOR")
        self._github = os.environ.get("GITHUB_ACTIONS") == "true"
        self._status: Status | None = None
        self._running: list[_Step] = []
        self._looking = False
        self._said, self._silence = time.monotonic(), _SILENCE
        # The one of threading, which costs a quick command more to import than it says.
        self._lock = RLock()
        self._noted: set[object] = set()
        self.set(quiet=quiet, verbose=verbose, folder=Path())

    def set(self, *, quiet: bool, verbose: bool, folder: Path) -> None:
        """Take what the command line says; ``folder`` is the one that positions are below."""
        self.quiet = quiet
        self.verbose = verbose and not quiet
        self._folder = folder
        self._live = self._terminal and not quiet

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    # A pack's watcher.

    def step(self, title: str, amount: Amount | None = None) -> None:
        """Begin a step; ``amount`` tells how far it is."""
        with self._lock:
            self._running.append(_Step(title, amount))
            if self._live:
                self._show()
            elif self.verbose:
                self._line(f"{title} …")
            if not (self._looking or self.quiet):
                self._looking = True
                start_new_thread(self._look, ())

    def ended(self, title: str) -> float:
        """End a step of which nothing is told, or later; return the seconds that it took."""
        with self._lock:
            now = time.monotonic()
            found = next((one for one in self._running if one.title == title), None)
            if found is None:
                return 0.0
            self._running.remove(found)
            if self._status is not None:
                self._show()
            return now - found.began

    def done(self, title: str, outcome: str, took: float | None = None) -> None:
        """Tell what came of a step and how long it ``took``; without that it ends now."""
        took = self.ended(title) if took is None else took
        if not self.quiet:
            self._line(_visible(f"{title}: {outcome} ({took:.1f} s)"))

    def note(self, problem: Problem) -> None:
        """Say something that doesn't end the command, once."""
        what: object = (problem.code, problem.where) if problem.where else problem
        if self.quiet or what in self._noted:
            return
        self._noted.add(what)
        self._problem(problem, findings.grade(problem))

    # Messages.

    def say(self, text: str) -> None:
        """Say a sentence, unless --quiet."""
        if not self.quiet:
            self._line(text)

    def detail(self, text: str) -> None:
        """Say a sentence with --verbose."""
        if self.verbose:
            self._line(text)

    def problems(self, problems: Iterable[Problem]) -> None:
        """Tell what is wrong, where, and what to do."""
        self._stop()
        for problem in problems:
            self._problem(problem, "error")

    def fault(self, error: Exception) -> None:
        """Tell of a fault of rockery's own, with what a report of it needs."""
        self._stop()
        import traceback

        for line in traceback.format_exception(error):
            self._stream.write(line)
        self._line(
            "error: this is a fault of rockery itself; please report it with the lines above"
        )

    def _problem(self, problem: Problem, grade: str) -> None:
        place = f"{problem.where}: " if problem.where else ""
        self._line(f"{self._graded(grade)}: {_visible(place + problem.message)}")
        details = problem.details if self.verbose else problem.details[:_DETAILS]
        for line in details:
            self._line(f"  {_visible(line)}")
        if len(details) < len(problem.details):
            self._line(f"  … {len(problem.details) - len(details)} more lines with --verbose")
        if problem.remedy:
            self._line(f"  → {_visible(problem.remedy)}")
        if self._github:
            level = "notice" if grade == "note" else grade
            self._line(findings.annotation(level, problem, self._folder))

    def _graded(self, grade: str) -> str:
        if not self._colour:
            return grade
        colour = {"error": "31", "warning": "33", "note": "36"}[grade]
        return f"\x1b[1;{colour}m{grade}\x1b[0m"

    def _look(self) -> None:
        """Say how far the steps are, again and again as long as there are some: by a thread."""
        while True:
            time.sleep(_LOOK)
            with self._lock:
                if not self._running:
                    self._looking = False
                    return
                if self._live:
                    self._show()
                elif time.monotonic() - self._said > self._silence:
                    longer = min(2 * self._silence, _MOST_SILENCE)
                    self._line(f"… {_visible(self._doing())}")
                    self._silence = longer

    def _doing(self) -> str:
        """Return what is being done and how far it is; what two platforms do is said once."""
        return ", ".join({step.title: str(step) for step in self._running}.values())

    def _show(self) -> None:
        """Show the steps that are being done, all in one line."""
        if self._status is None:
            from rich.console import Console
            from rich.status import Status

            console = Console(file=self._stream, no_color=not self._colour)
            self._status = Status("", console=console)
            self._status.start()
        from rich.text import Text

        self._status.update(Text(_visible(self._doing()), no_wrap=True, overflow="ellipsis"))

    def _line(self, text: str) -> None:
        with self._lock:
            self._said, self._silence = time.monotonic(), _SILENCE
            if self._status is not None:
                self._status.console.print(text, markup=False, highlight=False, soft_wrap=True)
            else:
                self._stream.write(f"{text}\n")
                self._stream.flush()

    def _stop(self) -> None:
        with self._lock:
            if self._status is not None:
                self._status.stop()
                self._status = None


def _visible(text: str) -> str:
    """Spell out control characters: file names and tools may hold what steers a terminal."""
    return text.translate(_CONTROLS)
