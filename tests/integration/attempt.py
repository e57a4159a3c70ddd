"""A command tried on a project that is expected to fail, and the traces it must not leave."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from surroundings import EXAMPLES, ROOT, missing, tool

#: What lies where the rock would go: a failed pack leaves it as it is.
PREVIOUS = b"the previous rock\n"
ROCK = "flask-hello_0.1_amd64.rock"

NOBODY = 65534


@functools.cache
def as_nobody() -> tuple[str, ...]:
    """Return what starts rockery as a user without rights; as an ordinary user that is us."""
    if os.geteuid() != 0:
        return (sys.executable, "-m", "rockery")
    ids = (f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    modules = [str(ROOT), *(path for path in sys.path if path.endswith("-packages"))]
    user = (tool("setpriv"), *ids, "env", f"PYTHONPATH={':'.join(modules)}")
    # Root's own Python may lie where nobody else can look.
    for python in (sys.executable, f"/usr/bin/python{version}"):
        command = (*user, python, "-m", "rockery")
        if subprocess.run([*command, "list-extensions"], capture_output=True).returncode == 0:
            return command
    return missing(
        f"a Python {version} that every user can run", f"apt-get install python{version}"
    )


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that every user reaches; pytest closes its own to all others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def give(folder: Path) -> None:
    """Make ``folder`` that user's."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


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

    def run(
        self,
        *words: str | Path,
        prefix: Sequence[str] = (),
        rockery: Sequence[str] = (sys.executable, "-m", "rockery"),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run rockery with ``words`` in the project's folder."""
        return subprocess.run(
            [*prefix, *rockery, *map(str, words)],
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
        rockery: Sequence[str] = (sys.executable, "-m", "rockery"),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> str:
        """Run rockery, which must fail with one clear message and leave no trace.

        ``says`` is a regular expression for the message; returns standard error.
        """
        traces = self.traces()
        done = self.run(*words, prefix=prefix, rockery=rockery, env=env, cwd=cwd)
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
        return files, sorted(unfinished.iterdir()) if unfinished.is_dir() else []


def _readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)
