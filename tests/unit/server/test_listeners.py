"""Listeners that take nothing new, on this machine's kernel."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest
from rock_server.listeners import drop_new, refuse_new, waiting


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with socket.socket(request.param) as listening:
        try:
            listening.bind(("127.0.0.1" if request.param == socket.AF_INET else "::1", 0))
        except OSError:
            pytest.skip("this machine has no such addresses")
        listening.listen(16)
        yield listening


def connect(listener: socket.socket) -> socket.socket:
    return socket.create_connection(listener.getsockname()[:2], timeout=0.5)


def test_what_waits_is_counted(listener: socket.socket) -> None:
    assert waiting(listener) == 0
    clients = [connect(listener) for _ in range(3)]
    assert waiting(listener) == 3
    accepted, _ = listener.accept()
    assert waiting(listener) == 2
    for one in (*clients, accepted):
        one.close()


def test_new_connections_are_refused_and_the_others_live(listener: socket.socket) -> None:
    client = connect(listener)
    assert refuse_new(listener)
    began = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        connect(listener)
    assert time.monotonic() - began < 0.2
    assert waiting(listener) == 1
    accepted, _ = listener.accept()
    client.sendall(b"question")
    assert accepted.recv(10) == b"question"
    accepted.sendall(b"answer")
    assert client.recv(10) == b"answer"
    client.close()
    accepted.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="not every kernel lets everyone")
def test_new_connections_are_dropped_and_the_others_live(listener: socket.socket) -> None:
    client = connect(listener)
    assert drop_new(listener)
    with pytest.raises(TimeoutError):
        connect(listener)
    accepted, _ = listener.accept()
    client.sendall(b"question")
    assert accepted.recv(10) == b"question"
    client.close()
    accepted.close()


def test_a_unix_socket_is_left_alone() -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        assert not refuse_new(listening)
        assert waiting(listening) == 0
