"""The health check in the image, where Pebble has an answer to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rockery.image import assemble
from rockery.pack.settings import settings
from rockery.project.schema import RockFile

READY = {"ready": {"override": "replace", "level": "ready", "http": {"url": "http://localhost/"}}}


def config(**more: Any) -> dict[str, Any]:
    data = {
        "name": "hello",
        "version": "0.1",
        "summary": "A rock",
        "description": "A rock.",
        "base": "bare",
        "build-base": "debian@12",
        "platforms": {"amd64": None},
        "parts": {},
        **more,
    }
    rock = RockFile.model_validate(data)
    made = assemble([], settings(rock, "0.1", "amd64"), 0)
    found: dict[str, Any] = json.loads(made.config)["config"]
    return found


def test_a_rock_with_a_check_of_level_ready() -> None:
    assert config(checks=READY)["Healthcheck"] == {
        "Test": ["CMD", "/usr/bin/pebble", "health", "--level", "ready"],
        "Interval": 10 * 10**9,
        "Timeout": 5 * 10**9,
        "StartPeriod": 30 * 10**9,
        "Retries": 3,
    }


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"checks": {"up": {**READY["ready"], "level": "alive"}}},
        {"checks": {"up": {k: v for k, v in READY["ready"].items() if k != "level"}}},
        {"checks": READY, "entrypoint-command": "/usr/bin/other [ --now ]"},
    ],
    ids=["no check", "alive", "no level", "not Pebble"],
)
def test_any_other_rock(more: dict[str, Any]) -> None:
    assert "Healthcheck" not in config(**more)
