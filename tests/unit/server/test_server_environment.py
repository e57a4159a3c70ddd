"""What a rock's environment says about serving."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from rock_server.environment import (
    UNCHOSEN,
    BadVariableError,
    access_log_format,
    defaults,
    ready_path,
)
from rock_server.launcher import temporary_folder

FASTAPI = Path(__file__).parents[3] / "extensions/fastapi-framework/files/fastapi/gunicorn.conf.py"


def test_defaults() -> None:
    chosen = defaults({})
    assert chosen["bind"] == "0.0.0.0:8000"
    assert chosen["workers"] == UNCHOSEN
    assert chosen["control_socket_disable"] is True
    assert "accesslog" not in chosen


def test_variables() -> None:
    chosen = defaults({"PORT": "5000", "WEB_CONCURRENCY": " 7 ", "ROCK_ACCESS_LOG": "text"})
    assert (chosen["bind"], chosen["workers"], chosen["accesslog"]) == ("0.0.0.0:5000", 7, "-")


def test_empty_is_unset() -> None:
    assert defaults({"PORT": "", "WEB_CONCURRENCY": "", "ROCK_ACCESS_LOG": ""}) == defaults({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_CONCURRENCY", "many"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "-1"),
        ("WEB_CONCURRENCY", "1.5"),
        ("WEB_CONCURRENCY", "\N{SUPERSCRIPT TWO}"),
        ("PORT", "70000"),
        ("ROCK_STATSD_PORT", "70000"),
        ("ROCK_ACCESS_LOG", "yes"),
        ("ROCK_READY_PATH", "health"),
        ("ROCK_CHECKS_FROM", "10.0.0.1/8"),
        ("ROCK_CHECKS_FROM", "haproxy"),
    ],
)
def test_a_bad_value_is_named(name: str, value: str) -> None:
    with pytest.raises(BadVariableError, match=re.escape(f"cannot use {name}: {value!r} is ")):
        defaults({name: value})


def test_access_log_format() -> None:
    assert access_log_format({"ROCK_ACCESS_LOG": "JSON"}) == "json"


@pytest.mark.parametrize(
    ("environ", "bind", "level"),
    [
        ({}, "0.0.0.0:8000", "info"),
        ({"UVICORN_HOST": "", "UVICORN_PORT": "", "UVICORN_LOG_LEVEL": ""}, "0.0.0.0:8000", "info"),
        ({"UVICORN_HOST": "127.0.0.1", "UVICORN_PORT": "9000"}, "127.0.0.1:9000", "info"),
        ({"UVICORN_HOST": "::", "UVICORN_LOG_LEVEL": "TRACE"}, "[::]:8000", "debug"),
        ({"UVICORN_LOG_LEVEL": "warning"}, "0.0.0.0:8000", "warning"),
    ],
)
def test_fastapi_configuration_honours_uvicorn_variables(
    environ: dict[str, str], bind: str, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UVICORN_HOST", "UVICORN_PORT", "UVICORN_LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings = runpy.run_path(str(FASTAPI))
    assert (settings["bind"], settings["loglevel"]) == ([bind], level)


def test_ready_path() -> None:
    assert ready_path({}) == ready_path({"ROCK_READY_PATH": " "}) == "/"
    assert ready_path({"ROCK_READY_PATH": "/health?full=1"}) == "/health?full=1"


def test_temporary_files_go_to_memory_where_nothing_else_is_writable(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert temporary_folder({}, usual=str(tmp_path)) is None
    assert temporary_folder({}, usual=missing) == "/dev/shm"
    assert temporary_folder({"TMPDIR": "/own"}, usual=missing) is None
