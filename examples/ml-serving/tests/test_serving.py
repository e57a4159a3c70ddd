"""What can be seen from inside only: settings, the cache, threads and what comes afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import SETTINGS, serve
from serving.errors import ServiceError
from serving.model import Cache, Model
from serving.predictor import Predictor
from serving.settings import SettingsError, read

FRAMEWORKS = ["flask", "fastapi"]


@pytest.mark.parametrize("name", ["API_USERNAME", "API_PASSWORD", "SECRET_KEY"])
def test_only_development_has_defaults(name: str) -> None:
    environ = {key: value for key, value in SETTINGS.items() if key != name}
    with pytest.raises(SettingsError, match=name):
        read(environ)
    with pytest.raises(SettingsError, match=name):
        read({**environ, "APP_MODE": "production"})
    read({**environ, "APP_MODE": "development"})


@pytest.mark.parametrize(
    ("name", "value"), [("SECRET_KEY", "short"), ("CACHE_SIZE", "0"), ("MICRO_BATCH", "many")]
)
def test_settings_that_cannot_be_used(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        read({**SETTINGS, name: value})


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_without_a_model(framework: str, tmp_path: Path) -> None:
    with serve(framework, {**SETTINGS, "MODEL_FILE": str(tmp_path / "none")}) as address:
        answer = httpx.get(f"{address}/health")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unhealthy"
        assert answer.json()["model_loaded"] is False
        body = {"username": SETTINGS["API_USERNAME"], "password": SETTINGS["API_PASSWORD"]}
        token = httpx.post(f"{address}/login", json=body).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        for path, body in (
            ("predict", {"features": [1] * 10}),
            ("predict/batch", {"rows": [[1] * 10]}),
        ):
            answer = httpx.post(f"{address}/{path}", json=body, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (503, "model_not_loaded")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_prediction_is_logged(
    framework: str, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(framework, {**SETTINGS, "MODEL_FILE": str(model)}) as address:
        body = {"username": SETTINGS["API_USERNAME"], "password": SETTINGS["API_PASSWORD"]}
        token = httpx.post(f"{address}/login", json=body).json()["access_token"]
        asked = {"features": [1] * 10, "request_id": "order-17"}
        httpx.post(
            f"{address}/predict", json=asked, headers={"Authorization": f"Bearer {token}"}
        ).raise_for_status()
        deadline = time.monotonic() + 10
        while "request_id='order-17' rows=1 cached=False" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_the_cache_is_bounded() -> None:
    cache = Cache(2)
    for value in (1.0, 2.0):
        cache.put((value,), value)
    assert cache.get((1.0,)) == 1.0
    cache.put((3.0,), 3.0)
    assert (len(cache), cache.get((2.0,)), cache.get((1.0,))) == (2, None, 1.0)


class Slow(Model):
    """A model that takes its time, and counts the rows of each call."""

    def __init__(self, seconds: float) -> None:
        self.calls: list[int] = []
        self.seconds = seconds

    def predict(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """Return the first number of each row."""
        self.calls.append(len(rows))
        time.sleep(self.seconds)
        if rows[0][0] < 0:
            raise ServiceError(503, "model_not_loaded", "none")
        return [row[0] for row in rows]


def test_what_waits_goes_in_one_call() -> None:
    model = Slow(0.05)

    async def ask() -> list[float]:
        with Predictor(model, most=8) as predictor:
            first = asyncio.create_task(predictor.predict([0.0]))
            await asyncio.sleep(0.01)
            rest = [predictor.predict([float(n)]) for n in range(1, 11)]
            return [await first, *await asyncio.gather(*rest)]

    assert asyncio.run(ask()) == [float(n) for n in range(11)]
    assert model.calls == [1, 8, 2]


def test_a_failure_reaches_each_that_waits_and_the_next_is_served() -> None:
    model = Slow(0.01)

    async def ask() -> list[Any]:
        with Predictor(model, most=8) as predictor:
            asked = (predictor.predict([-1.0]), predictor.predict([-2.0]))
            failed = await asyncio.gather(*asked, return_exceptions=True)
            return [*failed, await predictor.predict([3.0])]

    *failed, value = asyncio.run(ask())
    assert [type(each) for each in failed] == [ServiceError, ServiceError]
    assert value == 3.0


def test_predicting_does_not_block_the_event_loop() -> None:
    model = Slow(0.5)

    async def ask() -> int:
        turns = 0
        with Predictor(model, most=8) as predictor:
            asked = asyncio.create_task(predictor.predict([1.0]))
            while not asked.done():
                await asyncio.sleep(0.001)
                turns += 1
        return turns

    assert asyncio.run(ask()) > 10
