"""Where the exporter listens: what becomes of ROCK_METRICS_ADDRESS and ROCK_STATSD_PORT."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = runpy.run_path(str(ROOT / "statsd-exporter/rock/usr/bin/rock-statsd-exporter"))
address, moved = SCRIPT["address"], SCRIPT["moved"]


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("127.0.0.1", "127.0.0.1:9102"),
        ("9200", ":9200"),
        (":9200", ":9200"),
        ("127.0.0.1:9200", "127.0.0.1:9200"),
        ("[::1]:9200", "[::1]:9200"),
        ("[::1]", "[::1]:9102"),
        ("localhost", "localhost:9102"),
    ],
)
def test_a_host_a_port_or_both(value: str, taken: str) -> None:
    assert address(value) == taken


@pytest.mark.parametrize("value", ["::1", "0", "70000", "h:", "h:x", "http://h:1", "[::1"])
def test_a_bad_value_is_named(value: str) -> None:
    with pytest.raises(SystemExit, match="cannot use ROCK_METRICS_ADDRESS: "):
        address(value)


def test_another_port_takes_the_place_of_the_usual_one() -> None:
    given = [
        *("--statsd.listen-udp=127.0.0.1:9125", "--statsd.listen-tcp=:9125"),
        *("--statsd.listen-unixgram=/run/9125", "--web.listen-address=:9125"),
    ]
    assert moved(given, "19125") == [
        *("--statsd.listen-udp=127.0.0.1:19125", "--statsd.listen-tcp=:19125"),
        *given[2:],
    ]
    with pytest.raises(SystemExit, match="cannot use ROCK_STATSD_PORT: '-1' is not a port"):
        moved(given, "-1")
