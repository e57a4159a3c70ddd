"""What a process has counted and not yet delivered, in bounded memory, as StatsD lines.

Counters are sums. Durations are kept to three significant digits, so that equal ones are
one entry with a number: the exporter repeats an observation by the inverse of its sample
rate, so no observation is lost however many wait, and there can be some 8,000 entries at
most (a microsecond to a day).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

#: Bytes; below the usual Ethernet payload, so that a remote exporter works as well.
MAX_DATAGRAM = 1400


class Sample(NamedTuple):
    """What one entry is about: ``kind`` is StatsD's ``c``, ``g``, ``h`` or ``ms``.

    ``value`` is the observed value for ``h`` and ``ms``, and empty for the others.
    """

    kind: str
    name: str
    value: str = ""


class Aggregate:
    """Counters, gauges and observations by name. Not safe to share between threads."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._pending: dict[Sample, float] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def count(self, name: str, amount: float = 1) -> None:
        """Add to a counter."""
        sample = Sample("c", name)
        self._pending[sample] = self._pending.get(sample, 0) + amount

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge: the last value is the one that is delivered."""
        self._pending[Sample("g", name)] = value

    def observe(self, kind: str, name: str, value: float) -> None:
        """Add one observation: ``ms`` in milliseconds, ``h`` in any unit."""
        sample = Sample(kind, name, f"{value:.3g}")
        self._pending[sample] = self._pending.get(sample, 0) + 1

    def datagrams(self) -> Iterator[tuple[bytes, list[Sample]]]:
        """Yield datagrams and what each carries, counters first.

        What has arrived is to be taken out with :meth:`delivered`.
        """
        lines, last = "", ""
        carried: list[Sample] = []
        for sample in sorted(self._pending):
            value = _value(sample, self._pending[sample])
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


def _value(sample: Sample, number: float) -> str:
    if sample.kind in "cg":
        return f"{number:.17g}|{sample.kind}"
    if number == 1:
        return f"{sample.value}|{sample.kind}"
    # The exporter observes int(1 / rate) times; the quarter keeps rounding away from the
    # next lower number.
    return f"{sample.value}|{sample.kind}|@{1 / (number + 0.25):.12g}"
