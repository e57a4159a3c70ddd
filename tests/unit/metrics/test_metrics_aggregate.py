"""Aggregation: exact counts, bounded memory, and lines that a StatsD exporter reads."""

from __future__ import annotations

import random

from rock_metrics.aggregate import MAX_DATAGRAM, Aggregate


def text(aggregate: Aggregate) -> str:
    return "\n".join(datagram.decode() for datagram, _ in aggregate.datagrams())


def read(lines: str) -> dict[str, float]:
    """Return sums of counters and numbers of observations, counted as the exporter does."""
    totals: dict[str, float] = {}
    for line in lines.split("\n"):
        name, _, values = line.partition(":")
        for value in values.split(":"):
            number, kind, *rate = value.split("|")
            amount = float(number) if kind == "c" else 1
            if rate:
                amount = int(1 / float(rate[0].removeprefix("@")))
            totals[name] = totals.get(name, 0) + amount
    return totals


def test_counters_add_up_and_gauges_keep_the_last() -> None:
    aggregate = Aggregate()
    for amount in (1, 2, 3):
        aggregate.count("a", amount)
        aggregate.gauge("g", amount)
    assert text(aggregate) == "a:6|c\ng:3|g"


def test_durations_that_are_alike_become_their_mean_with_a_rate() -> None:
    aggregate = Aggregate("p.")
    aggregate.observe("ms", "t", (1.234, 1.236))
    aggregate.observe("ms", "t", (1.235, 20, 0))
    line = text(aggregate)
    assert line.startswith("p.t:0|ms:1.235|ms|@0.3")
    assert line.endswith(":20|ms")
    assert read(line) == {"p.t": 5}


def test_what_is_observed_is_near_what_was_given() -> None:
    for exponent in range(-300, 500):
        given = 10 ** (exponent / 100)
        aggregate = Aggregate()
        aggregate.observe("ms", "t", (given, given * 1.01, given * 1.02))
        seen = [float(value.split("|")[0]) for value in text(aggregate)[2:].split(":")]
        assert all(given <= value * 1.0001 <= given * 1.025 for value in seen)


def test_the_exporter_observes_exactly_as_often() -> None:
    for number in (*range(1, 300), 999, 12_345, 1_000_003, 20_000_000):
        aggregate = Aggregate()
        aggregate.observe("ms", "t", [5])
        (sample,) = aggregate._pending
        aggregate._pending[sample] = number
        assert read(text(aggregate)) == {"t": number}


def test_large_counters_are_exact() -> None:
    aggregate = Aggregate()
    aggregate.count("a", 123_456_789_012)
    assert text(aggregate) == "a:123456789012|c"


def test_memory_is_bounded_and_nothing_is_lost() -> None:
    aggregate = Aggregate()
    rng = random.Random(1)
    for _ in range(100):
        aggregate.observe("ms", "t", [10 ** rng.uniform(-3, 7) for _ in range(1_000)])
    assert len(aggregate) <= 1_000
    assert read(text(aggregate)) == {"t": 100_000}


def test_datagrams_are_small_and_whole() -> None:
    aggregate = Aggregate("prefix.")
    for number in range(2_000):
        aggregate.count(f"counter{number % 50}")
        aggregate.observe("ms", "t", [number])
    datagrams = list(aggregate.datagrams())
    assert len(datagrams) > 1
    for datagram, _ in datagrams:
        assert len(datagram) <= MAX_DATAGRAM
        assert all(line.startswith(b"prefix.") for line in datagram.split(b"\n"))


def test_what_was_delivered_is_gone_and_the_rest_stays() -> None:
    aggregate = Aggregate()
    aggregate.observe("ms", "t", (number + 0.5 for number in range(1_000)))
    before = len(aggregate)
    _, samples = next(aggregate.datagrams())
    aggregate.delivered(samples)
    assert len(aggregate) == before - len(samples)
    for _, samples in aggregate.datagrams():
        aggregate.delivered(samples)
    assert text(aggregate) == ""


def test_a_histogram_is_one_value_per_bucket_with_the_same_sum() -> None:
    aggregate = Aggregate()
    durations = [9, 45_000, 1, 4, 0.5, 5, 5.001, 29_999, 31_000]
    aggregate.histogram("t", durations[:4])
    aggregate.histogram("t", durations[4:])
    values = text(aggregate).removeprefix("t:").split(":")
    assert [value.split("|")[0] for value in values] == [
        "2.625", "7.0005", "29999", "38000",
    ]  # fmt: skip
    assert read(text(aggregate)) == {"t": len(durations)}


def test_a_mean_does_not_leave_its_bucket() -> None:
    aggregate = Aggregate()
    aggregate.histogram("t", [10] * 7)
    assert text(aggregate).startswith("t:10|ms|")


def test_what_one_leaves_another_takes() -> None:
    left, master = Aggregate(), Aggregate()
    for aggregate in (left, master):
        aggregate.count("a", 2)
        aggregate.observe("ms", "t", [1.5])
        aggregate.histogram("h", [3])
        aggregate.gauge("g", 1)
    left.histogram("h", [4])
    master.absorb(left.dump())
    assert (
        text(master) == "a:4|c\ng:1|g\nh:3.33333333333|ms|@0.307692307692\nt:1.5|ms|@0.444444444444"
    )
