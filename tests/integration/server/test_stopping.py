"""Stops, reloads and deaths of the real launcher, with clients that account for each request."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .clients import Clients
from .conftest import Exporter, Server, until

pytestmark = pytest.mark.network

OLDEST, NEWEST = "20.1.0", "27.0.1"
WORKERS = ["sync", "gevent", "gthread", "uvicorn"]

Serve = Callable[..., Server]
Start = Callable[[str], Exporter]


@pytest.mark.parametrize("keep", [False, True], ids=["once", "kept"])
@pytest.mark.parametrize("worker", WORKERS)
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_a_stop_under_load_loses_nothing(
    version: str, worker: str, keep: bool, serve: Serve
) -> None:
    server = serve(version, worker, "--workers=2")
    with Clients("127.0.0.1", server.port, keep=keep) as clients:
        until(lambda: clients.answered > 200, "200 are answered")
        began = time.monotonic()
        assert server.stop() == 0
        took = time.monotonic() - began
    assert clients.seen["lost"] == 0, clients.problems
    assert set(clients.seen) <= {"answered 200", "refused"}
    assert took < 10, "who idles is not waited for"
    assert "Traceback" not in server.log


@pytest.mark.parametrize("worker", WORKERS)
def test_a_signal_to_the_whole_group_is_no_other(worker: str, serve: Serve) -> None:
    # Pebble sends it so.
    server = serve(NEWEST, worker, "--workers=2")
    with Clients("127.0.0.1", server.port, path="/slow?s=0.2") as clients:
        until(lambda: clients.answered > 4, "some are answered")
        os.killpg(server.process.pid, signal.SIGTERM)
        assert server.process.wait(timeout=40) == 0
    assert clients.seen["lost"] == 0, clients.problems


@pytest.mark.parametrize("worker", WORKERS)
def test_who_comes_while_a_long_request_ends_is_refused(worker: str, serve: Serve) -> None:
    server = serve(NEWEST, worker, "--workers=1")
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(server.get, "/slow?s=4")
        time.sleep(0.5)
        stop = pool.submit(server.stop)
        time.sleep(1)
        began = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            server.get()
        assert time.monotonic() - began < 0.5
        assert answer.result() == 200
        assert stop.result() == 0


@pytest.mark.parametrize("keep", [False, True], ids=["once", "kept"])
@pytest.mark.parametrize("worker", WORKERS)
def test_a_reload_under_load_loses_nothing(worker: str, keep: bool, serve: Serve) -> None:
    server = serve(NEWEST, worker, "--workers=2")
    with Clients("127.0.0.1", server.port, keep=keep) as clients:
        until(lambda: clients.answered > 100, "100 are answered")
        old = re.findall(r"Booting worker with pid: (\d+)", server.log)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: not any(map(is_there, old)), "the old workers are gone")
        before = clients.answered
        until(lambda: clients.answered > before + 100, "the new ones answer")
    assert clients.seen["lost"] == 0, clients.problems
    assert clients.seen["refused"] == 0


def is_there(pid: str) -> bool:
    return Path("/proc", pid).exists()


def test_a_second_stop_does_not_wait(serve: Serve) -> None:
    server = serve(NEWEST, "sync", "--workers=1")
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(server.get, "/slow?s=20")
        time.sleep(0.5)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert server.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 10
        request.exception()


def write_app(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "dying.py").write_text(
        "import os, signal, sys\n"
        "def app(environ, start_response):\n"
        "    if environ['PATH_INFO'] == '/die': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        f"    return [b'']\n{text}\n"
    )
    return folder


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL, as the kernel does"),
        ("sys.exit('no DATABASE_URL')", "ended with exit status 1"),
    ],
    ids=["killed", "exits"],
)
@pytest.mark.parametrize("version", [OLDEST, "23.0.0", NEWEST])
def test_workers_that_die_while_they_boot_end_it(
    version: str, text: str, how: str, start: Callable[..., Server], tmp_path: Path
) -> None:
    folder = write_app(tmp_path / "app", text)
    server = start(version, "sync", "--workers=2", f"--chdir={folder}", app="dying:app")
    assert server.process.wait(timeout=30) != 0
    (reason,) = re.findall("Reason: (.*)", server.log)
    assert reason.startswith("3 workers died within 30 s and no request was answered")
    assert how in reason


def test_deaths_with_answers_between_them_do_not(serve: Serve, tmp_path: Path) -> None:
    folder = write_app(tmp_path / "app", "")
    server = serve(NEWEST, "sync", "--workers=2", f"--chdir={folder}", app="dying:app")
    for _ in range(5):
        with pytest.raises(OSError, match="closed"):
            server.get("/die")
        until(lambda: server.get() == 200, "another answers")
    assert server.process.poll() is None
    with pytest.raises(OSError, match="closed"):
        server.get("/die")
    assert server.stop() == 0


@pytest.mark.parametrize("worker", ["sync", "uvicorn"])
def test_a_worker_that_ends_while_the_exporter_is_down_hands_over(
    worker: str, serve: Serve, exporter: Start
) -> None:
    metrics = exporter("fastapi" if worker == "uvicorn" else "flask")
    server = serve(NEWEST, worker, "--workers=1", exporter=metrics)
    metrics.kill()
    for _ in range(40):
        assert server.get() == 200
    server.process.send_signal(signal.SIGHUP)
    until(lambda: server.log.count("Worker exiting") == 1, "the old worker is gone")
    metrics.start()
    name = 'http_requests_total{status="200"}' if worker == "uvicorn" else "flask_requests"
    until(lambda: metrics.metrics().get(name) == 40, "its master has sent what it left")
