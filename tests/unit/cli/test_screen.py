"""What a person, a log and a CI see."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rockery.amount import Amount
from rockery.cli import screen as screens
from rockery.cli.screen import Screen
from rockery.errors import Location, Problem

ROOT = Path(__file__).parents[3]
PROBLEM = Problem(
    "cannot do: why", "a-code", Location("app.py", 3, 5), "do this", ("first", "second")
)


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def screen(*, quiet: bool = False, verbose: bool = False) -> tuple[Screen, io.StringIO]:
    stream = io.StringIO()
    return Screen(quiet=quiet, verbose=verbose, stream=stream), stream


def test_a_log_has_plain_lines() -> None:
    shown, stream = screen()
    with shown:
        shown.step("making it")
        shown.done("making it", "made")
        shown.note(PROBLEM)
        shown.note(PROBLEM)
        shown.problems([PROBLEM])
    assert stream.getvalue() == (
        "making it: made (0.0 s)\n"
        "note: app.py:3:5: cannot do: why\n  first\n  second\n  → do this\n"
        "error: app.py:3:5: cannot do: why\n  first\n  second\n  → do this\n"
    )


def test_a_step_that_is_told_of_later_has_its_own_time() -> None:
    shown, stream = screen()
    with shown:
        shown.step("making it")
        assert shown.ended("making it") < 1
        shown.done("making it", "made", 62.04)
    assert stream.getvalue() == "making it: made (62.0 s)\n"


def test_a_log_says_after_a_silence_what_is_being_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "_LOOK", 0.01)
    monkeypatch.setattr(screens, "_SILENCE", 0.05)
    shown, stream = screen()
    amount = Amount(2_000_000_000)
    amount.done = 340_000_000
    shown.step("making it", amount)
    shown.step("and that")
    deadline = time.monotonic() + 10
    while stream.getvalue().count("\n") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    shown.ended("and that")
    shown.done("making it", "made")
    said = stream.getvalue().splitlines()
    assert said[0].startswith("… making it (340 of 2,000 MB), and that"), said
    assert "of" not in said[-1]


def test_quiet_says_only_what_is_wrong() -> None:
    shown, stream = screen(quiet=True, verbose=True)
    shown.step("a")
    shown.done("a", "b")
    shown.note(PROBLEM)
    shown.say("c")
    shown.detail("d")
    assert stream.getvalue() == ""
    shown.problems([PROBLEM])
    assert stream.getvalue().startswith("error: ")


def test_verbose_says_steps_as_they_begin_and_all_details() -> None:
    long = Problem("cannot", "code", details=tuple(map(str, range(100))))
    shown, stream = screen()
    shown.problems([long])
    assert stream.getvalue().splitlines()[-1] == "  … 75 more lines with --verbose"
    shown, stream = screen(verbose=True)
    shown.step("making it")
    assert stream.getvalue() == "making it …\n"
    shown.problems([long])
    assert stream.getvalue().splitlines()[-1] == "  99"


def test_what_steers_a_terminal_is_spelled_out() -> None:
    shown, stream = screen()
    shown.problems([Problem("cannot read a\nb\x1b[31m", "x", Location("\x07"), "\x9b", ("\r",))])
    assert stream.getvalue() == ("error: \\x07: cannot read a\\x0ab\\x1b[31m\n  \\x0d\n  → \\x9b\n")


def test_annotations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    shown, stream = screen()
    shown.set(quiet=False, verbose=False, folder=Path("projects/a,b:c"))
    shown.problems([PROBLEM])
    shown.note(Problem("100%\nsure", "b-code"))
    lines = [line for line in stream.getvalue().splitlines() if line.startswith("::")]
    assert lines == [
        "::error title=a-code,file=projects/a%2Cb%3Ac/app.py,line=3,col=5::cannot do: why; do this",
        "::notice title=b-code::100%25%0Asure",
    ]


PROGRAM = """
import sys, time
from rockery.cli.screen import Screen
from rockery.cli import result
from rockery.errors import Problem
from rockery.amount import Amount
from rockery.cli import screen as screens
screens._LOOK = 0.05
amount = Amount(2_000_000_000)
with Screen(quiet=False, verbose=False) as screen:
    screen.step("making [it]")
    screen.step("and that", amount)
    time.sleep(0.3)
    amount.done = 340_000_000
    time.sleep(0.3)
    screen.done("making [it]", "made [x]")
    time.sleep(0.3)
    screen.problems([Problem("cannot [y]", "z")])
result.table(("head", "other"), [("one [a]", "two")])
"""


def on_terminal(**env: str) -> str:
    """Run a program on a terminal and return all that it shows there."""
    ours, theirs = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "COLORTERM")}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**clean, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), **env},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()


def test_a_terminal_moves_and_has_colours() -> None:
    shown = on_terminal()
    assert "\x1b[1;31merror\x1b[0m: cannot [y]" in shown
    assert "making [it]: made [x] (" in shown
    before, after = shown.split("made [x]")
    assert re.search(r"making \[it\]( \(\d+ s\))?, and that \(0 of 2,000 MB\)", before), before
    assert "and that (340 of 2,000 MB)" in before
    assert "and that" in after
    assert "making [it]" not in after
    assert "\x1b[?25h" in shown, "the cursor is back"
    assert "one [a]" in shown


def test_no_color() -> None:
    shown = on_terminal(NO_COLOR="1")
    assert "error: cannot [y]" in shown
    assert "\x1b[1;31m" not in shown
    assert "\x1b[31m" in on_terminal(NO_COLOR="") or "\x1b[1;31m" in on_terminal(NO_COLOR="")


def test_a_dumb_terminal() -> None:
    assert "\x1b" not in on_terminal(TERM="dumb")
