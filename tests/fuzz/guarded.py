"""The process that broken projects are given to: limits, an audit hook, and a report.

Reads one JSON line for each project, ``{"project": PATH, "words": [[...], ...]}``, runs each
command with its words after ``-C PATH``, and answers with one line: the statuses, what the
hook saw that must not be, the seconds of processor time of each and the most memory so far in MB.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import rockery

#: A net below the real bounds, which the parent checks: nothing here may take the machine down.
_ADDRESS_SPACE = 1 << 30
_PROCESSOR_SECONDS = 3600

#: Where a process of Python's own reads.
_OWN = tuple(
    os.path.realpath(path)
    for path in {
        *filter(None, sys.path),
        str(Path(rockery.__file__).parents[1]),
        sys.prefix,
        sys.base_prefix,
        sysconfig.get_path("stdlib"),
        "/usr/lib/python3",
        "/usr/share/zoneinfo",
        "/dev/null",
        "/proc/self",
        "/etc/localtime",
    }
)


class Guard:
    """Sees what the process opens and runs, once it is told of a project."""

    def __init__(self) -> None:
        self.project = ""
        self.allowed: tuple[str, ...] = ()
        self.seen: list[str] = []

    def start(self, project: str) -> None:
        """Watch from now on: only ``project`` and Python's own files may be read."""
        self.project = os.path.realpath(project)
        store = os.path.realpath(os.environ["ROCKERY_STORE"])
        self.allowed = (*_OWN, self.project, store)
        self.seen = []

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note what must not be."""
        if not self.project:
            return
        if event in ("open", "os.scandir", "os.listdir", "os.chdir"):
            path = arguments[0]
            if isinstance(path, str | bytes | os.PathLike):
                end = os.path.realpath(os.fsdecode(path))
                if not any(end == root or end.startswith(root + os.sep) for root in self.allowed):
                    self.seen.append(f"{event} {end}")
        elif event == "exec":
            file = getattr(arguments[0], "co_filename", "")
            if os.path.realpath(file).startswith(self.project + os.sep):
                self.seen.append(f"exec {file}")
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
            self.seen.append(f"{event} {arguments[0]!r}")
        elif event in ("socket.connect", "socket.getaddrinfo"):
            self.seen.append(f"{event} {arguments[-1]!r}")


def _most_memory() -> int:
    """Return the most memory this program has had so far, in KiB.

    Not ``ru_maxrss``: an exec carries that over from the program before, which was a copy of
    the test run (getrusage(2) counts by process; ``VmHWM`` of proc(5) by address space).
    """
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    """Answer one line for each project."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR_SECONDS, _PROCESSOR_SECONDS))
    from rockery.cli import interruption
    from rockery.cli.run import run

    interruption.install = lambda: None
    guard = Guard()
    sys.addaudithook(guard.hook)
    for line in sys.stdin:
        job = json.loads(line)
        guard.start(job["project"])
        statuses, seconds, said = [], [], io.StringIO()
        for words in job["words"]:
            begun = time.process_time()
            out = io.TextIOWrapper(io.BytesIO(), "utf-8")
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
                statuses.append(
                    run([words[0], "-C", job["project"], *words[1:]], program="rockery")
                )
            seconds.append(round(time.process_time() - begun, 2))
        answer = {
            "statuses": statuses,
            "seen": guard.seen,
            "seconds": seconds,
            "megabytes": _most_memory() // 1024,
            "said": said.getvalue()[-2000:],
        }
        guard.project = ""
        print(json.dumps(answer), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
