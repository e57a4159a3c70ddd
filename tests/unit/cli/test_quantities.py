from __future__ import annotations

import argparse

import pytest

from rockery.cli import quantities


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2592000), ("12h", 43200), ("2w", 1209600), ("1.5m", 90), ("0s", 0)],
)
def test_ages(text: str, seconds: float) -> None:
    assert quantities.age(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [
        *(("5GB", 5 * 10**9), ("500M", 5 * 10**8), ("2GiB", 2 << 30), ("1.5 kB", 1500)),
        *(("0", 0), ("7", 7), ("7B", 7), ("1Ti", 1 << 40)),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert quantities.size(text) == count


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "30 days", "1y"])
def test_no_ages(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no age"):
        quantities.age(text)


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "5XB", "5iB", "5 G B"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no size"):
        quantities.size(text)


def test_numbers_from_1_on() -> None:
    assert quantities.number("12") == 12
    for text in ("0", "-1", "1.5", "", "two", "²"):
        with pytest.raises(argparse.ArgumentTypeError, match="no number"):
            quantities.number(text)
