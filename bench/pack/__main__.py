"""How quick packing is: ``python -m bench.pack [--rounds N] [--only CASE …] [--write]``.

Runs rockery, BuildKit and craft-parts side by side, taking turns, over the ways that a pack goes
day by day, and compares medians with what is asked for. With ``--write`` the result is written
to bench/RESULTS.md, its charts and every single measurement beside it.

Needs Docker (an engine that builds with BuildKit) and the package indexes. It keeps a store of
its own, which it removes; the engine keeps BuildKit's cache.
"""

from __future__ import annotations

import argparse
import datetime
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench.pack import report
from bench.pack.case import Samples
from bench.pack.measures import Bench
from bench.pack.project import SOURCES

#: The cases in their order: those that empty the caches come first.
CASES = ("first", "arm64", "daily", "edits", "sizes")


def main() -> int:
    """Measure and report; status 1 where something takes longer than is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.pack")
    parser.add_argument("--rounds", type=int, default=7, help="of the short cases (default: 7)")
    parser.add_argument("--only", nargs="+", choices=(*CASES, "growth"), help="these cases")
    parser.add_argument("--project", nargs="+", choices=tuple(SOURCES), default=tuple(SOURCES))
    parser.add_argument("--write", action="store_true", help="write bench/RESULTS.md")
    options = parser.parse_args()
    wanted = options.only or (*CASES, "growth")
    samples = Samples()
    began = time.monotonic()
    # Not /tmp, which is memory on many machines.
    place = Path(tempfile.mkdtemp(prefix="rockery-bench-", dir="/var/tmp"))
    try:
        bench = Bench(place, options.rounds, samples)
        try:
            bench.set_up()
            bench.start()
            for source in options.project:
                for case in CASES:
                    if case in wanted:
                        getattr(bench, case)(source)
            if "growth" in wanted:
                bench.growth(options.project[0])
        finally:
            bench.tear_down()
        about = report.About(
            datetime.datetime.now(datetime.UTC).date(),
            options.rounds,
            round(time.monotonic() - began),
            bench.docker.version(),
            " ".join(("python -m bench.pack", *sys.argv[1:])),
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    text, kept = report.text(samples, about)
    print(text)
    if options.write:
        report.write(text, samples)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
