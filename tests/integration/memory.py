"""What a command of rockery's takes of memory, with all of its own processes together."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from rockery import processes

#: Programs that are not rockery's, with all that they start: the resolvers and builders that it
#: calls, engines, and the user's application while it is imported (by a probe, which says so).
_OTHERS = {"uv", "apt-get", "apt-cache", "apt-config", "go", "docker", "podman", "git"}
_PROBE = b"<rockery probe>"

#: Seconds between two looks; one at a process of 100 MB takes a millisecond.
_EVERY = 0.05


class Peak:
    """The most memory that a process and rockery's others below it were seen to take at once.

    The proportional set size: pages that processes share count once, and a program's own pages
    that the disk has as well count too. ``kilobytes`` is never less than what the kernel says
    was the process's own peak; ``parts`` are the kilobytes of each when most was seen.
    """

    def __init__(self, process: int) -> None:
        self._seen = self._own = 0
        self.parts: list[tuple[str, int]] = []
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def kilobytes(self) -> int:
        """The peak."""
        return max(self._seen, self._own)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        below = processes.below([self._process])
        others = [process for process in below if _is_anothers(process)]
        own = [self._process, *processes.below([self._process], others)]
        parts = [(_command(process), _kilobytes(process, "smaps_rollup", "Pss")) for process in own]
        together = sum(size for _, size in parts)
        if together > self._seen:
            self._seen, self.parts = together, parts
        self._own = max(self._own, _kilobytes(self._process, "status", "VmHWM"))


def run(
    *words: str | Path, cwd: Path, env: Mapping[str, str], timeout: float
) -> tuple[subprocess.CompletedProcess[str], Peak]:
    """Run a command, and watch what it takes."""
    with (
        subprocess.Popen(
            [*map(str, words)],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        Peak(process.pid) as peak,
    ):
        out, said = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, said), peak


def _is_anothers(process: int) -> bool:
    words = _words(process)
    return Path(words[0].decode(errors="replace")).name in _OTHERS or any(
        _PROBE in word for word in words
    )


def _command(process: int) -> str:
    return b" ".join(_words(process)).decode(errors="replace")[:80]


def _words(process: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    return [b""]


def _kilobytes(process: int, file: str, name: str) -> int:
    """Return what a file of /proc says; 0 of a process that has ended."""
    text = ""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{process}/{file}").read_text()
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0
