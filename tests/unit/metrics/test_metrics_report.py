"""Delivery by UDP and by unix sockets, with a server that comes and goes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from rock_metrics.handover import Handover
from rock_metrics.report import DATAGRAMS, Reporter


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(2)
        yield listening


def received(server: socket.socket) -> list[str]:
    lines: list[str] = []
    server.settimeout(0.1)
    while True:
        try:
            lines += server.recv(65535).decode().split("\n")
        except TimeoutError:
            return lines


def requests(lines: list[str]) -> int:
    return sum(int(line.split(":")[1].split("|")[0]) for line in lines if ".requests:" in line)


def test_a_request_is_counted_four_ways(server: socket.socket) -> None:
    reporter = Reporter(server.getsockname())
    reporter.request((404, 0.002))
    reporter.flush()
    assert received(server) == [
        "gunicorn.request.status.404:1|c",
        "gunicorn.requests:1|c",
        "gunicorn.request.duration:2|ms",
        "gunicorn.request.histogram:2|ms",
    ]


def test_nothing_is_lost_while_nobody_listens() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    reporter = Reporter(address)
    # A dead port refuses only every second send; all 50 must stay.
    for _ in range(50):
        reporter.request((200, 0.001))
        reporter.flush()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(address)
        reporter.flush()
        assert requests(received(server)) == 50


def test_one_delivery_is_bounded(server: socket.socket) -> None:
    reporter = Reporter(server.getsockname())
    for number in range(9_000):
        reporter.observe("ms", "t", 10 ** (number / 1_000))
    reporter.flush()
    server.settimeout(0.1)
    count = 0
    while True:
        try:
            server.recv(65535)
        except TimeoutError:
            break
        count += 1
    assert count == DATAGRAMS


def test_threads_lose_nothing(server: socket.socket) -> None:
    reporter = Reporter(server.getsockname())

    def work() -> None:
        for _ in range(5_000):
            reporter.request((200, 0.001))

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        reporter.flush()
    reporter.flush()
    assert requests(received(server)) == 20_000


def test_a_forked_process_does_not_deliver_its_copy(server: socket.socket) -> None:
    reporter = Reporter(server.getsockname())
    reporter.count("gunicorn.requests")
    child = os.fork()
    if not child:
        reporter.flush()
        os._exit(0)
    os.waitpid(child, 0)
    assert received(server) == []
    reporter.flush()
    assert requests(received(server)) == 1


def test_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    reporter = Reporter(path)
    reporter.count("gunicorn.requests")
    reporter.flush()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        reporter.flush()
        assert requests(received(server)) == 1
    Path(path).unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(path)
        reporter.count("gunicorn.requests", 2)
        reporter.flush()
        reporter.flush()
        assert requests(received(server)) == 2


def test_an_address_that_cannot_be_resolved_is_tried_again() -> None:
    reporter = Reporter(("name.invalid", 9125))
    reporter.count("a")
    reporter.flush()
    assert len(reporter._aggregate) == 1


def test_what_a_worker_leaves_is_delivered_by_its_master(server: socket.socket) -> None:
    handover = Handover()
    child = os.fork()
    if not child:
        worker = Reporter(("127.0.0.1", 1))  # nobody listens there
        worker.start(handover)
        for status in (200, 200, 503):
            worker.request((status, 0.007))
        worker._close()
        os._exit(0)
    os.waitpid(child, 0)
    master = Reporter(server.getsockname())
    master.request((200, 0.003))
    master.absorb(handover.take())
    master.flush()
    lines = received(server)
    assert requests(lines) == 4
    assert "gunicorn.request.status.503:1|c" in lines
    (observed,) = [line for line in lines if line.startswith("gunicorn.request.histogram:")]
    assert observed.split(":")[1:] == ["3|ms", "7|ms|@0.307692307692"]
    assert handover.take() == []


def test_a_worker_that_was_killed_leaves_nothing() -> None:
    assert Handover().take() == []
