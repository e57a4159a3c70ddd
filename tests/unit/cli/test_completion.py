"""What shells complete, asked of the shells themselves."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rockery.cli.completion import script

#: A beginning of a command line, and a word that is offered for its last one.
CASES = (
    ("rockery ex", "expand-extensions"),
    ("rockery explain missing-ent", "missing-entrypoint"),
    ("rockery pack --base deb", "debian@12"),
    ("rockery init --profile fl", "flask-framework"),
    ("rockery check --format s", "sarif"),
)


@functools.cache
def written(shell: str) -> str:
    """Return the script for a shell."""
    return script(shell, "rockery")


def ask(shell: str, text: str, words: str, folder: Path) -> str:
    """Run ``text`` in a shell that has read the script as ``script``; return what it prints."""
    if shutil.which(shell) is None and os.environ.get("CI") != "true":
        pytest.skip(f"there is no {shell}")
    (folder / "script").write_text(written(shell))
    # A home of its own: two fishes that start at once can't both make the folders there.
    (home := folder / "home").mkdir()
    others = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    run = subprocess.run(
        [shell, "-c", text, words],
        cwd=folder,
        env={**others, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stderr == ""
    return run.stdout


@pytest.mark.parametrize(("words", "offered"), CASES)
def test_bash(tmp_path: Path, words: str, offered: str) -> None:
    text = (
        "source ./script; COMP_WORDS=($0); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _shtab_rockery; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert offered in ask("bash", text, words, tmp_path).split()


@pytest.mark.parametrize(("words", "offered"), CASES)
def test_fish(tmp_path: Path, words: str, offered: str) -> None:
    text = f"source ./script; complete -C '{words}'"
    told = ask("fish", text, "", tmp_path)
    assert offered in {line.split("\t")[0] for line in told.splitlines()}


def test_zsh_takes_the_script(tmp_path: Path) -> None:
    # What it offers can only be seen at a terminal.
    text = (
        'autoload -U compinit; compinit -u -D; eval "$(cat script)"; echo ${_comps[rockery]}; '
        "zsh -n script"
    )
    assert ask("zsh", text, "", tmp_path) == "_shtab_rockery\n"


def test_folders_and_files_are_completed(tmp_path: Path) -> None:
    (tmp_path / "projects").mkdir()
    text = (
        "source ./script; COMP_WORDS=(rockery -C proj); COMP_CWORD=2; _shtab_rockery; "
        'echo "${COMPREPLY[@]}"'
    )
    assert ask("bash", text, "", tmp_path) == "projects\n"
