"""``--json``: one document on standard output, with a schema version, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attempt import ROCK, Attempt

pytestmark = pytest.mark.network

LAYER = {"kind", "title", "key", "action", "reason"}


@pytest.fixture
def attempt(tmp_path: Path, store: Path) -> Attempt:
    return Attempt(tmp_path / "hello", store)


def document(attempt: Attempt, *words: str, status: int = 0) -> dict[str, Any]:
    done = attempt.run(*words)
    assert done.returncode == status, done.stderr
    found = json.loads(done.stdout)
    assert found["schema_version"] == 1
    assert done.stdout.isascii(), "no locale breaks it"
    return dict(found)


def test_plan_tells_what_pack_then_does(attempt: Attempt) -> None:
    attempt.append("app.py", "# only here\n")
    planned = document(attempt, "plan", "--json")
    assert (planned["name"], planned["version"], planned["platform"]) == (
        "flask-hello",
        "0.1",
        "amd64",
    )
    assert all(layer.keys() >= LAYER for layer in planned["layers"])
    packed = document(attempt, "pack", "--json")
    assert [layer["key"] for layer in packed["layers"]] == [
        layer["key"] for layer in planned["layers"]
    ]
    again = document(attempt, "plan", "--json")
    assert {layer["action"] for layer in again["layers"]} == {"reuse"}
    assert {layer["reason"] for layer in again["layers"]} == {"cached"}

    attempt.append("app.py", "# one line more\n")
    changed = [
        (layer["title"], layer["reason"])
        for layer in document(attempt, "plan", "--json")["layers"]
        if layer["action"] == "make"
    ]
    assert changed == [("flask-framework/install-app", "flask/app/app.py changed")]


def test_pack_and_inspect(attempt: Attempt) -> None:
    packed = document(attempt, "pack", "--json")
    assert packed["rock"] == ROCK
    assert packed["loaded"] is None
    seen = document(attempt, "inspect", "--json", ROCK)
    assert (seen["digest"], seen["image_id"]) == (packed["digest"], packed["image_id"])


def test_check(attempt: Attempt) -> None:
    findings = document(attempt, "check", "--json")["findings"]
    assert {finding["level"] for finding in findings} <= {"note", "warning"}
    attempt.write("requirements.txt", "requests\n")
    (error,) = [
        finding
        for finding in document(attempt, "check", "--json", status=1)["findings"]
        if finding["level"] == "error"
    ]
    assert error["file"] == "requirements.txt"
    assert error["remedy"]
