"""A command tried on a project that is expected to fail, and the traces it must not leave."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from surroundings import EXAMPLES, ROOT

#: What lies where the rock would go: a failed pack leaves it as it is.
PREVIOUS = b"the previous rock\n"
ROCK = "flask-hello_0.1_amd64.rock"


class Attempt:
    """A copy of an example with a previous rock in it, and a store.

    ``folder`` may be changed at will before :meth:`run`.
    """

    def __init__(self, folder: Path, store: Path, example: str = "flask-hello") -> None:
        self.folder = folder
        self.store = store
        ignored = shutil.ignore_patterns("*.rock", "__pycache__", ".venv", "README.md")
        shutil.copytree(EXAMPLES / example, folder, ignore=ignored)
        (folder / ROCK).write_bytes(PREVIOUS)

    def write(self, path: str, content: str | bytes) -> None:
        """Write a file of the project."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file of the project."""
        text = (self.folder / path).read_text()
        assert old in text, (old, text)
        self.write(path, text.replace(old, new))

    def append(self, path: str, text: str) -> None:
        """Add lines to a file of the project."""
        self.write(path, (self.folder / path).read_text() + text)

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the variables that rockery runs with."""
        given = {"PYTHONPATH": str(ROOT), "ROCKERY_STORE": str(self.store), **(env or {})}
        return {**os.environ, **given}

    def command(self, *words: str | Path, prefix: Sequence[str] = ()) -> list[str]:
        """Return the command line of rockery with ``words``."""
        return [*prefix, sys.executable, "-m", "rockery", *map(str, words)]

    def run(
        self,
        *words: str | Path,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run rockery with ``words`` in the project's folder."""
        return subprocess.run(
            self.command(*words, prefix=prefix),
            cwd=cwd or self.folder,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
        )

    def refused(
        self,
        *words: str | Path,
        status: int,
        says: str,
        errors: int = 1,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> str:
        """Run rockery, which must fail with one clear message and leave no trace.

        ``says`` is a regular expression for the message; returns standard error.
        """
        traces = self.traces()
        done = self.run(*words, prefix=prefix, env=env, cwd=cwd)
        told = f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == status, told
        assert done.stdout == "", "standard output carries results alone"
        assert "Traceback" not in done.stderr, told
        assert len(re.findall(r"^error: ", done.stderr, re.MULTILINE)) == errors, told
        assert re.search(says, done.stderr, re.MULTILINE), f"not {says!r}: {told}"
        assert self.traces() == traces, told
        return done.stderr

    def traces(self) -> object:
        """Return what a command that failed must not change."""
        files = {
            str(path.relative_to(self.folder)): path.read_bytes() if _readable(path) else None
            for path in sorted(self.folder.rglob("*"))
        }
        unfinished = self.store / "tmp"
        return files, sorted(os.listdir(unfinished)) if unfinished.is_dir() else []


def _readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
