"""Where a rock is reached that runs on this machine's own network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rockery.layer.configuration import OWN_PEBBLE
from rockery.run.ports import Ports, free_port

PORTS = Ports(web=8001, metrics=9103, statsd=9126)


def tree(folder: Path, checks: dict[str, object]) -> Path:
    path = folder / OWN_PEBBLE / "layers/001-hello.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({"summary": "hello", "services": {}, "checks": checks}))
    return folder


def test_checks_ask_where_the_rock_is(tmp_path: Path) -> None:
    checks: dict[str, object] = {
        "alive": {"override": "replace", "tcp": {"port": 8000}},
        "ready": {"http": {"url": "http://localhost:8000/?a=8000", "headers": {"X": "y"}}},
        "loopback": {"http": {"url": "http://[::1]:8000/"}},
        "metrics": {"http": {"url": "http://127.0.0.1:9102/metrics"}},
        "database": {"tcp": {"port": 5432}},
        "elsewhere": {"http": {"url": "http://example.com:8000/"}},
        "no port": {"http": {"url": "http://localhost/"}},
        "nonsense": {"http": {"url": "http://localhost:x/"}},
        "program": {"exec": {"command": "true"}},
    }
    trees = [tmp_path / "none", tree(tmp_path / "one", checks)]
    assert PORTS.write_checks(trees, tmp_path / "moved")
    (written,) = (tmp_path / "moved").rglob("*.yaml")
    assert written.name > "001-hello.yaml"
    assert yaml.safe_load(written.read_text())["checks"] == {
        "alive": {"override": "merge", "tcp": {"port": 8001}},
        "ready": {"override": "merge", "http": {"url": "http://localhost:8001/?a=8000"}},
        "loopback": {"override": "merge", "http": {"url": "http://[::1]:8001/"}},
        "metrics": {"override": "merge", "http": {"url": "http://127.0.0.1:9103/metrics"}},
    }


def test_where_all_is_as_usual_nothing_is_written(tmp_path: Path) -> None:
    trees = [tree(tmp_path / "one", {"alive": {"tcp": {"port": 8000}}})]
    assert not Ports(8000, 9102, 9125).write_checks(trees, tmp_path / "moved")
    assert not PORTS.write_checks([tree(tmp_path / "two", {})], tmp_path / "moved")
    assert not (tmp_path / "moved").exists()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which something takes datagrams, and nothing else."""
    with socket.socket(type=socket.SOCK_DGRAM) as taker:
        taker.bind(("127.0.0.1", 0))
        yield taker.getsockname()[1]


def test_a_port_is_free_of_what_was_asked(taken: int) -> None:
    assert free_port(taken) == taken
    found = free_port(taken, datagrams=True)
    assert found != taken
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", found))
        listener.listen()
        assert free_port(found) != found
