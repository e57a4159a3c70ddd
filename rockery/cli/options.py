"""The options of every command."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from rockery import __version__
from rockery.cli import commands

_ABOUT = """\
Pack a Flask or FastAPI project as a rock: a small, reproducible OCI image with
Pebble, Gunicorn and request metrics. Needs no Docker, no root and no snap.

  cd my-project                               # app.py, requirements.txt
  {program} init --profile flask-framework     # writes rockcraft.yaml
  {program} pack --load                        # makes the rock, loads it into Docker
  docker run -p 8000:8000 -p 9102:9102 my-project:0.1
"""

_STATUSES = """\
exit status: 0 done, 1 the project is at fault, 2 the command line is, 70 rockery is,
74 the surroundings are (network, disk, engine), 130 interrupted
"""


class _Parser(argparse.ArgumentParser):
    """Says which word may have been meant."""

    def error(self, message: str) -> NoReturn:
        if "invalid choice:" in message:
            given = message.split("invalid choice: ", 1)[1].split(" ")[0].strip("'")
            near = difflib.get_close_matches(given, commands.NAMES, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            message = f"there is no command {given!r}{meant}"
        self.exit(2, f"error: {message}\n  → see '{self.prog} --help'\n")


def parse(words: Sequence[str], *, program: str) -> argparse.Namespace:
    """Parse a command line.

    Raises:
        SystemExit: after the help, or after saying what is wrong (status 2).
    """
    parser = _Parser(
        prog=program,
        description=_ABOUT.format(program=program),
        epilog=_STATUSES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", "-V", action="version", version=f"rockery {__version__}")
    common: Any = _common()
    _add_common(parser, defaults=True)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, about: str, example: str = "") -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = verbs.add_parser(
            name,
            help=about,
            description=about[0].upper() + about[1:] + ".",
            epilog=f"example:\n  {program} {example}" if example else None,
            parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.set_defaults(command=getattr(commands, name.replace("-", "_")), program=program)
        return made

    init = command("init", "write a rockcraft.yaml", "init --profile flask-framework")
    init.add_argument(
        "--profile", metavar="NAME", help="the extension to declare (see list-extensions)"
    )
    init.add_argument("--name", metavar="NAME", help="the rock's name (default: the folder's)")
    command("list-extensions", "list the extensions")
    check = command("check", "say what is wrong with the project, without packing it")
    _bases(check)
    _json(check)
    expand = command("expand-extensions", "print rockcraft.yaml with its extensions expanded")
    _bases(expand)
    plan = command("plan", "print what pack would do, and why")
    _packing(plan)
    _json(plan)
    pack = command("pack", "make the rock", "pack --load")
    _packing(pack)
    _json(pack)
    pack.add_argument(
        "--output", "-o", metavar="DIR", type=Path, help="where the .rock goes (default: here)"
    )
    pack.add_argument(
        "--load", action="store_true", help="load it into the local engine as NAME:VERSION too"
    )
    pack.add_argument(
        "--no-verify", action="store_true", help="don't import the app before publishing"
    )
    pack.add_argument(
        "--env-file",
        metavar="FILE",
        type=Path,
        help="settings the app is imported with; they don't ship",
    )
    pack.add_argument("--destructive-mode", action="store_true", help=argparse.SUPPRESS)
    inspect = command("inspect", "show what is in a rock", "inspect hello_0.1_amd64.rock")
    inspect.add_argument("rock", metavar="ROCK", type=Path, help="a .rock file")
    _json(inspect)
    clean = command("clean", "forget what is stored of this project")
    clean.add_argument(
        "--all", action="store_true", help="empty the whole store, which all projects share"
    )
    return parser.parse_args(words)


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    _add_common(common, defaults=False)
    return common


def _add_common(parser: argparse.ArgumentParser, *, defaults: bool) -> None:
    """Add what may stand before or after the command; only the first has the defaults."""
    group = parser.add_argument_group("everywhere")

    def default(value: object) -> object:
        return value if defaults else argparse.SUPPRESS

    group.add_argument(
        "-C",
        dest="folder",
        metavar="DIR",
        type=Path,
        default=default(Path()),
        help="the project's folder (default: here)",
    )
    group.add_argument(
        "--quiet",
        "-q",
        action="store_true",
        default=default(value=False),
        help="say only what is wrong",
    )
    group.add_argument(
        "--verbose", "-v", action="store_true", default=default(value=False), help="say more"
    )
    group.add_argument(
        "--verbosity",
        metavar="LEVEL",
        choices=("quiet", "brief", "verbose", "debug", "trace"),
        default=default(value=None),
        help=argparse.SUPPRESS,
    )


def _bases(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", metavar="BASE", help="override the file's base for this run")
    parser.add_argument("--build-base", metavar="BASE", help="override the file's build-base")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _packing(parser: argparse.ArgumentParser) -> None:
    _bases(parser)
    parser.add_argument(
        "--platform",
        "--build-for",
        metavar="NAME",
        help="the platform to pack (default: this machine's)",
    )
    parser.add_argument(
        "--mirror",
        metavar="ARCHIVE=URL",
        action="append",
        default=[],
        help="where a base's archive is, such as debian=URL (default: as this machine's apt has it)",
    )
    parser.add_argument(
        "--component",
        metavar="NAME=PATH",
        action="append",
        default=[],
        help="a program to use for pebble or statsd-exporter instead of building it",
    )
    parser.add_argument("--refresh", action="store_true", help="resolve all packages anew")
    parser.add_argument("--offline", action="store_true", help="use only what is stored")
