"""Runs one command: options in, exit status out, problems told."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rockery.cli import options
from rockery.cli.screen import Screen
from rockery.errors import Problem, RockeryError

_INTERRUPTED = 130


def run(words: Sequence[str]) -> int:
    """Run the command that ``words`` give and return its exit status."""
    try:
        called = Path(sys.argv[0]).name
        parsed = options.parse(words, program="rockcraft" if called == "rockcraft" else "rockery")
    except SystemExit as ended:  # argparse has said what is wrong, or printed the help
        return int(ended.code or 0)
    screen = Screen(quiet=parsed.quiet, verbose=parsed.verbose)
    # A supervisor's polite end leaves as little behind as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with screen:
            status: int = parsed.command(parsed, screen)
            sys.stdout.flush()
            return status
    except RockeryError as error:
        screen.problems(error.problems)
        return error.exit_status
    except KeyboardInterrupt:
        screen.say("interrupted; nothing was left half-written")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough of it.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        screen.problems([_from_system(error)])
        return 74
    except Exception as error:
        screen.fault(error)
        return 70


def _from_system(error: OSError) -> Problem:
    subject = f"{error.filename}: " if error.filename else ""
    return Problem(
        f"cannot go on: {subject}{(error.strerror or str(error)).lower()}",
        code="system",
        remedy="check the disk and its permissions; ROCKERY_STORE names another store",
    )
