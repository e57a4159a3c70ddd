"""The long runs of what production asks for, with figures for docs/soak.md.

``scripts/test --soak tests/integration/test_soak.py -s`` prints a line for each.
"""

from __future__ import annotations

import inspect
import math
import os
import re
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import docker
import pytest
import test_examples
import test_own_extension
from served import Load, Packed, Serve, Served
from server.clients import Clients
from server.conftest import free_port, until
from surroundings import tool
from test_production import (
    FRAMEWORKS,
    USERS,
    WORKERS,
    Given,
    Image,
    _packed_projects,
    address,
    hardened,
    image,
    without_tmp,
    workers_given,
)

__all__ = ["_packed_projects", "image", "without_tmp"]  # fixtures

pytestmark = [pytest.mark.engine, pytest.mark.network, pytest.mark.soak]

REQUESTS = 100_000
WHILE_DOWN = 5_000
STOPS = 25
RECYCLED = 20_000
#: By whether the proxy was told first.
REPLACEMENTS = {True: 20, False: 10}
IN_LITTLE_MEMORY = 10_000


KILL_EXPORTER = """
import os, signal
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        continue
    if program.endswith("/statsd_exporter"):
        os.kill(int(pid), signal.SIGKILL)
"""


def said(line: str) -> None:
    print(f"\nsoak: {line}", flush=True)


def counted(rock: Served) -> float:
    """Return how many answers port 9102 shows."""
    return sum(
        value
        for name, value in rock.metrics().items()
        if name.startswith(("flask_response_code{", "http_requests_total{"))
    )


def comes_to(rock: Served, number: float, before: float = 0) -> None:
    until(lambda: counted(rock) - before >= number, f"{number} answers are counted", seconds=15)
    time.sleep(0.6)
    assert counted(rock) - before == number


def ask(rock: Served, number: int, keep: bool) -> int:
    """Make so many requests by ApacheBench; return how many were answered."""
    command = [tool("ab", "apache2-utils"), "-q", "-l", "-c", "8", "-n", str(number), "-s", "60"]
    command += ["-k"] if keep else []
    done = subprocess.run(
        [*command, f"http://{address(rock)}:8000/"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    figures = dict(re.findall(r"^(\S+) (?:requests|responses): +(\d+)$", done.stdout, re.MULTILINE))
    assert int(figures["Complete"]) == number
    assert "Non-2xx" not in figures
    return number - int(figures["Failed"])


def ask_patiently(rock: Served, number: int, keep: bool) -> int:
    """Make so many requests, some of which find a worker that leaves; return the answered."""
    with Clients(address(rock), 8000, number=8, keep=keep, total=number) as clients:
        clients.finish(600)
    assert clients.answered + clients.seen["lost"] + clients.seen["refused"] >= number
    return clients.answered


@pytest.mark.parametrize("recycled", [False, True], ids=["plain", "recycled"])
@pytest.mark.parametrize("kind", WORKERS)
def test_each_answer_is_counted(kind: str, recycled: bool, image: Image, serve: Serve) -> None:
    framework, arguments = WORKERS[kind]
    environment = {"GUNICORN_CMD_ARGS": "--max-requests=2000"} if recycled else {}
    with serve(image(framework), *arguments, environment=environment) as rock:
        began = time.monotonic()
        number = RECYCLED if recycled else REQUESTS
        answered = (ask_patiently if recycled else ask)(rock, number, keep=kind != "sync")
        seconds = time.monotonic() - began
        comes_to(rock, answered + 1)  # one asked whether the rock was ready
        name = f"{kind}{', recycled after 2,000' if recycled else ''}"
        said(f"{name}: {number} requests, {answered} answered and counted, {seconds:.0f} s")
        if recycled:
            return

        before = counted(rock)
        assert rock.container.exec_run(["/usr/bin/python3", "-c", KILL_EXPORTER]).exit_code == 0
        answered = ask(rock, WHILE_DOWN, keep=kind != "sync")
        # A new exporter counts from 0.
        comes_to(rock, answered)
        said(f"{kind}: exporter killed at {before:.0f}; of {answered} then, {answered} counted")


@pytest.mark.parametrize("keep", [False, True], ids=["once", "kept"])
@pytest.mark.parametrize("kind", WORKERS)
def test_stops_under_load_lose_nothing(kind: str, keep: bool, image: Image, serve: Serve) -> None:
    framework, arguments = WORKERS[kind]
    seen: Counter[str] = Counter()
    for _ in range(STOPS // 2 + (STOPS % 2 and keep)):
        with serve(image(framework), *arguments) as rock:
            with Clients(address(rock), 8000, keep=keep) as clients:
                until(lambda: clients.answered > 100, "100 are answered")
                assert rock.stop() == 0
                clients.give_up()
            seen += clients.seen
            assert not clients.seen["lost"], clients.problems
    said(f"{kind}, {'kept' if keep else 'one request per'} connection: stops under load, {seen}")


@pytest.mark.parametrize("kind", WORKERS)
def test_a_request_of_25_s_survives_a_stop(kind: str, image: Image, serve: Serve) -> None:
    framework, arguments = WORKERS[kind]
    with serve(image(framework), *arguments) as rock, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(rock.get, "/slow?s=25")
        time.sleep(0.5)
        assert rock.stop() == 0
        assert answer.result().text == "slow"
    said(f"{kind}: a request of 25 s survived a stop")


HAPROXY = """
global
  stats socket {folder}/socket level admin
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  option redispatch
  retries 3
  retry-on conn-failure empty-response response-timeout
frontend front
  bind 127.0.0.1:{port}
  default_backend rock
backend rock
  http-request disable-l7-retry if METH_POST
  server one 127.0.0.1:1 disabled
  server two 127.0.0.1:1 disabled
"""


class Proxy:
    """A running HAProxy with two servers behind it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._socket = folder / "socket"
        (folder / "haproxy.cfg").write_text(HAPROXY.format(folder=folder, port=self.port))
        self.process = subprocess.Popen([tool("haproxy"), "-db", "-f", folder / "haproxy.cfg"])
        until(self._socket.exists, "HAProxy listens", seconds=10)

    def command(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self._socket))
            client.sendall(f"{line}\n".encode())
            return client.recv(65536).decode()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    running = Proxy(tmp_path)
    yield running
    running.process.terminate()
    running.process.wait()


@pytest.mark.parametrize("drained", [True, False], ids=["drained", "stopped"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_replacements_behind_haproxy(
    framework: str, drained: bool, image: Image, serve: Serve, proxy: Proxy
) -> None:
    """With ``drained`` the proxy is told first, else it has to find out."""
    with ExitStack() as stack:
        running: dict[str, tuple[Served, ExitStack]] = {}

        def start(slot: str) -> None:
            own = stack.enter_context(ExitStack())
            rock = own.enter_context(serve(image(framework)))
            running[slot] = rock, own
            proxy.command(f"set server rock/{slot} addr {address(rock)} port 8000")
            proxy.command(f"set server rock/{slot} state ready")

        start("one")
        with Clients("127.0.0.1", proxy.port, number=8, keep=True) as clients:
            for number in range(REPLACEMENTS[drained]):
                old, new = ("one", "two") if number % 2 == 0 else ("two", "one")
                before = clients.answered
                until(lambda before=before: clients.answered > before + 100, "it goes on")
                start(new)
                if drained:
                    proxy.command(f"set server rock/{old} state drain")
                    time.sleep(0.2)
                rock, own = running.pop(old)
                assert rock.stop() == 0
                proxy.command(f"set server rock/{old} state maint")
                own.close()
    how = "told first" if drained else "not told"
    said(f"{framework}: {REPLACEMENTS[drained]} replacements behind HAProxy, {how}: {clients.seen}")
    assert set(clients.seen) == {"answered 200"}, clients


@pytest.mark.parametrize(
    ("example", "memory"),
    [("flask-hello", 64), ("flask-hello", 96), ("fastapi-hello", 64), ("fastapi-hello", 96)],
)
def test_little_memory_is_enough(
    example: str, memory: int, packed: Packed, load: Load, serve: Serve
) -> None:
    limits = {"mem_limit": f"{memory}m", "memswap_limit": f"{memory}m"}
    with serve(load(packed(example)), **limits) as rock:
        assert "Using 1 workers: " in rock.logs()
        answered = ask(rock, IN_LITTLE_MEMORY, keep=example == "fastapi-hello")
        assert answered == IN_LITTLE_MEMORY
        rock.container.reload()
        assert not rock.container.attrs["State"]["OOMKilled"]
        assert "SIGKILL" not in rock.logs()
    said(f"{example} with {memory} MB: {answered} requests answered, no kill")


CPUS: dict[float | None, float] = {0.5: 0.5, 1: 1, 2: 2, None: len(os.sched_getaffinity(0))}
MEMORY = [None, 64, 96, 256]


@pytest.mark.parametrize("kind", WORKERS)
def test_workers_under_each_limit(kind: str, image: Image, serve: Serve) -> None:
    expected: dict[Given, int] = {}
    for cpus, usable in CPUS.items():
        by_cpu = math.ceil(min(usable, CPUS[None])) + (kind == "sync")
        for memory in MEMORY:
            by_memory = (memory - 62) // (55 if kind == "uvicorn" else 40) if memory else by_cpu
            expected[cpus, memory] = max(1, min(by_cpu, by_memory))
    assert workers_given(kind, expected, image, serve) == expected
    said(f"{kind}: workers by CPUs and MB, {expected}")


FAILURES = {
    "cannot be imported": ({"environment": {"BREAK": "import"}}, "ImportError: no module, on"),
    "exits when it is imported": ({"environment": {"BREAK": "exit"}}, "no settings, on purpose"),
    "killed for memory": (
        {"environment": {"BREAK": "memory"}, "mem_limit": "160m", "memswap_limit": "160m"},
        "3 workers died within 30 s and no request was answered between their deaths",
    ),
    "a bad variable": (
        {"environment": {"WEB_CONCURRENCY": "many"}},
        "cannot use WEB_CONCURRENCY: 'many' is not a whole number above 0",
    ),
    "a port in use": ({}, "Connection in use: ('0.0.0.0', 8000)"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_failure_is_said_and_ends_it(
    framework: str, failure: str, image: Image, serve: Serve, engine: docker.DockerClient
) -> None:
    options, message = FAILURES[failure]
    with ExitStack() as stack:
        if failure == "a port in use":
            holding = stack.enter_context(serve(image(framework))).container
            options = {"network_mode": f"container:{holding.id}"}
        container = engine.containers.run(image(framework), detach=True, **options)
        stack.callback(container.remove, force=True)
        assert container.wait(timeout=120)["StatusCode"] == 10
        assert message in container.logs().decode()
        container.reload()
        began, ended = (container.attrs["State"][name] for name in ("StartedAt", "FinishedAt"))
        seconds = (moment(ended) - moment(began)).total_seconds()
    said(f"{framework}, {failure}: status 10 after {seconds:.1f} s")
    assert seconds < 30


def moment(text: str) -> datetime:
    """Read a time as the engine writes it, in nanoseconds."""
    return datetime.fromisoformat(text.partition(".")[0].rstrip("Z"))


TOURS = [
    test_examples.test_flask_hello,
    test_examples.test_flask_async,
    test_examples.test_flask_web,
    test_examples.test_fastapi_hello,
    test_examples.test_fastapi_package,
    test_own_extension.test_litestar,
]


@pytest.mark.parametrize("has_tmp", [True, False], ids=["tmp", "no-tmp"])
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("tour", TOURS, ids=[tour.__name__ for tour in TOURS])
def test_every_tour_hardened(
    tour: Callable[..., None],
    user: str,
    has_tmp: bool,
    packed: Packed,
    load: Load,
    serve: Serve,
    without_tmp: Callable[[str], str],
) -> None:
    given: dict[str, Any] = {
        "packed": packed,
        "load": load if has_tmp else lambda rock: without_tmp(load(rock)),
        "serve": lambda image, *arguments, **options: serve(
            image, *arguments, **hardened(user), **options
        ),
        "build_base": "debian@12",
    }
    tour(**{name: given[name] for name in inspect.signature(tour).parameters})
    said(f"{tour.__name__}, user {user}, {'with' if has_tmp else 'without'} /tmp: passed")
