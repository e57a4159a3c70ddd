"""What shells complete: a script for each of them, written from the parser."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from rockery.cli.options import parser


def script(shell: str, program: str) -> str:
    """Return the script by which ``shell`` completes the words after ``program``.

    The shell reads it once; rockery isn't started while someone types.
    """
    import shtab

    top = parser(program)
    for action in _actions(top):
        if action.type is Path:
            files = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE
            action.complete = files  # type: ignore[attr-defined]
        elif action.choices is None and (known := _known(action.dest)):
            action.choices = known
    made: str = shtab.complete(top, shell=shell)
    return made


def _actions(top: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in top._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


def _known(name: str) -> tuple[str, ...]:
    """Return the words that an option or argument takes, where they are the same everywhere."""
    from rockery.check import explanations
    from rockery.extension import profiles
    from rockery.project import bases

    if name == "base":
        return (bases.BARE, *bases.known())
    if name == "build_base":
        return bases.known()
    if name == "profile":
        return profiles()
    return tuple(explanations()) if name == "code" else ()
