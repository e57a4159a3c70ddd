"""The exporter's mappings and the workers agree."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from rock_metrics.aggregate import BUCKETS

MAPPINGS = Path(__file__).parents[3] / "statsd-exporter/mapping"


@pytest.mark.parametrize("framework", ["flask", "fastapi"])
def test_buckets_are_the_same(framework: str) -> None:
    mappings = yaml.safe_load((MAPPINGS / f"{framework}.yaml").read_text())["mappings"]
    (histogram,) = [one for one in mappings if one.get("observer_type") == "histogram"]
    assert histogram["match"] == "gunicorn.request.histogram"
    assert histogram["histogram_options"]["buckets"] == [bound / 1000 for bound in BUCKETS]
