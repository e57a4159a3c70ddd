"""How long an expansion takes: ``python -m bench.expand --tool rockcraft [--rounds N] [--write]``.

Runs ``expand-extensions`` of the stock tool, whose command is given, and of rockery over the same
projects of the corpus, on a base that both know. The two take turns, so that what else the
machine does hits both. What is printed, and written to bench/EXPAND.md with ``--write``: medians
of the wall clock and of the processor's time, and their ratio, which has to be at most a tenth.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.stopwatch import ROCKERY, ROOT, measured

RESULT = ROOT / "bench/EXPAND.md"
PROJECTS = ("flask-plain", "prime-list", "fastapi-package", "lock-uv")
MOST = 0.1


def version(command: list[str]) -> str:
    """Return what the tool calls itself."""
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    return done.stdout.strip()


def table(tool: list[str], rounds: int) -> tuple[str, float]:
    """Measure and return the table, and the worst ratio of all."""
    rows, worst = [], 0.0
    with tempfile.TemporaryDirectory() as scratch:
        store = Path(scratch, "store")
        for name in PROJECTS:
            project = Path(scratch, name)
            shutil.copytree(ROOT / "tests/corpus" / name / "project", project, symlinks=True)
            file = project / "rockcraft.yaml"
            file.write_text(re.sub(r"debian@1[23]", "ubuntu@24.04", file.read_text()))
            times: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
            for number in range(rounds + 1):
                for who, command in (("theirs", tool), ("ours", list(ROCKERY))):
                    found = measured([*command, "expand-extensions"], project, store)
                    if number:  # the first compiles, and warms the caches
                        times[who].append(found)
            cells = []
            for index in (0, 1):
                one, two = (
                    statistics.median(each[index] for each in times[who])
                    for who in ("ours", "theirs")
                )
                worst = max(worst, one / two)
                cells += [f"{one:.3f}", f"{two:.2f}", f"{one / two:.3f}"]
            rows.append(f"| {name} | {' | '.join(cells)} |")
    head = (
        "| project | clock: ours (s) | theirs (s) | ratio | processor: ours (s) | theirs (s) "
        "| ratio |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n", worst


def main() -> int:
    """Measure and report; status 1 where the ratio is more than is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.expand")
    parser.add_argument("--tool", default="rockcraft", help="the stock tool's command")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write bench/EXPAND.md")
    options = parser.parse_args()
    tool = shlex.split(options.tool)
    rows, worst = table(tool, options.rounds)
    text = (
        "# Expanding, beside the stock tool\n\n"
        "Written by `python -m bench.expand --write --tool COMMAND`: medians of "
        f"{options.rounds} interleaved runs of `expand-extensions` by rockery and by "
        f"{version(tool)}, on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, with "
        f"{os.cpu_count()} CPUs that other work shared (load {os.getloadavg()[0]:.1f}).\n\n{rows}\n"
        f"The worst ratio is {worst:.3f}; at most {MOST} is asked for.\n"
    )
    print(text, end="")
    if options.write:
        RESULT.write_text(text)
    return 0 if worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
