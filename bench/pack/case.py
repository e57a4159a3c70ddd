"""One thing that is measured: who takes part, what is done before, and what is timed."""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

#: Names of sides and of cases, as the tables have them.
PACK, LOAD, BUILDKIT, CRAFT = "rockery pack", "rockery pack --load", "BuildKit", "craft-parts"
BY_APT = "BuildKit, runtime by apt"
EDITED = "edit to first 200"


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
    loads: list[float] = field(default_factory=list)
    facts: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def take(self, project: str, case: str, ways: Iterable[Way], rounds: range) -> None:
        """Let the sides take turns, another one first in each round."""
        ways = list(ways)
        found = self.seconds.setdefault(project, {}).setdefault(case, {})
        for number in rounds:
            start = number % len(ways)
            for way in (*ways[start:], *ways[:start]):
                if number >= way.most:
                    continue
                way.prepare(number)
                self.loads.append(os.getloadavg()[0])
                began = time.perf_counter()
                way.act()
                found.setdefault(way.side, []).append(time.perf_counter() - began)
        for way in ways:
            times = " ".join(f"{each:.2f}" for each in found[way.side])
            print(f"{project}: {case}: {way.side}: {times}", file=sys.stderr, flush=True)
