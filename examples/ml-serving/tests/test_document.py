"""Whether FastAPI answers what its own document says, to requests that nobody wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from conftest import SETTINGS, serve
from hypothesis import HealthCheck, given, settings
from serving.document import OPERATIONS


@pytest.fixture(scope="module")
def address(model: Path) -> Any:
    with serve("fastapi", {**SETTINGS, "MODEL_FILE": str(model)}) as address:
        yield address


@pytest.fixture(scope="module")
def token(address: str) -> str:
    body = {"username": SETTINGS["API_USERNAME"], "password": SETTINGS["API_PASSWORD"]}
    return str(httpx.post(f"{address}/login", json=body).json()["access_token"])


@pytest.mark.parametrize(
    ("method", "path"),
    [(each.method, each.path) for each in OPERATIONS if each.path != "/reference"],
)
def test_each_operation(address: str, token: str, method: str, path: str) -> None:
    document = schemathesis.openapi.from_url(f"{address}/openapi.json")
    case = document[path][method].as_strategy()

    @settings(
        max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(case)
    def holds(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"})

    holds()
