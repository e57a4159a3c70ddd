"""The tour of the README for every example, on every base that packs here."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
from served import Load, Packed, Serve, Served
from surroundings import EXAMPLES, Rockery

pytestmark = [pytest.mark.engine, pytest.mark.network]

BASES = ["debian@12", "debian@13"]

#: Requests that ``serve`` makes before it hands over: the one that was answered.
SERVE = 1


#: For what a base makes no difference to: on the newest one in the soak alone.
ONE_BASE = pytest.mark.parametrize(
    "build_base", [BASES[0], pytest.param(BASES[1], marks=pytest.mark.soak)], indirect=True
)


@pytest.fixture(params=BASES)
def build_base(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def waits(rock: Served, requests: int) -> float:
    """Ask for ``/wait`` so many times at once; the seconds until all are answered."""
    start = time.monotonic()
    with ThreadPoolExecutor(requests) as pool:
        answers = list(pool.map(lambda _: rock.get("/wait"), range(requests)))
    assert {answer.status for answer in answers} == {200}
    return time.monotonic() - start


def test_every_example_is_toured() -> None:
    assert {path.parent.name for path in EXAMPLES.glob("*/rockcraft.yaml")} == {
        "flask-hello",
        "flask-async",
        "flask-web",
        "fastapi-hello",
        "fastapi-package",
        "litestar-hello",
        "ml-serving",  # in test_ml_serving.py
    }


def test_flask_hello(packed: Packed, load: Load, serve: Serve, build_base: str) -> None:
    with serve(load(packed("flask-hello", build_base))) as rock:
        assert rock.get("/").text == "Hello, world!\n"
        assert rock.get("/count").text == "counted\n"
        assert rock.get("/nowhere").status == 404

        metrics = rock.metrics(
            **{
                "my_counter": 1,
                "flask_requests": 3 + SERVE,
                'flask_response_code{status="200"}': 2 + SERVE,
                'flask_response_code{status="404"}': 1,
                "flask_request_duration_count": 3 + SERVE,
            }
        )
        assert 'flask_request_duration{quantile="0.5"}' in metrics

        assert "Listening at: http://0.0.0.0:8000" in rock.logs()
        start = time.monotonic()
        assert rock.stop() == 0
        assert time.monotonic() - start < 15, "nothing was left to wait for"


def test_flask_hello_is_small(packed: Packed, build_base: str) -> None:
    assert packed("flask-hello", build_base).stat().st_size <= 40_000_000


def test_flask_async(packed: Packed, load: Load, serve: Serve, build_base: str) -> None:
    image = load(packed("flask-async", build_base))
    with serve(image) as rock:
        assert rock.get("/").text == "Hello, async world!\n"
        assert "Using worker: gevent" in rock.logs()
        assert 2 <= waits(rock, 15) < 6
        rock.metrics(flask_requests=16 + SERVE)
        assert rock.stop() == 0


@ONE_BASE
def test_flask_async_turned_sync(packed: Packed, load: Load, serve: Serve, build_base: str) -> None:
    image = load(packed("flask-async", build_base))
    one = {"WEB_CONCURRENCY": "1"}
    with serve(image, "--args", "flask", "sync", environment=one) as rock:
        assert "Using worker: sync" in rock.logs()
        assert waits(rock, 4) >= 7.5, "one sync worker waits for one request at a time"
    with serve(image, environment=one) as rock:
        assert waits(rock, 15) < 6, "one gevent worker waits for all of them"


@ONE_BASE
def test_flask_web(packed: Packed, load: Load, serve: Serve, build_base: str) -> None:
    settings = {"ENV": "production", "MESSAGE": "Good morning"}
    image = load(packed("flask-web", build_base))
    with serve(image, environment=settings) as rock:
        page = rock.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "<h1>Good morning</h1>" in page.text
        assert "this is production" in page.text
        assert re.search(r"You come from (\d+\.){3}\d+,", page.text)
        assert rock.get("/status").text.strip() == '{"status":"ok"}'
        style = rock.get("/static/style.css")
        assert style.status == 200
        assert style.headers["content-type"].startswith("text/css")
        assert style.text == (EXAMPLES / "flask-web/static/style.css").read_text()
        assert rock.stop() == 0
    with serve(image) as rock:
        assert "<h1>Hello</h1>" in rock.get("/").text


def test_fastapi_hello(packed: Packed, load: Load, serve: Serve, build_base: str) -> None:
    with serve(load(packed("fastapi-hello", build_base))) as rock:
        assert rock.get("/").text == '{"message":"Hello, world!"}'
        assert rock.get("/nowhere").status == 404
        metrics = rock.metrics(
            **{
                'http_requests_total{status="200"}': 1 + SERVE,
                'http_requests_total{status="404"}': 1,
            }
        )
        assert any(name.startswith("http_request_duration_seconds_bucket") for name in metrics)
        assert "http://0.0.0.0:8000" in rock.logs()
        assert rock.stop() == 0


def test_fastapi_package(packed: Packed, load: Load, serve: Serve, build_base: str) -> None:
    with serve(load(packed("fastapi-package", build_base))) as rock:
        assert "<h1>Things</h1>" in rock.get("/").text
        assert rock.get("/items/2").text == '{"name":"a rock"}'
        assert rock.get("/items/9").status == 404
        style = rock.get("/static/style.css")
        assert style.headers["content-type"].startswith("text/css")
        assert rock.stop() == 0


def test_pack_load(rockery: Rockery, engine: docker.DockerClient, tmp_path: Path) -> None:
    """``pack --load`` names the image for what the project says it is."""
    said = rockery("-C", EXAMPLES / "flask-hello", "pack", "--load", "--output", tmp_path).stdout
    assert Path(said.strip()) == tmp_path / "flask-hello_0.1_amd64.rock"
    image = engine.images.get("flask-hello:0.1")
    assert image.attrs["Config"]["Entrypoint"][0] == "/usr/bin/pebble"


def test_packing_twice_gives_the_same_bytes(rockery: Rockery, tmp_path: Path) -> None:
    rocks = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        said = rockery("-C", EXAMPLES / "flask-web", "pack", "--output", tmp_path / name).stdout
        rocks.append(Path(said.strip()).read_bytes())
    assert rocks[0] == rocks[1]
