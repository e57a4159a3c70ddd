"""How quick packing is: ``python -m bench.pack [--rounds N] [--only CASE …] [--write]``.

Runs rockery, BuildKit and craft-parts side by side, taking turns, over the ways that a pack goes
day by day, and compares medians with what is asked for. With ``--write`` every single measurement
is merged into bench/results/samples.json after each case, and bench/RESULTS.md and its charts are
drawn from that: a case that is measured alone replaces its own rows.

Needs Docker (an engine that builds with BuildKit) and the package indexes. It keeps a store of
its own, which it removes, or leaves in ``--place`` for the next run; the engine keeps BuildKit's
cache.
"""

from __future__ import annotations

import argparse
import datetime
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.pack import report
from bench.pack.case import Samples
from bench.pack.measures import Bench
from bench.pack.project import SOURCES

#: The cases in their order: those that empty the caches come first.
CASES = ("start", "first", "arm64", "daily", "second", "edits", "sizes", "growth")
#: Those that are measured with one project alone.
_ONCE = ("start", "growth")


def main() -> int:
    """Measure and report; status 1 where something fails or takes longer than is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.pack")
    parser.add_argument("--rounds", type=int, default=7, help="of the short cases (default: 7)")
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES, help="these cases")
    parser.add_argument("--project", nargs="+", choices=tuple(SOURCES), default=tuple(SOURCES))
    parser.add_argument("--write", action="store_true", help="merge into bench/RESULTS.md")
    parser.add_argument("--place", type=Path, help="set up here, and leave it for the next run")
    options = parser.parse_args()
    # Not /tmp, which is memory on many machines.
    place = options.place or Path(tempfile.mkdtemp(prefix="rockery-bench-", dir="/var/tmp"))
    place.mkdir(exist_ok=True)
    samples = Samples()
    bench = Bench(place, options.rounds, samples)
    try:
        bench.set_up()
        for source, case in _cases(options.only, options.project):
            _measure(bench, source, case)
            if options.write:
                report.write(samples, bench.docker.version())
    finally:
        bench.tear_down(everything=options.place is None)
        if options.place is None:
            shutil.rmtree(place, ignore_errors=True)
    text, kept = report.text(samples, bench.docker.version())
    print(text)
    return 0 if kept else 1


def _cases(only: list[str], projects: list[str]) -> Iterator[tuple[str, str]]:
    for source in projects:
        for case in CASES:
            if case in only and (case not in _ONCE or source == projects[0]):
                yield source, case


def _measure(bench: Bench, source: str, case: str) -> None:
    """Measure a case; where it fails that is said and kept, and the next one has its turn."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    measure: Callable[[str], None] = getattr(bench, case)
    print(f"{source}: {case}", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        bench.begin()
        measure(source)
    except Exception as error:
        traceback.print_exc()
        bench.samples.failed(source, case, day, f"{error}".strip() or type(error).__name__)
    else:
        seconds = time.monotonic() - began
        bench.samples.ended(source, case, day, bench.rounds, seconds)
        print(f"{source}: {case}: {seconds:.0f} s in all", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
