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
    other = {"flask": "fastapi", "fastapi": "flask"}[framework]
    histograms = [one for one in mappings if one.get("observer_type") == "histogram"]
    names = [one["match"] for one in histograms]
    assert names == ["gunicorn.request.histogram", f"{other}.gunicorn.request.histogram"]
    for histogram in histograms:
        assert histogram["histogram_options"]["buckets"] == [bound / 1000 for bound in BUCKETS]


def test_each_has_the_other_family_under_its_prefix() -> None:
    def families(framework: str, prefix: str) -> list[dict[str, object]]:
        mappings = yaml.safe_load((MAPPINGS / f"{framework}.yaml").read_text())["mappings"]
        return [
            {**one, "match": one["match"].removeprefix(prefix)}
            for one in mappings
            if one["match"].startswith(f"{prefix}gunicorn.")
        ]

    assert families("flask", "fastapi.") == families("fastapi", "")
    assert families("fastapi", "flask.") == families("flask", "")
