"""One thing that is measured: who takes part, what is done before, and what is timed."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


class FailedError(Exception):
    """A command that a case needs failed, or nothing answered; the text says what it said."""


#: Names of sides and of cases, as the tables have them.
PACK, LOAD, BUILDKIT, CRAFT = "rockery pack", "rockery pack --load", "BuildKit", "craft-parts"
BY_APT = "BuildKit, runtime by apt"
UV = "uv alone"
EDITED = "edit to first 200"
STIRRED = "one app file changed in what its import runs"


@dataclass(frozen=True)
class Way:
    """How one side does it; what ``prepare`` does with the round's number isn't timed.

    One that takes minutes takes part in the first ``most`` rounds alone.
    """

    side: str
    act: Callable[[], object]
    prepare: Callable[[int], object] = lambda number: None
    most: int = 1_000


@dataclass
class Samples:
    """Seconds by project, case and side, the machine's load at each, and other figures."""

    seconds: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    facts: dict[str, dict[str, float]] = field(default_factory=dict)
    #: By project and case of the command line: when and how it was measured, or why it failed.
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    loads: list[float] = field(default_factory=list)

    def note(self, project: str, name: str, value: float) -> None:
        """Keep a figure that isn't a time of a case."""
        self.facts.setdefault(project, {})[name] = value

    def ended(self, project: str, case: str, day: str, rounds: int, seconds: float) -> None:
        """Keep how a case was measured, and forget the loads of it."""
        self.runs[f"{project}: {case}"] = {
            "day": day,
            "rounds": rounds,
            "seconds": round(seconds),
            "load": round(statistics.median(self.loads), 1) if self.loads else None,
        }
        self.loads.clear()

    def failed(self, project: str, case: str, day: str, why: str) -> None:
        """Keep why a case came to no end; what it measured before stays."""
        self.runs[f"{project}: {case}"] = {"day": day, "failed": why}
        self.loads.clear()

    def over(self, older: Samples) -> Samples:
        """Return these with what only the older ones have."""
        merged = Samples(
            {project: dict(cases) for project, cases in older.seconds.items()},
            {project: dict(facts) for project, facts in older.facts.items()},
            {**older.runs, **self.runs},
        )
        for project, cases in self.seconds.items():
            merged.seconds.setdefault(project, {}).update(cases)
        for project, facts in self.facts.items():
            merged.facts.setdefault(project, {}).update(facts)
        return merged

    def take(self, project: str, case: str, ways: Iterable[Way], rounds: range) -> None:
        """Let the sides take turns, another one first in each round."""
        ways = list(ways)
        found = self.seconds.setdefault(project, {})[case] = {}
        for number in rounds:
            start = number % len(ways)
            for way in (*ways[start:], *ways[:start]):
                if number >= way.most:
                    continue
                way.prepare(number)
                self.loads.append(os.getloadavg()[0])
                began = time.perf_counter()
                way.act()
                took = time.perf_counter() - began
                found.setdefault(way.side, []).append(took)
                print(
                    f"  {case}, {number + 1}: {way.side}: {took:.2f}", file=sys.stderr, flush=True
                )
