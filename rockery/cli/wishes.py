"""What the command line asks of a pack, checked before anything is done."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rockery.errors import Problem, SurroundingsError, UsageError

if TYPE_CHECKING:
    from rockery.pack import Compression, Options


def packing(options: argparse.Namespace, *, verify: bool = True) -> Options:
    """Return the wishes of a command that packs or plans, maybe not to ``verify`` in any case.

    Raises:
        UsageError: an option's value is nonsense.
    """
    from rockery.component import Binaries
    from rockery.pack import Options
    from rockery.resolution.apt import Mirrors

    check_bases(options)
    return Options(
        options.folder,
        base=options.base,
        build_base=options.build_base,
        platform=options.platform,
        mirrors=Mirrors.from_words(options.mirror),
        binaries=Binaries(_components(options.component)),
        environment=_environment(getattr(options, "env_file", None)),
        refresh=options.refresh,
        offline=options.offline,
        verify=verify and not getattr(options, "no_verify", False),
        compression=_compression(options.compression),
        keep=tuple(options.keep),
        jobs=getattr(options, "jobs", None) or len(os.sched_getaffinity(0)),
    )


def _compression(word: str) -> Compression:
    from rockery.pack import Compression

    try:
        return Compression.parse(word)
    except ValueError as error:
        raise UsageError(
            Problem(
                f"cannot use --compression {word!r}: {error}",
                "bad-option",
                remedy="use gzip, zstd, either with a level as in zstd:12, or smallest",
            )
        ) from error


def check_bases(options: argparse.Namespace) -> None:
    """Raise for a base that doesn't exist: here the command line is at fault, not the file.

    Raises:
        UsageError: it says which bases there are.
    """
    from rockery.project import bases

    for flag, given, more in (
        ("--base", options.base, (bases.BARE,)),
        ("--build-base", options.build_base, ()),
    ):
        known = (*bases.known(), *more)
        if given is not None and bases.spelled(given) not in known:
            raise UsageError(
                Problem(
                    f"cannot use {flag} {given!r}: there is no such base{_near(given, known)}",
                    "unknown-base",
                    remedy=f"use one of {', '.join(known)}",
                )
            )


def output(options: argparse.Namespace) -> Path:
    """Return the folder that the rock goes into; it need not be there yet.

    Raises:
        SurroundingsError: it can't be written, which is better known before the work.
    """
    folder: Path = options.output or Path()
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        reason = f"{nearest} is no folder"
    elif not os.access(nearest, os.W_OK | os.X_OK):
        reason = "permission denied"
    else:
        return folder
    raise SurroundingsError(
        Problem(
            f"cannot write into {folder}: {reason}",
            "output-not-writable",
            remedy="name another folder with --output",
        )
    )


def _components(words: Iterable[str]) -> dict[str, Path]:
    words = list(words)
    if not words:
        return {}
    from rockery.component import components

    known = [component.name for component in components()]
    given = {}
    for word in words:
        name, _, path = word.partition("=")
        if not (name and path):
            reason, remedy = "it is not of the form NAME=PATH", "such as pebble=/usr/bin/pebble"
        elif name not in known:
            reason = f"there is no component {name!r}{_near(name, known)}"
            remedy = f"use one of {', '.join(known)}"
        elif not Path(path).is_file():
            reason, remedy = f"there is no file {path}", "correct the path"
        else:
            given[name] = Path(path)
            continue
        raise UsageError(
            Problem(f"cannot use --component {word!r}: {reason}", "bad-option", remedy=remedy)
        )
    return given


def _environment(path: Path | None) -> dict[str, str]:
    """Read ``NAME=value`` lines, as ``docker run --env-file`` does."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    except UnicodeDecodeError:
        reason = "it is no UTF-8 text"
    else:
        lines = [line.strip() for line in text.splitlines()]
        pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
        return {name.strip(): value for name, sign, value in pairs if sign}
    raise UsageError(Problem(f"cannot read --env-file {path}: {reason}", "unreadable-file"))


def variables(words: Iterable[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` words; a bare name takes its value from here, as in ``docker run``.

    Raises:
        UsageError: a word has no name.
    """
    found = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not name:
            raise UsageError(Problem(f"cannot use --env {word!r}: it has no name", "bad-option"))
        if sign:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def _near(word: str, words: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
