"""One rock with Flask and FastAPI: which one serves is chosen when it starts."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import docker
import pytest
from served import Load, Serve, Served
from surroundings import Rockery

pytestmark = [pytest.mark.engine, pytest.mark.network]

PROJECT = Path(__file__).parent / "two-servers"

#: Requests that ``serve`` makes before it hands over.
SERVE = 1


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, which tests copy again before they change it."""
    return shutil.copytree(PROJECT, tmp_path_factory.mktemp("two") / "two-servers")


@pytest.fixture(scope="module")
def rock(rockery: Rockery, project: Path) -> Path:
    said = rockery("-C", project, "pack", "--output", project.parent).stdout
    return Path(said.strip())


@pytest.fixture
def image(load: Load, rock: Path) -> str:
    return load(rock)


def logged(rock: Served, text: str) -> bool:
    """Tell whether the log has a text, now or in a while."""
    deadline = time.monotonic() + 20
    while text not in rock.logs() and time.monotonic() < deadline:
        time.sleep(0.1)
    return text in rock.logs()


def changed(project: Path, to: Path, old: str, new: str) -> Path:
    """Return a copy of the project with another ``rockcraft.yaml``."""
    shutil.copytree(project, to)
    file = to / "rockcraft.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return to


def test_the_one_listed_first_is_the_default(image: str, serve: Serve) -> None:
    with serve(image) as rock:
        assert rock.get("/").text == "flask from /flask/app, hook: custom_flask"
        rock.metrics(**{'flask_response_code{status="200"}': 1 + SERVE})
        assert logged(rock, "Found /flask/app/custom_flask.py")
        assert logged(rock, "Loaded custom_flask.py")
        assert "custom_fastapi" not in rock.logs()
        assert "Using worker: gevent" in rock.logs()
        # One copy of the files, at both places.
        seen = "import os; print(*(os.path.realpath(f'{d}/app') for d in ('/flask', '/fastapi')))"
        output = rock.container.exec_run(["python3", "-c", seen]).output.decode()
        assert output.split() == ["/flask/app", "/flask/app"]
        assert rock.stop() == 0


def test_the_other_one_whatever_worker_is_named(image: str, serve: Serve) -> None:
    variables = {"SERVER_TYPE": "fastapi"}
    arguments = ["--args", "flask", "gevent", "--workers", "1"]
    with serve(image, *arguments, environment=variables) as rock:
        assert rock.get("/").text == "fastapi from /flask/app, hook: custom_fastapi"
        rock.metrics(**{'http_requests_total{status="200"}': 1 + SERVE})
        assert logged(rock, "Serving with fastapi: SERVER_TYPE=fastapi; the service is still")
        assert logged(rock, "Using uvicorn workers: gevent ones can't serve with fastapi")
        assert logged(rock, "Using 1 workers")
        assert "custom_flask" not in rock.logs()

        line = "/usr/bin/rock-gunicorn -c /flask/gunicorn.conf.py app:none --check-config"
        checked = rock.container.exec_run(line)
        assert checked.exit_code == 0, checked.output

        before = rock.logs().count("Loaded custom_fastapi.py")
        rock.container.exec_run(["pebble", "signal", "HUP", "flask"])
        deadline = time.monotonic() + 20
        while rock.logs().count("Loaded custom_fastapi.py") == before:
            assert time.monotonic() < deadline, "the workers were not replaced"
            time.sleep(0.1)
        assert rock.get("/").text.startswith("fastapi")
        assert rock.stop() == 0


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        (
            {"OUR_SERVER": "django"},
            "cannot use OUR_SERVER: 'django' is no server of this rock",
        ),
        (
            {"LICENCE": "expired"},
            "init_app(app) of custom_flask.py raised ValueError: the licence has expired",
        ),
    ],
    ids=["an unknown server", "a hook that raises"],
)
def test_what_cannot_start_says_why(
    engine: docker.DockerClient, image: str, variables: dict[str, str], reason: str
) -> None:
    container = engine.containers.run(image, detach=True, environment=variables)
    try:
        assert container.wait(timeout=60)["StatusCode"] != 0
        assert reason in container.logs().decode()
    finally:
        container.remove(force=True, v=True)


def test_without_the_extension_nothing_of_flask_is_left(
    rockery: Rockery, project: Path, tmp_path: Path
) -> None:
    alone = changed(project, tmp_path / "alone", "  - flask-framework\n", "")
    said = rockery("-C", alone, "pack", "--output", tmp_path)
    packages = rockery("inspect", "--json", said.stdout.strip()).stdout.lower()
    assert "fastapi" in packages
    assert "werkzeug" not in packages
    assert "gevent" not in packages
    assert "still in the rock" not in said.stderr

    # Another package brings it: pack and check say which.
    (alone / "requirements-fastapi.txt").write_text("fastapi\nflask-cors\n")
    brought = (
        "flask is still in the rock, and flask-framework is not declared: flask-cors brings it"
    )
    assert brought in rockery("-C", alone, "pack", "--output", tmp_path).stderr
    assert f"requirements-fastapi.txt:2: {brought}" in rockery("-C", alone, "check").stderr
    findings = json.loads(rockery("-C", alone, "check", "--json").stdout)["findings"]
    left = [each["message"].split()[0] for each in findings if each["code"] == "left-behind"]
    assert left == ["flask", "werkzeug"]


def test_swapped_it_is_the_other_way_round(rockery: Rockery, project: Path, tmp_path: Path) -> None:
    lines = "  - flask-framework\n", "  - fastapi-framework\n"
    swapped = changed(project, tmp_path / "swapped", "".join(lines), "".join(reversed(lines)))
    plan = rockery("-C", swapped, "check").stderr
    assert "the web service is 'fastapi'" in plan
    assert "SERVER_TYPE=flask serves with flask instead" in plan
