"""What a process has counted and not yet delivered, in bounded memory, as StatsD lines.

Counters are sums. Observations that are alike are one entry: their mean, as often as there were
observations, gives the same count and the same sum. The exporter repeats an observation by the
inverse of its sample rate, so none is lost however many wait. For a summary those are alike that
differ by less than 2.5 %, which makes some 1,000 entries at most (a microsecond to a day); for a
histogram those of one bucket.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from math import exp, floor, inf, log
from typing import Any, NamedTuple

#: Bytes; below the usual Ethernet payload, so that a remote exporter works as well.
MAX_DATAGRAM = 1400

#: Upper bounds of the buckets of a histogram, in milliseconds. The mappings have the same
#: in seconds, and a test compares them.
BUCKETS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000)


#: Of observations for a summary: those are alike whose logarithm times this has the same whole
#: part; 40 stands for 2.5 %.
FINENESS = 40

#: What is alike to 0, which has no logarithm.
_NOTHING = -1_000_000


class Sample(NamedTuple):
    """What one entry is about: ``kind`` is StatsD's ``c``, ``g``, ``h`` or ``ms``.

    ``group`` is which observations they are: the index of a bucket with ``bucketed``, else the
    whole part of a logarithm.
    """

    kind: str
    name: str
    group: int = 0
    bucketed: bool = False


class Aggregate:
    """Counters, gauges and observations by name. Not safe to share between threads."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._pending: dict[Sample, float] = {}
        # Of observations.
        self._sums: dict[Sample, float] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def count(self, name: str, amount: float = 1) -> None:
        """Add to a counter."""
        self._add(Sample("c", name), amount)

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge: the last value is the one that is delivered."""
        self._pending[Sample("g", name)] = value

    def observe(self, kind: str, name: str, values: Iterable[float]) -> None:
        """Add observations: ``ms`` in milliseconds, ``h`` in any unit; none is negative."""
        ordered = sorted(values)
        start = 0
        while start < len(ordered):
            least = ordered[start]
            # One logarithm for all that are alike.
            group = floor(log(least) * FINENESS) if least > 0 else _NOTHING
            end = bisect_left(ordered, exp((group + 1) / FINENESS), start + 1)
            self._add(Sample(kind, name, group), end - start, sum(ordered[start:end]))
            start = end

    def histogram(self, name: str, values: Iterable[float]) -> None:
        """Add observations, in milliseconds, to a histogram with :data:`BUCKETS`."""
        ordered = sorted(values)
        start = 0
        for bucket, bound in enumerate((*BUCKETS, inf)):
            end = bisect_right(ordered, bound, start)
            if start < end:
                self._add(Sample("ms", name, bucket, True), end - start, sum(ordered[start:end]))
                start = end

    def datagrams(self) -> Iterator[tuple[bytes, list[Sample]]]:
        """Yield datagrams and what each carries, counters first.

        What has arrived is to be taken out with :meth:`delivered`.
        """
        lines, last = "", ""
        carried: list[Sample] = []
        for sample in sorted(self._pending):
            value = self._value(sample)
            # Several values of one name share its line.
            more = f":{value}" if sample.name == last else f"\n{self._prefix}{sample.name}:{value}"
            if len(lines) + len(more) > MAX_DATAGRAM:
                yield lines.lstrip("\n").encode(), carried
                lines, carried = "", []
                more = f"\n{self._prefix}{sample.name}:{value}"
            lines, last = lines + more, sample.name
            carried.append(sample)
        if carried:
            yield lines.lstrip("\n").encode(), carried

    def delivered(self, samples: Iterable[Sample]) -> None:
        """Take out what a datagram has carried."""
        for sample in samples:
            del self._pending[sample]
            self._sums.pop(sample, None)

    def dump(self) -> list[list[Any]]:
        """Return what is pending, for :meth:`absorb` in another process; JSON can carry it."""
        # A gauge is of its moment and its process.
        return [
            [*sample, number, self._sums.get(sample, 0)]
            for sample, number in self._pending.items()
            if sample.kind != "g"
        ]

    def absorb(self, counted: Iterable[Iterable[Any]]) -> None:
        """Add what another aggregate's :meth:`dump` returned."""
        for *sample, number, total in counted:
            self._add(Sample(*sample), number, total)

    def _add(self, sample: Sample, number: float, total: float = 0) -> None:
        self._pending[sample] = self._pending.get(sample, 0) + number
        self._sums[sample] = self._sums.get(sample, 0) + total

    def _value(self, sample: Sample) -> str:
        number = self._pending[sample]
        if sample.kind in "cg":
            return f"{number:.17g}|{sample.kind}"
        mean = self._sums[sample] / number
        if sample.bucketed and sample.group < len(BUCKETS):
            # What lies on the bound must not leave its bucket by rounding.
            mean = min(mean, BUCKETS[sample.group])
        value = f"{mean:.12g}"
        if number == 1:
            return f"{value}|{sample.kind}"
        # The exporter observes int(1 / rate) times; the quarter keeps rounding away from the
        # next lower number.
        return f"{value}|{sample.kind}|@{1 / (number + 0.25):.12g}"
