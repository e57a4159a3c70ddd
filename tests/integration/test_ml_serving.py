"""examples/ml-serving: one contract, both servers, in this process and from one rock."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from served import Load, Serve
from surroundings import EXAMPLES, Rockery

PROJECT = EXAMPLES / "ml-serving"

#: What the suite asks of a server's settings.
SETTINGS: dict[str, str] = runpy.run_path(str(PROJECT / "tests/conftest.py"))["SETTINGS"]


def pytest_says(*arguments: str, folder: Path = PROJECT, **variables: str) -> None:
    """Run the example's own tests, and fail with what they say."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables},
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        pytest.fail(done.stdout[-20_000:], pytrace=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with the model in it: it is trained here, and not committed."""
    copy = tmp_path_factory.mktemp("ml") / "ml-serving"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("__pycache__", "*.rock"))
    subprocess.run([sys.executable, "create_model.py"], cwd=copy, check=True)
    return copy


@pytest.fixture(scope="module")
def rock(rockery: Rockery, project: Path) -> Path:
    said = rockery("-C", project, "pack", "--output", project.parent).stdout
    return Path(said.strip())


def test_in_this_process() -> None:
    pytest_says("tests")


def test_what_the_flask_app_is_converted_to(rockery: Rockery, tmp_path: Path) -> None:
    """``rockery migrate --write`` is sure of all of it, and it keeps the contract as it is."""
    copy = tmp_path / "ml-serving"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("__pycache__", "*.rock"))
    (copy / "fastapi_app.py").unlink()
    rockery("-C", copy, "migrate", "--write")
    text = (copy / "fastapi_app.py").read_text()
    assert "TODO" not in text
    assert "import flask" not in text
    assert "from flask" not in text
    pytest_says("tests/test_contract.py", "-k", "fastapi", folder=copy)


@pytest.mark.engine
@pytest.mark.network
@pytest.mark.parametrize("server", ["flask", "fastapi"])
def test_from_one_rock(rock: Path, load: Load, serve: Serve, server: str) -> None:
    variables = {**SETTINGS, "SERVER_TYPE": server}
    with serve(load(rock), environment=variables, path="/health") as running:
        pytest_says("tests/test_contract.py", CONTRACT_URL=running.url(""))
        assert f"Serving with {server}: SERVER_TYPE={server}" in running.logs()
        assert "predicted user='contract'" in running.logs()


@pytest.mark.engine
@pytest.mark.network
def test_no_tests_of_packages_are_in_it(rock: Path, rockery: Rockery) -> None:
    told = json.loads(rockery("inspect", "--size", "--json", rock).stdout)
    left_out = {one["package"] for one in told["left_out"] if one["kind"] == "tests"}
    assert {"numpy", "scipy", "sklearn"} <= left_out
    assert {"numpy", "scipy", "scikit-learn"} <= {one["name"] for one in told["packages"]}


@pytest.mark.network
def test_large_packages_stay_as_they_are_when_another_one_comes(
    rock: Path, rockery: Rockery, project: Path, tmp_path: Path
) -> None:
    more = shutil.copytree(project, tmp_path / "ml-serving")
    with (more / "requirements.txt").open("a") as file:
        file.write("iniconfig\n")
    other = rockery("-C", more, "pack", "--output", tmp_path).stdout.strip()

    def layers(path: Path | str) -> dict[str, str]:
        told = json.loads(rockery("inspect", "--json", path).stdout)
        return {layer["title"]: layer["digest"] for layer in told["layers"]}

    before, now = layers(rock), layers(other)
    large = {title for title in before if title.startswith("Python package ")}
    assert {f"Python package {name}" for name in ("numpy", "scikit-learn", "scipy")} <= large
    assert {title: now[title] for title in large} == {title: before[title] for title in large}
    assert now["Python packages"] != before["Python packages"]


@pytest.mark.soak
@pytest.mark.engine
@pytest.mark.network
def test_without_flask(
    rockery: Rockery, project: Path, load: Load, serve: Serve, tmp_path: Path
) -> None:
    """One line less, and no Flask, Werkzeug or gevent is in the image."""
    alone = shutil.copytree(project, tmp_path / "ml-serving")
    file = alone / "rockcraft.yaml"
    file.write_text(file.read_text().replace("  - flask-framework\n", ""))
    said = rockery("-C", alone, "pack", "--output", tmp_path)
    assert "still in the rock" not in said.stderr
    with serve(load(Path(said.stdout.strip())), environment=SETTINGS, path="/health") as running:
        for name in ("flask", "werkzeug", "gevent"):
            tried = running.container.exec_run(["python3", "-c", f"import {name}"])
            assert b"ModuleNotFoundError" in tried.output
        pytest_says("tests/test_contract.py", CONTRACT_URL=running.url(""))
