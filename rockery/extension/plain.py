"""Distributions that are known to bring no web framework along."""

from __future__ import annotations

import functools

from rockery.data import data_folder


@functools.cache
def plain() -> frozenset[str]:
    """Return their normalised names."""
    text = (data_folder("extensions") / "plain-packages.txt").read_text()
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(name for line in lines for name in line.split())
