"""The options of every command."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rockery import __version__
from rockery.cli import commands, exporting, findings, quantities, rockcraft

#: Those that complete by a script.
SHELLS = ("bash", "zsh", "fish")

_ABOUT = """\
Pack a Flask or FastAPI project as a rock: a small, reproducible OCI image with
Pebble, Gunicorn and request metrics. Needs no Docker, no root and no snap.

  cd my-project                              # app.py, requirements.txt
  {program} init --profile flask-framework     # writes rockcraft.yaml
  {program} pack --load                        # makes the rock, loads it into Docker
  docker run -p 8000:8000 -p 9102:9102 my-project:0.1
"""

_AFTER = """\
'{program} help COMMAND' tells more of one command. The commands of rockcraft
(pull, build, stage, prime, extensions, version, …) are understood too.

exit status:
  0 done, 1 the project is at fault, 2 the command line is, 70 rockery is,
  74 the surroundings are (network, disk, engine), 130 interrupted

environment:
  ROCKERY_STORE      where layers and packages are kept (default: ~/.cache/rockery)
  ROCKERY_MIRRORS    as --mirror, several with spaces between them
  SOURCE_DATE_EPOCH  the time of everything in the rock, in seconds (default: 0)
  NO_COLOR           no colours
"""


class _Parser(argparse.ArgumentParser):
    """Says which word may have been meant."""

    def error(self, message: str) -> NoReturn:
        if "invalid choice:" in message and "COMMAND" in message:
            given = message.split("invalid choice: ", 1)[1].split(" ")[0].strip("'")
            message = f"there is no command {given!r}{_meant(given, (*commands.NAMES, *_ALIASES))}"
        elif message.endswith("required: COMMAND"):
            message = "no command is given"
        elif message.startswith("unrecognized arguments: "):
            given = message.removeprefix("unrecognized arguments: ").split(" ")[0]
            what = "option" if given.startswith("-") else "argument"
            name = given.split("=")[0]
            message = f"there is no {what} {given!r} here{_meant(name, self._known())}"
        self.exit(2, f"error: {message}\n  → see '{self.prog} --help'\n")

    def _known(self) -> Iterable[str]:
        """Give all visible options, those of the commands too."""
        for action in self._actions:
            if action.help != argparse.SUPPRESS:
                yield from (word for word in action.option_strings if word.startswith("--"))
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    yield from parser._known()


class _Lean(_Parser):
    """Knows the commands that are asked for alone: making all takes as long as reading a project.

    What it can't parse the whole parser says something of.
    """

    def error(self, message: str) -> NoReturn:
        raise _UnclearError(message)

    def _get_formatter(self) -> argparse.HelpFormatter:
        # Each option is tried on one, and it need not know how wide the terminal is.
        return argparse.HelpFormatter(self.prog, width=80)


class _UnclearError(Exception):
    pass


class _Unasked:
    """Stands for a command that isn't asked for, and takes no notice of its options."""

    def add_argument(self, *_: object, **__: object) -> None:
        pass

    def set_defaults(self, **_: object) -> None:
        pass

    def add_argument_group(self, *_: object, **__: object) -> _Unasked:
        return self

    def add_mutually_exclusive_group(self) -> _Unasked:
        return self


#: Other names of commands.
_ALIASES = {"extensions": "list-extensions"}


def parse(words: Sequence[str], *, program: str) -> argparse.Namespace:
    """Parse a command line.

    Raises:
        SystemExit: after the help, or after saying what is wrong (status 2).
        UsageError: a ``CRAFT_…`` variable holds nonsense.
    """
    if words and words[0] in rockcraft.REFUSED:
        raise rockcraft.refusal(words[0])  # whatever comes after it
    given = rockcraft.defaults()
    asked = frozenset(words) & {*commands.NAMES, *rockcraft.STEPS}
    try:
        if not asked or {"-h", "--help", "help"} & {*words}:
            raise _UnclearError
        lean = parser(program, platform=given["platform"], only=asked)
        options = lean.parse_args(words)
    except _UnclearError:
        options = parser(program, platform=given["platform"]).parse_args(words)
    level = options.verbosity or given["verbosity"]
    options.quiet |= level == "quiet"
    options.verbose |= level in ("verbose", "debug", "trace")
    return options


def parser(
    program: str, *, platform: str | None = None, only: frozenset[str] | None = None
) -> _Parser:
    """Return the parser of the whole command line; ``platform`` is the default one's name.

    With ``only`` the others of the commands are left out.
    """
    top = (_Parser if only is None else _Lean)(
        prog=program,
        description=_ABOUT.format(program=program),
        epilog=_AFTER.format(program=program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", "-V", action="version", version=f"{program} {__version__}")
    common = _common()
    _add_common(top, defaults=True)
    top.set_defaults(program=program)
    # With its name argparse needn't format a usage line to find it out.
    verbs = top.add_subparsers(title="commands", metavar="COMMAND", required=True, prog=program)

    def command(name: str, about: str, example: str = "", *, hidden: bool = False) -> Any:
        if only is not None and name not in only:
            return _Unasked()
        hint: dict[str, Any] = {} if hidden else {"help": about}
        made: argparse.ArgumentParser = verbs.add_parser(
            name,
            description=about[0].upper() + about[1:] + ".",
            epilog=f"example:\n  {program} {example}" if example else None,
            parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            aliases=[alias for alias, meant in _ALIASES.items() if meant == name],
            **hint,
        )
        made.set_defaults(command=getattr(commands, name.replace("-", "_"), None))
        return made

    init = command("init", "write a rockcraft.yaml", "init --profile flask-framework")
    init.add_argument(
        "--profile",
        metavar="NAME",
        help="the extension to declare (default: the one that fits; see list-extensions)",
    )
    init.add_argument(
        "--offline", action="store_true", help="don't ask the package index which base suits"
    )
    init.add_argument("--name", metavar="NAME", help="the rock's name (default: the folder's)")
    command("list-extensions", "list the extensions")
    check = command("check", "say what is wrong with the project, without packing it")
    _bases(check)
    _json(check)
    check.add_argument(
        "--format",
        choices=findings.FORMATS,
        default="text",
        help="how findings are written (default: text)",
    )
    check.add_argument("--files", action="store_true", help="list what ships, and what is odd")
    explain = command("explain", "say more of a finding's code", "explain missing-entrypoint")
    explain.add_argument("code", metavar="CODE", nargs="?", help="the code (default: list all)")
    expand = command(
        "expand-extensions",
        "print rockcraft.yaml with its extensions expanded",
        "expand-extensions > expanded.yaml",
    )
    _bases(expand)
    expand.add_argument(
        "--portable",
        action="store_true",
        help="embed rockery's own files, for stock rockcraft on an Ubuntu base",
    )
    plan = command("plan", "print what pack would do, and why", "plan --json")
    _packing(plan, platform)
    _json(plan)
    lock = command("lock", "pin all packages in rockery.lock for the packs to come")
    _packing(lock, platform)
    lock.add_argument(
        "--check", action="store_true", help="only say whether the lock fits the project's files"
    )
    pack = command("pack", "make the rock", "pack --load")
    _packing(pack, platform)
    _making(pack)
    _json(pack)
    pack.add_argument(
        "--output", "-o", metavar="DIR", type=Path, help="where the .rock goes (default: here)"
    )
    pack.add_argument(
        "--load", action="store_true", help="load it into the local engine as NAME:VERSION too"
    )
    rockcraft.add_options(pack)
    _run(command("run", "pack the project and run it here", "run --watch"), platform)
    inspect = command("inspect", "show what is in a rock", "inspect hello_0.1_amd64.rock")
    inspect.add_argument("rock", metavar="ROCK", type=Path, help="a .rock file")
    inspect.add_argument(
        "--size", action="store_true", help="show where the bytes are: layers, packages, files"
    )
    inspect.add_argument(
        "--diff",
        metavar="OTHER",
        type=Path,
        help="explain what another .rock has differently; the exit status is 1 where it does",
    )
    inspect.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        help="write all of it as one page for a browser, with a map of the bytes, and with --diff "
        "the differences (- for standard output)",
    )
    _json(inspect)
    clean = command("clean", "forget what is stored of this project", "clean --older-than 30d")
    clean.add_argument(
        "--all", action="store_true", help="empty the whole store, which all projects share"
    )
    clean.add_argument(
        "--verify",
        dest="check",
        action="store_true",
        help="read all of the store, and remove what the disk has damaged",
    )
    clean.add_argument(
        "--older-than",
        metavar="AGE",
        type=quantities.age,
        help="remove what no project has used for so long, such as 30d, 12h or 2w",
    )
    clean.add_argument(
        "--max-size",
        metavar="SIZE",
        type=quantities.size,
        help="remove what was used longest ago until the store has this size, such as 5GB",
    )
    clean.add_argument("--platform", "--build-for", help=argparse.SUPPRESS)
    rockcraft.add_options(clean)
    _migrate(command("migrate", "say what of Flask stands between the project and FastAPI"))
    exporting.add_options(
        command(
            "export",
            "write what runs several replicas of the rock behind a load balancer, monitored",
            "export compose --replicas 3",
        )
    )

    completion = command(
        "completion", "print what a shell completes this command line with", "completion bash"
    )
    completion.add_argument("shell", choices=SHELLS, help="for which shell")

    for name, about in rockcraft.STEPS.items():
        step = command(name, about, hidden=True)
        _packing(step, platform)
        _making(step)
        rockcraft.add_options(step)
        step.set_defaults(command=commands.step, step=name)
    for name in rockcraft.REFUSED:
        refused = command(name, "not here", hidden=True)
        refused.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
        refused.set_defaults(command=commands.refused, refused=name)
    telling = command("help", "tell more of a command", hidden=True)
    telling.add_argument("topic", metavar="COMMAND", nargs="?", help="the command")
    telling.set_defaults(command=commands.tell, parser=top, topics=verbs.choices)
    command("version", "print the version", hidden=True)
    return top


def _common() -> _Parser:
    common = _Parser(add_help=False)
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
        "--verbose",
        "-v",
        action="store_true",
        default=default(value=False),
        help="say each step as it begins, and all that failing tools printed",
    )
    group.add_argument(
        "--verbosity",
        metavar="LEVEL",
        choices=rockcraft.LEVELS,
        default=default(value=None),
        help=argparse.SUPPRESS,
    )


def _bases(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", metavar="BASE", help="override the file's base for this run")
    parser.add_argument("--build-base", metavar="BASE", help="override the file's build-base")


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _migrate(migrate: argparse.ArgumentParser) -> None:
    forms = migrate.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON document")
    forms.add_argument("--markdown", action="store_true", help="print a checklist in Markdown")
    forms.add_argument(
        "--write",
        action="store_true",
        help="write a FastAPI module beside each Flask one, over none; print their paths",
    )


def _making(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        "-j",
        metavar="N",
        type=quantities.number,
        help="how many layers are made at once (default: as many as there are processors)",
    )
    parser.add_argument(
        "--no-verify", action="store_true", help="don't import the app before publishing"
    )
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        type=Path,
        help="settings the app is imported with; they don't ship",
    )


def _run(run: argparse.ArgumentParser, platform: str | None) -> None:
    _packing(run, platform)
    _making(run)
    run.add_argument("--watch", action="store_true", help="pack and start again on every save")
    run.add_argument(
        "--port", type=int, default=8000, metavar="N", help="where the app answers (default: 8000)"
    )
    run.add_argument(
        "--metrics-port", type=int, default=9102, metavar="N", help="where its metrics are"
    )
    run.add_argument(
        "--env",
        "-e",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the app",
    )
    run.add_argument(
        "--engine",
        choices=("docker", "podman", "embedded"),
        help="what runs it (default: the first of these that can; embedded needs no engine)",
    )
    run.add_argument(
        "arguments",
        nargs="*",
        metavar="ARG",
        help="what comes after Pebble's --args, such as: flask sync",
    )


def _packing(parser: argparse.ArgumentParser, platform: str | None) -> None:
    _bases(parser)
    parser.add_argument(
        "--platform",
        "--build-for",
        metavar="NAME",
        default=platform,
        help="the platform to pack (default: all of them; run: this machine's)",
    )
    parser.add_argument(
        "--mirror",
        metavar="ARCHIVE=URL",
        action="append",
        default=[],
        help="where a base's archive is, such as debian=URL (default: as this machine's apt "
        "has it)",
    )
    parser.add_argument(
        "--component",
        metavar="NAME=PATH",
        action="append",
        default=[],
        help="a program to use for pebble or statsd-exporter instead of building it",
    )
    parser.add_argument(
        "--compression",
        metavar="METHOD",
        default="gzip",
        help="how layers are compressed: gzip or zstd, a level after it as in zstd:12, or "
        "smallest (default: gzip, which every engine reads)",
    )
    parser.add_argument(
        "--keep",
        metavar="PATTERN",
        action="append",
        default=[],
        help="what to keep of the installed Python packages that else is left out, such as "
        "numpy/tests, or '**' for all",
    )
    parser.add_argument("--refresh", action="store_true", help="resolve all packages anew")
    parser.add_argument("--offline", action="store_true", help="use only what is stored")


def _meant(word: str, words: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(re.sub(r"\s.*", "", word), sorted(set(words)), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
