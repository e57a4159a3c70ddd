"""What a rockcraft user may type: each word is accepted, or refused with a sentence."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping

from rockery.errors import Problem, UsageError

#: The steps of a part's life there. ``pull`` resolves here, the others make the layers.
STEPS = {
    "pull": "resolve the packages, make nothing",
    "build": "make the layers that pack would, and write no rock",
    "stage": "the same as build",
    "prime": "the same as build",
}

#: Commands that nothing stands for, and why.
REFUSED = {
    "overlay": "parts have no overlay step: overlays are not supported; ship files with a part "
    "of 'plugin: dump'",
    "remote-build": "nothing is built on another machine; 'pack' needs no virtual machine here",
    "test": "rocks are not tested by packing them; run spread on your tasks, or load the rock "
    "with 'pack --load' and ask it",
}

#: Options that change nothing here, with the reason.
WITHOUT_EFFECT = {
    "destructive_mode": "there is no instance to do without",
    "use_lxd": "no LXD is needed",
    "ignore": "there are no checks of the base to ignore",
    "debug": "no shell is opened; --verbose says more of what goes on",
    "bind_ssh": "there is no instance to give the socket to",
}

#: Options that ask for something that can't be had.
IMPOSSIBLE = {
    "shell": "parts are not built in an instance that a shell could be opened in",
    "shell_after": "parts are not built in an instance that a shell could be opened in",
    "pro": "packages come from the base's public archives; Ubuntu Pro can't be asked for them",
}

LEVELS = ("quiet", "brief", "verbose", "debug", "trace")


def refusal(word: str) -> UsageError:
    """Return why there is no such command."""
    return UsageError(Problem(f"cannot {word}: {REFUSED[word]}", "unsupported-command"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what rockcraft takes with every step; none of it is in the help."""
    for name in ("destructive-mode", "use-lxd", "debug", "shell", "shell-after", "bind-ssh"):
        parser.add_argument(f"--{name}", action="store_true", help=argparse.SUPPRESS)
    for name in ("pro", "ignore"):
        parser.add_argument(f"--{name}", metavar="WORDS", help=argparse.SUPPRESS)
    parser.add_argument("parts", metavar="PART", nargs="*", help=argparse.SUPPRESS)


def defaults(environment: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """Return the defaults that ``CRAFT_…`` variables give for options.

    ``CRAFT_PARALLEL_BUILD_COUNT`` and the like are accepted without effect.

    Raises:
        UsageError: the verbosity is none.
    """
    level = environment.get("CRAFT_VERBOSITY_LEVEL", "").lower() or None
    if level is not None and level not in LEVELS:
        raise UsageError(
            Problem(
                f"cannot use CRAFT_VERBOSITY_LEVEL={level!r}: there is no such level",
                "bad-variable",
                remedy=f"use one of {', '.join(LEVELS)}",
            )
        )
    platform = environment.get("CRAFT_PLATFORM") or environment.get("CRAFT_BUILD_FOR") or None
    return {"verbosity": level, "platform": platform}


def without_effect(options: argparse.Namespace) -> Iterable[str]:
    """Give a sentence for each option that was given and changes nothing.

    Raises:
        UsageError: an option asks for something that can't be had.
    """
    for name, reason in IMPOSSIBLE.items():
        if getattr(options, name, None):
            raise UsageError(Problem(f"cannot use {flag(name)}: {reason}", "unsupported-option"))
    for name, reason in WITHOUT_EFFECT.items():
        if getattr(options, name, None):
            yield f"{flag(name)} has no effect: {reason}"


def check_parts(wanted: Iterable[str], known: Iterable[str]) -> None:
    """Raise for a word after the command that names no part.

    Naming parts does not narrow what is made: a layer that nothing changed costs nothing.

    Raises:
        UsageError: there is no such part.
    """
    import difflib

    names = {name.replace("/", "."): name for name in known}
    for word in wanted:
        if word.replace("/", ".") in names:
            continue
        near = difflib.get_close_matches(word, names.values(), n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            Problem(
                f"cannot make part {word!r}: there is none of that name{meant}",
                "unknown-part",
                remedy=f"there are {', '.join(names.values())}; -C names another project's folder",
            )
        )


def flag(name: str) -> str:
    """Return the option that sets ``name``."""
    return f"--{name.replace('_', '-')}"
