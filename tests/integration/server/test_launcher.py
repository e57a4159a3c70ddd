"""The launcher with real Gunicorns: what it counts, logs, chooses and refuses."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from .conftest import Exporter, Server, environment, until

pytestmark = pytest.mark.network

OLDEST, NEWEST = "20.1.0", "27.0.1"
VERSIONS = [OLDEST, "23.0.0", NEWEST]
WORKERS = ["sync", "gevent", "gthread", "uvicorn"]

Serve = Callable[..., Server]
Start = Callable[[str], Exporter]
Command = Callable[..., list[str]]


def framework(worker: str) -> str:
    return "fastapi" if worker == "uvicorn" else "flask"


def statuses(metrics: dict[str, float]) -> dict[str, float]:
    """Return the numbers of answers by status, under either framework's name."""
    return {
        name.split('"')[1]: value
        for name, value in metrics.items()
        if name.startswith(("flask_response_code{", "http_requests_total{"))
    }


def observed(metrics: dict[str, float]) -> float:
    flask = metrics.get("flask_request_duration_count", 0)
    return flask or metrics.get("http_request_duration_seconds_count", 0)


def load(server: Server, number: int) -> int:
    """Send requests from four clients; return how many were answered."""

    def one(_: int) -> int:
        try:
            return int(server.get() == 200)
        except (OSError, HTTPException):
            return 0

    with ThreadPoolExecutor(4) as clients:
        return sum(clients.map(one, range(number)))


@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("version", VERSIONS)
def test_each_answer_is_counted_once(
    version: str, worker: str, serve: Serve, exporter: Start
) -> None:
    metrics = exporter(framework(worker))
    server = serve(version, worker, app="app:create_app()", exporter=metrics)
    for path, status in {
        "/": 200,
        "/count": 200,
        "/stream": 200,
        "/no": 404,
        "/raise": 500,
    }.items():
        assert server.get(path) == status
    for _ in range(3):
        assert server.get(headers={"X-Rock-Check": "ready"}) == 200
    # What a worker has counted within its last 250 ms is delivered when it ends.
    assert server.stop() == 0
    until(lambda: sum(statuses(metrics.metrics()).values()) == 5, f"5 are seen\n{server.log}")
    seen = metrics.metrics()
    assert statuses(seen) == {"200": 3, "404": 1, "500": 1}
    assert observed(seen) == 5
    assert seen["my_counter"] == 1
    if worker != "uvicorn":
        assert seen["flask_requests"] == 5
        assert 'flask_request_duration{quantile="0.99"}' in seen
    assert seen.get("statsd_exporter_udp_packet_drops_total", 0) == 0
    assert "GET /" not in server.log


@pytest.mark.parametrize("worker", WORKERS)
def test_counts_survive_the_exporter(worker: str, serve: Serve, exporter: Start) -> None:
    metrics = exporter(framework(worker))
    server = serve(NEWEST, worker, "--workers=2", exporter=metrics)
    assert load(server, 200) == 200
    until(lambda: statuses(metrics.metrics()) == {"200": 200}, "the first 200 are seen")
    metrics.kill()
    assert load(server, 300) == 300
    time.sleep(0.6)
    metrics.start()
    assert load(server, 100) == 100
    until(lambda: statuses(metrics.metrics()) == {"200": 400}, "the other 400 are seen")
    until(lambda: observed(metrics.metrics()) == 400, "so are their durations")
    assert "Traceback" not in server.log


@pytest.mark.parametrize("number", [300, pytest.param(1500, marks=pytest.mark.soak)])
@pytest.mark.parametrize("worker", WORKERS)
def test_recycled_workers_lose_no_count(
    worker: str, number: int, serve: Serve, exporter: Start
) -> None:
    metrics = exporter(framework(worker))
    server = serve(NEWEST, worker, "--workers=2", "--max-requests=100", exporter=metrics)
    answered = load(server, number)
    # A gevent worker looks once a second whether it is to end.
    until(lambda: server.log.count("Booting worker") > 2, "workers are recycled")
    server.stop()
    until(lambda: observed(metrics.metrics()) >= answered, "all answers are seen")
    assert statuses(metrics.metrics()) == {"200": answered}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_charm_may_overwrite_the_configuration(
    version: str, serve: Serve, exporter: Start, tmp_path: Path
) -> None:
    metrics = exporter("flask")
    configuration = tmp_path / "gunicorn.conf.py"
    configuration.write_text(
        "import json, logging\n"
        "from gunicorn.glogging import Logger\n"
        "class Formatter(logging.Formatter):\n"
        "    def format(self, record): return json.dumps({'said': record.getMessage()})\n"
        "class JsonLogger(Logger):\n"
        "    def setup(self, cfg):\n"
        "        super().setup(cfg)\n"
        "        for handler in self.error_log.handlers: handler.setFormatter(Formatter())\n"
        "errorlog = '-'\n"
        "statsd_host = 'localhost:9125'\n"
        "logger_class = JsonLogger\n"
    )
    server = serve(version, "sync", f"--config={configuration}", exporter=metrics)
    assert load(server, 12) == 12
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "Hang up" in server.log, "it reloads")
    time.sleep(1)
    assert load(server, 5) == 5
    assert server.stop() == 0
    until(lambda: statuses(metrics.metrics()) == {"200": 17}, "17 are seen, not 34")
    assert all("said" in json.loads(line) for line in server.log.splitlines())


@pytest.mark.parametrize("worker", WORKERS)
def test_a_request_that_runs_is_answered_before_the_end(worker: str, serve: Serve) -> None:
    server = serve(NEWEST, worker, "--workers=1")
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(server.get, "/slow?s=2")
        time.sleep(0.5)
        assert server.stop() == 0
        assert answer.result() == 200
    assert "Traceback" not in server.log


@pytest.mark.parametrize("worker", WORKERS)
def test_ctrl_c_ends_it(worker: str, serve: Serve) -> None:
    server = serve(NEWEST, worker)
    # Gunicorn 27's gthread worker waits for itself when it is told to quit in the moment in
    # which it hands a request to a thread.
    time.sleep(0.5)
    began = time.monotonic()
    assert server.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("worker", WORKERS)
def test_workers_end_with_their_master(worker: str, serve: Serve) -> None:
    server = serve(NEWEST, worker, "--workers=1", "--timeout=4")
    server.process.kill()
    until(lambda: not is_listening(server.port), "the port is free again")


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("worker", ["sync", "uvicorn"])
@pytest.mark.parametrize("version", VERSIONS)
def test_access_log(version: str, worker: str, serve: Serve) -> None:
    lines: dict[str, list[str]] = {}
    for form in ("text", "json"):
        server = serve(version, worker, "--workers=1", variables={"ROCK_ACCESS_LOG": form})
        server.get("/?q=1", headers={"Referer": 'a"b\\c'})
        server.get("/no")
        server.get(headers={"X-Rock-Check": "ready"})
        server.stop()
        lines[form] = [line for line in server.log.splitlines() if "127.0.0.1" in line]
        lines[form] = [line for line in lines[form] if "Listening" not in line]
    first, second = lines["text"]
    assert '"GET /?q=1 HTTP/1.1" 200 ' in first
    assert '"GET /no HTTP/1.1" 404 ' in second
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines["json"]]
    assert [(entry["target"], entry["status"]) for entry in entries] == [
        ("/?q=1", 200),
        ("/no", 404),
    ]
    assert entries[0]["referer"] == 'a"b\\c'
    assert entries[0]["size"] == 5


def run(line: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line, cwd="/", env=environment(**variables), capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("worker", ["sync", "uvicorn"])
@pytest.mark.parametrize("version", VERSIONS)
def test_check_config(version: str, worker: str, command: Command) -> None:
    assert run(command(version, worker, "--check-config")).returncode == 0
    broken = run(command(version, worker, "--check-config", app="nothing:app"))
    assert broken.returncode == 1
    assert "No module named 'nothing'" in broken.stderr


@pytest.mark.parametrize(
    ("name", "value"), [("WEB_CONCURRENCY", "x"), ("PORT", "0"), ("ROCK_ACCESS_LOG", "on")]
)
def test_a_bad_variable_is_one_line(name: str, value: str, command: Command) -> None:
    refused = run(command(NEWEST, "sync"), **{name: value})
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"rock-gunicorn: cannot use {name}: '{value}' is n")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("kind", ["gevent", "tornado"])
def test_a_worker_that_is_not_there_is_one_line(
    version: str, kind: str, command: Command, tmp_path: Path
) -> None:
    # Tornado isn't in these environments; gevent is, and is hidden.
    (tmp_path / "gevent.py").write_text("raise ImportError('hidden')\n")
    line = command(version, kind)
    refused = run([line[0], "-c", HIDDEN, str(tmp_path), *line[1:]])
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"rock-gunicorn: cannot use {kind} workers: ")
    assert refused.stderr.endswith(f"; add gunicorn[{kind}] to the requirements\n")
    assert refused.stderr.count("\n") == 1


#: Runs the script named after a folder, with that folder first on the path.
HIDDEN = """
import runpy, sys
sys.path.insert(0, sys.argv.pop(1))
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def settings(line: list[str], **variables: str) -> dict[str, str]:
    """Return what Gunicorn's ``--print-config`` says."""
    printed = run([*line, "--print-config"], **variables)
    assert printed.returncode == 0, printed.stderr
    return {
        name.strip(): value.strip()
        for name, _, value in (line.partition("=") for line in printed.stdout.splitlines())
    }


@pytest.mark.parametrize("version", ["23.0.0", NEWEST])
def test_who_is_stronger(version: str, command: Command, tmp_path: Path) -> None:
    configuration = tmp_path / "gunicorn.conf.py"
    configuration.write_text("workers = 3\n")
    plain = command(version, "sync")
    assert settings(plain, WEB_CONCURRENCY="2")["workers"] == "2"
    filed = [*plain, f"--config={configuration}"]
    assert settings(filed, WEB_CONCURRENCY="2")["workers"] == "3"
    assert settings(filed, GUNICORN_CMD_ARGS="--workers 4")["workers"] == "4"
    chosen = settings([*filed, "--workers=5"], GUNICORN_CMD_ARGS="--workers 4")
    assert chosen["workers"] == "5"
    # A user's GUNICORN_CMD_ARGS replaces no default of ours.
    assert chosen["worker_tmp_dir"] == "/dev/shm"
    assert chosen["statsd_host"] == "None"
    if version == NEWEST:
        assert chosen["control_socket_disable"] == "True"


def test_threads_make_a_threaded_worker(command: Command) -> None:
    assert settings(command(NEWEST, "sync"))["threads"] == "1"
    assert settings(command(NEWEST, "gthread"))["threads"] == "4"
    assert settings(command(NEWEST, "gthread", "--threads=2"))["threads"] == "2"


def test_the_app_does_not_see_where_the_launcher_was_started(serve: Serve, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.py").write_text(
        "import json, sys\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'']\n"
        "print('PATH', json.dumps(sys.path), flush=True)\n"
    )
    server = serve(NEWEST, "sync", "--workers=1", f"--chdir={app}")
    (line,) = [line for line in server.log.splitlines() if line.startswith("PATH ")]
    path = json.loads(line.removeprefix("PATH "))
    assert path[0] == str(app)
    assert "/" not in path
    assert not any(folder.endswith("/bin") for folder in path)


@pytest.mark.parametrize("worker", ["sync", "uvicorn"])
def test_a_check_asks_for_the_ready_path(worker: str, serve: Serve) -> None:
    check = {"X-Rock-Check": "ready"}
    for path, status in {"/no": 200, "/raise": 500, "/": 200}.items():
        server = serve(NEWEST, worker, "--workers=1", variables={"ROCK_READY_PATH": path})
        assert server.get(headers=check) == status
        assert server.get() == 200
        server.stop()


def test_uvicorn_log_config_is_honoured(serve: Serve, start: Serve, tmp_path: Path) -> None:
    configuration = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"format": '{"logger": "%(name)s", "said": "%(message)s"}'},
            "access": {
                "()": "uvicorn.logging.AccessFormatter",
                "fmt": "ACCESS %(client_addr)s %(request_line)s %(status_code)s",
            },
        },
        "handlers": {
            name: {"class": "logging.StreamHandler", "formatter": name}
            for name in ("plain", "access")
        },
        "loggers": {
            "uvicorn": {"handlers": ["plain"], "level": "INFO", "propagate": False},
            "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
        },
    }
    file = tmp_path / "log.json"
    file.write_text(json.dumps(configuration))
    variables = {"UVICORN_LOG_CONFIG": str(file)}
    server = serve(NEWEST, "uvicorn", "--workers=1", variables=variables)
    assert server.get("/?q=1") == 200
    assert server.stop() == 0
    lines = server.log.splitlines()
    (line,) = [line for line in lines if line.startswith("ACCESS ")]
    assert re.fullmatch(r"ACCESS 127.0.0.1:\d+ GET /\?q=1 HTTP/1.1 200 OK", line)
    said = [json.loads(line) for line in lines if line != line.removeprefix("{")]
    assert len(said) == len(lines) - 1
    assert {"gunicorn.error", "uvicorn.error"} == {entry["logger"] for entry in said}

    file.write_text("{")
    broken = start(NEWEST, "uvicorn", variables=variables)
    assert broken.process.wait(timeout=20) == 1
    assert "Error: cannot use UVICORN_LOG_CONFIG: " in broken.log
    assert "Traceback" not in broken.log


def test_the_number_of_workers_is_logged(serve: Serve) -> None:
    server = serve(NEWEST, "sync", "--workers=2")
    assert "Using 2 workers: as told" in server.log
    server.stop()
    server = serve(NEWEST, "gevent")
    assert re.search(r"Using [1-9]\d* workers: gevent, [\d.]+ CPUs, ", server.log)
