"""Ages and sizes as people write them."""

from __future__ import annotations

import argparse
import re

_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZES = "KMGT"


def age(text: str) -> float:
    """Return seconds: "30d", "12h", "1w", "90m", "10s".

    Raises:
        ArgumentTypeError: it is no age.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age such as 30d, 12h or 2w")
    return float(found[1]) * _AGES[found[2]]


def number(text: str) -> int:
    """Return a number from 1 on.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def size(text: str) -> int:
    """Return bytes: "5GB", "500M", "2GiB" (1 GiB is 1024³), "0".

    Raises:
        ArgumentTypeError: it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:([KMGT])(i?))?B?", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 5GB or 500M")
    power = _SIZES.index(found[2].upper()) + 1 if found[2] else 0
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)
