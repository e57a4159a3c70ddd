"""The long runs of what production asks for, with figures for docs/soak.md.

``scripts/test --soak tests/integration/test_soak.py -s`` prints a line for each.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from served import Load, Packed, Serve, Served
from server.clients import Clients
from server.conftest import free_port, until
from surroundings import tool
from test_production import FRAMEWORKS, WORKERS, Image, _packed_projects, address, image

__all__ = ["_packed_projects", "image"]  # fixtures

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
    """Make so many requests; return how many were answered."""
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
        answered = ask(rock, number, keep=kind != "sync")
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
    assert set(clients.seen) == {"answered 200"}, (clients.seen, clients.problems)


@pytest.mark.parametrize("memory", [64, 96])
@pytest.mark.parametrize("example", ["flask-hello", "fastapi-hello"])
def test_little_memory_is_enough(
    example: str, memory: int, packed: Packed, load: Load, serve: Serve
) -> None:
    limits: dict[str, Any] = {"mem_limit": f"{memory}m", "memswap_limit": f"{memory}m"}
    with serve(load(packed(example)), **limits) as rock:
        assert "Using 1 workers: " in rock.logs()
        answered = ask(rock, IN_LITTLE_MEMORY, keep=example == "fastapi-hello")
        assert answered == IN_LITTLE_MEMORY
        rock.container.reload()
        assert not rock.container.attrs["State"]["OOMKilled"]
        assert "SIGKILL" not in rock.logs()
    said(f"{example} with {memory} MB: {answered} requests answered, no kill")
