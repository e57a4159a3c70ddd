"""Give broken projects to rockery and see that it bears them: ``fuzz.py --seconds 60``."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import hostile
import mutation

#: The bounds for any input of up to 1 MB: seconds of processor time a command, and memory.
SECONDS = 5.0
MEGABYTES = 200

#: What is done with each project.
COMMANDS = (["check"], ["expand-extensions"], ["migrate", "--json"], ["migrate", "--write"])
#: Done; the project is at fault; the command line is (a setting in a file).
_EXPECTED = {0, 1, 2}
#: A process is used this often: what one project leaves behind must not be another's fault.
_USES = 150
_PATIENCE = 120.0


@dataclass
class Patient:
    """The process that takes the projects, started anew when it ends."""

    scratch: Path
    commands: tuple[list[str], ...] = COMMANDS
    process: subprocess.Popen[str] | None = None
    uses: int = field(default=0)

    def give(self, project: Path, *, alone: bool = False) -> list[str]:
        """Return what is wrong with how the project was borne."""
        if self.process is None or self.uses >= _USES or alone:
            self.end()
            self.start()
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.uses += 1
        job = {"project": str(project), "words": self.commands}
        # Far above the bound, which is of processor time: a machine may be busy.
        watch = threading.Timer(_PATIENCE, self.process.kill)
        watch.start()
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        if not line:
            status = self.process.wait()
            self.process = None
            return [f"the process ended with {status}"]
        return list(self.complaints(json.loads(line)))

    def complaints(self, answer: dict[str, Any]) -> Iterator[str]:
        """Yield what must not be in an answer."""
        if "Traceback" in answer["said"] or not set(answer["statuses"]) <= _EXPECTED:
            yield f"statuses {answer['statuses']}: {answer['said']}"
        yield from (f"saw {what}" for what in dict.fromkeys(answer["seen"]))
        if max(answer["seconds"]) > SECONDS:
            yield f"took {answer['seconds']} s"
        if answer["megabytes"] > MEGABYTES:
            yield f"took {answer['megabytes']} MB"

    def start(self) -> None:
        """Start the process, in a folder that isn't the project's."""
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("guarded.py"))],
            cwd=self.scratch,
            env=os.environ
            | {"PYTHONPATH": path, "ROCKERY_STORE": str(self.scratch / "store"), "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.uses = 0

    def end(self) -> None:
        """End the process."""
        if self.process is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait()
            self.process = None


@contextmanager
def patient(scratch: Path, *commands: list[str]) -> Iterator[Patient]:
    """Start a patient that keeps its things in ``scratch``."""
    found = Patient(scratch, commands or COMMANDS)
    try:
        yield found
    finally:
        found.end()


def mutated(one: Patient, scratch: Path, *, seed: int, seconds: float, most: int = 10**9) -> int:
    """Give mutated projects for some time and return how many; raises for the first bad one."""
    known = mutation.seeds()
    deadline = time.monotonic() + seconds
    count = 0
    while time.monotonic() < deadline and count < most:
        folder = scratch / "case"
        mutation.write(mutation.project(Random(f"{seed}/{count}"), known), folder / "project")
        wrong = one.give(folder / "project")
        if wrong:
            raise AssertionError(f"seed {seed}, number {count}: {wrong} in {folder}")
        shutil.rmtree(folder)
        count += 1
    return count


def main() -> int:
    """Run for as long as asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--hostile", metavar="NAME", action="append", help="only this large one")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="fuzz-"))
    bad = 0
    with patient(scratch) as one:
        for name, files in hostile.projects().items():
            if options.hostile and name not in options.hostile:
                continue
            mutation.write(files, scratch / name / "project")
            begun = time.monotonic()
            wrong = one.give(scratch / name / "project", alone=True)
            print(f"{name}: {time.monotonic() - begun:.1f} s {wrong or ''}", flush=True)
            bad += bool(wrong)
        if not options.hostile:
            count = mutated(one, scratch, seed=options.seed, seconds=options.seconds)
            print(f"{count} mutated projects borne, seed {options.seed}")
    if bad:
        print(f"{bad} hostile projects weren't borne; they are in {scratch}")
        return 1
    shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
