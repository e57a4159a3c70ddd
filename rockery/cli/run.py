"""Runs one command: options in, exit status out, problems told."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rockery.cli import interruption, options
from rockery.cli.screen import Screen
from rockery.errors import (
    Location,
    Problem,
    ProjectError,
    RockeryError,
    SurroundingsError,
    UsageError,
)

_FAULT = 70

#: The exit status after Ctrl-C and the like.
INTERRUPTED = 130


def run(words: Sequence[str], *, program: str) -> int:
    """Run the command that ``words`` give and return its exit status."""
    interruption.install()
    screen = Screen(quiet=False, verbose=False)
    folder = Path()
    try:
        with screen:
            parsed = options.parse(words, program=program)
            folder = parsed.folder
            screen.set(quiet=parsed.quiet, verbose=parsed.verbose, folder=folder)
            _check_folder(folder)
            gc.freeze()
            gc.enable()
            gc.set_threshold(10_000)
            status: int = parsed.command(parsed, screen)
            sys.stdout.flush()
            return status
    except SystemExit as ended:  # argparse has said what is wrong, or printed the help
        return int(ended.code or 0)
    except RockeryError as error:
        screen.problems(error.problems)
        return error.exit_status
    except KeyboardInterrupt:
        screen.say("interrupted; nothing was left half-written")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough of it.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        told = _from_system(error, folder)
        screen.problems(told.problems)
        return told.exit_status
    except Exception as error:
        screen.fault(error)
        return _FAULT


def _check_folder(folder: Path) -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageError(
            Problem("cannot go on: the current folder was removed", "no-folder", remedy="cd to one")
        ) from error
    if not folder.is_dir():
        what = "it is no folder" if folder.exists() else "there is no such folder"
        raise UsageError(
            Problem(
                f"cannot use -C {folder}: {what}",
                "no-folder",
                remedy="name the folder that rockcraft.yaml is in",
            )
        )


def _from_system(error: OSError, folder: Path) -> RockeryError:
    """Return what a refusal of the operating system means, where nothing below said it."""
    reason = (error.strerror or str(error)).lower()
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    if name is not None:
        path = Path(os.path.abspath(name))  # noqa: PTH100 - the link itself, not its end
        project = Path(os.path.abspath(folder))  # noqa: PTH100
        if path.is_relative_to(project) and not _is_stored(path):
            own = str(path.relative_to(project))
            return ProjectError(
                Problem(
                    f"cannot read {own}: {reason}",
                    "unreadable-file",
                    Location(own),
                    "correct its permissions, or leave it out (.rockignore)",
                )
            )
    return SurroundingsError(
        Problem(
            f"cannot go on: {name + ': ' if name else ''}{reason}",
            code="system",
            remedy="check the disk and its permissions; ROCKERY_STORE names another store",
        )
    )


def _is_stored(path: Path) -> bool:
    from rockery.store import default_root

    try:
        return path.is_relative_to(default_root())
    except SurroundingsError:  # there is no store
        return False
