"""Writes ``docs/cli.md`` from the parser: ``python -m rockery.cli.page > docs/cli.md``."""

# ruff: noqa: E501 - rows of tables

from __future__ import annotations

import argparse
from collections.abc import Iterator

from rockery.cli import commands, rockcraft
from rockery.cli.options import parser

_HEAD = """\
# The command line

<!-- Written by `python -m rockery.cli.page > docs/cli.md`; a test compares. -->

Standard output carries a command's result alone: `pack` prints the path of the rock,
`expand-extensions` a file, `--json` one document with a `schema_version`. Everything else
goes to standard error: a moving line on a terminal, plain lines elsewhere, and GitHub's
annotations besides where `GITHUB_ACTIONS` is `true`.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | the project is at fault: the message says what, where (file and line) and what to do |
| 2 | the command line is |
| 70 | rockery is: please report what it printed |
| 74 | the surroundings are: network, disk, permissions, engine |
| 130 | interrupted by Ctrl-C, SIGTERM or SIGHUP |

Whatever the status, nothing is left half-written: a rock that was there before stays as it
was until the new one is whole, the store holds only whole things, and programs that were
started have ended. With `pack --load` and no engine that answers, the rock is written, its
path is printed, and the status is 74.

| variable | meaning |
|---|---|
| `ROCKERY_STORE` | where layers, packages and resolutions are kept; else `$XDG_CACHE_HOME/rockery`, else `~/.cache/rockery` |
| `ROCKERY_MIRRORS` | as `--mirror`, several with spaces between them; the option wins |
| `ROCKERY_PEBBLE`, `ROCKERY_STATSD_EXPORTER` | programs to use instead of building them, as `--component` |
| `SOURCE_DATE_EPOCH` | the time of everything in the rock, in seconds since 1970; 0 without it |
| `DOCKER_HOST` | the engine that `pack --load` and `run` talk to |
| `UV_DEFAULT_INDEX`, `UV_INDEX` | the package index, as uv reads them; all of uv's variables count, \
and what [the project's files say](extensions.md#where-packages-come-from) of others |
| `NO_COLOR` | no colours |
"""

#: What there is to say of a command beyond its options.
_MORE = {
    "run": """\
It waits until the app answers, copies its log to standard output, and on Ctrl-C lets running
requests finish before it ends. With `--watch` each save is packed and takes the place of what
runs, on the same port. The new rock is not imported first: it is started, and where it doesn't
answer, the import says why and the one before serves again. The one that is replaced is
ended at once, so that the new one can begin. While you write there is one worker, unless `--env WEB_CONCURRENCY=N` says
otherwise. On file systems that tell of no changes (a network's), the project is looked at
every two seconds.
""",
    "inspect": """\
`--html` writes one file that needs no network and no server, to be opened, sent or printed: a map
of the bytes (layers, in them packages and folders, in them files) with the same as a table, the
Pebble plan's services and checks, all packages with versions and licences, the image's settings and
labels, and with `--diff` what the other rock has differently, by size and one by one. Of
environments and headers it has the names and no values. What is too small for a box of its own is
drawn together, so a rock of 50,000 files has a page of 200 kB.
FILE is replaced only if it is a page.

    rockery inspect --html hello.html hello_0.1_amd64.rock
    rockery inspect --html change.html --diff hello_0.2_amd64.rock hello_0.1_amd64.rock
""",
    "completion": """\
The script knows the commands, their options, and the words and files that these take. In
`~/.bashrc`, in `~/.zshrc` after `compinit`, or once for fish:

    eval "$(rockery completion bash)"
    eval "$(rockery completion zsh)"
    rockery completion fish > ~/.config/fish/completions/rockery.fish
""",
}

_ROCKCRAFT = """\
## What a rockcraft user may type

A link to `rockery` that is called `rockcraft` answers to that name. Under either name:

| word | here |
|---|---|
"""

_WORDS = {
    "`extensions`": "`list-extensions`",
    "`version`, `help [COMMAND]`": "the version, the help",
    "part names after a step, `pack` or `clean`": "checked, and then all parts are made: what "
    "nothing changed costs nothing",
    "`--build-for ARCHITECTURE`": "the platform that is built for it",
    "`--verbosity LEVEL`, `CRAFT_VERBOSITY_LEVEL`": "quiet is `--quiet`, brief is the default, "
    "the others are `--verbose`",
    "`CRAFT_PLATFORM`, `CRAFT_BUILD_FOR`": "as `--platform`, which wins",
    "`CRAFT_PARALLEL_BUILD_COUNT` and the like": "accepted without effect",
    "`clean`": "forgets this project only; `--all` is refused under the name `rockcraft`, "
    "because the store is shared",
}


def text() -> str:
    """Return the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    top = parser("rockery")
    (verbs,) = (a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    everywhere = {word for action in top._actions for word in action.option_strings}
    yield _HEAD
    yield "Options that may stand before or after the command:\n"
    yield from _table(a for a in top._actions if a.option_strings)
    yield "\n## Commands\n"
    for name in commands.NAMES:
        command: argparse.ArgumentParser = verbs.choices[name]
        yield f"### `{name}`\n"
        yield f"{command.description}\n"
        if command.epilog:
            yield f"    {command.epilog.split(chr(10))[-1].strip()}\n"
        own = [a for a in command._actions if not everywhere & set(a.option_strings)]
        if any(action.help != argparse.SUPPRESS for action in own):
            yield from _table(own)
            yield ""
        if name in _MORE:
            yield _MORE[name]
    yield _ROCKCRAFT.rstrip("\n")
    for word, meaning in rockcraft.STEPS.items():
        yield f"| `{word}` | {meaning} |"
    for word, reason in rockcraft.REFUSED.items():
        yield f"| `{word}` | refused: {reason} |"
    for name, reason in rockcraft.WITHOUT_EFFECT.items():
        yield f"| `{rockcraft.flag(name)}` | accepted without effect: {reason} |"
    for name, reason in rockcraft.IMPOSSIBLE.items():
        yield f"| `{rockcraft.flag(name)}` | refused: {reason} |"
    for word, meaning in _WORDS.items():
        yield f"| {word} | {meaning} |"
    yield ""


def _table(actions: Iterator[argparse.Action] | list[argparse.Action]) -> Iterator[str]:
    yield "| option | meaning |"
    yield "|---|---|"
    for action in actions:
        if action.help == argparse.SUPPRESS:
            continue
        value = action.metavar or ("" if action.choices is None else "|".join(action.choices))
        if action.option_strings:
            shown = ", ".join(f"`{f'{word} {value}'.strip()}`" for word in action.option_strings)
        else:
            shown = f"`{value}`"
        shown = shown.replace("|", "\\|")
        yield f"| {shown} | {action.help} |"


if __name__ == "__main__":
    print(text(), end="")
