"""Which server a rock starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from rock_server.environment import BadVariableError
from rock_server.servers import Server, choose

FASTAPI = {"ROCK_SERVER_FASTAPI": "'main:make(1)' -k uvicorn --pythonpath /fastapi/app/src"}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "default"
    file.write_text("flask -k sync\n")
    return file


def test_nothing_chooses(own: Path) -> None:
    assert choose(FASTAPI, own) == Server(
        "flask", worker="sync", own="flask", all=("flask", "fastapi")
    )


@pytest.mark.parametrize("variable", ["SERVER_TYPE", "FLASK_SERVER_TYPE", "APP_SERVER_TYPE"])
def test_the_other_one(own: Path, variable: str) -> None:
    server = choose({**FASTAPI, variable: " FastAPI "}, own)
    assert (server.name, server.app, server.worker) == ("fastapi", "main:make(1)", "uvicorn")
    assert server.pythonpath == "/fastapi/app/src"
    assert server.chosen_by == f"{variable}=FastAPI"
    assert (server.own, server.is_own) == ("flask", False)


def test_a_variable_of_the_organisation(own: Path) -> None:
    environ = {**FASTAPI, "DRUM_SERVER_TYPE": "fastapi"}
    assert choose(environ, own).name == "flask"
    assert choose({**environ, "ROCK_CHOOSE_SERVER_BY": "DRUM_SERVER_TYPE"}, own).name == "fastapi"


def test_an_unknown_one_is_refused(own: Path) -> None:
    with pytest.raises(BadVariableError, match=r"SERVER_TYPE: 'django' .* flask and fastapi"):
        choose({**FASTAPI, "SERVER_TYPE": "django"}, own)


def test_two_variables_that_agree_and_two_that_do_not(own: Path) -> None:
    environ = {**FASTAPI, "SERVER_TYPE": "flask", "APP_SERVER_TYPE": "Flask"}
    assert choose(environ, own).name == "flask"
    with pytest.raises(BadVariableError, match="APP_SERVER_TYPE: it says 'fastapi'"):
        choose({**environ, "APP_SERVER_TYPE": "fastapi"}, own)


def test_arguments_that_cannot_be_read_are_refused(own: Path) -> None:
    with pytest.raises(BadVariableError, match="ROCK_SERVER_FASTAPI"):
        choose({"ROCK_SERVER_FASTAPI": "'main:app"}, own)


def test_with_one_server_the_variable_may_be_the_apps_own(own: Path) -> None:
    server = choose({"SERVER_TYPE": "production"}, own)
    assert (server.name, server.is_own, server.worker_for("uvicorn")) == ("flask", True, "uvicorn")
    assert server.chosen_by == "SERVER_TYPE=production"


def test_outside_of_a_rock(tmp_path: Path) -> None:
    assert choose({}, tmp_path / "none").all == ("",)


@pytest.mark.parametrize(
    ("choice", "named", "worker"),
    [
        ("flask", "sync", "sync"),
        ("flask", "gevent", "gevent"),
        ("flask", "uvicorn", "sync"),
        ("flask", "asgi", "sync"),
        ("fastapi", "uvicorn", "uvicorn"),
        ("fastapi", "uvicorn_worker.UvicornWorker", "uvicorn_worker.UvicornWorker"),
        ("fastapi", "sync", "uvicorn"),
        ("fastapi", "gevent", "uvicorn"),
    ],
)
def test_the_worker_fits_the_server(own: Path, choice: str, named: str, worker: str) -> None:
    assert choose({**FASTAPI, "SERVER_TYPE": choice}, own).worker_for(named) == worker
