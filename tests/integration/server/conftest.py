"""The real launcher, Gunicorn, workers and exporter, as processes of this machine."""

from __future__ import annotations

import fcntl
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
LAUNCHER = ROOT / "server/usr/bin/rock-gunicorn"
MODULES = [
    ROOT / folder / "usr/lib/python3/dist-packages" for folder in ("server", "statsd-exporter/rock")
]
# What Gunicorn 20.1 needs besides, and what the newest one needs for gevent.
EXTRA = {"20.1.0": ["setuptools<81"]}
REQUIREMENTS = [
    "flask",
    "fastapi",
    "gevent",
    "httptools",
    "packaging",
    "statsd",
    "uvicorn",
    "uvicorn-worker",
    "uvloop",
]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the interpreter of an environment with this version of Gunicorn."""
    base = tmp_path_factory.getbasetemp()
    # Of several processes that run tests, each has a folder of its own in the same one.
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def environment(gunicorn: str) -> Path:
        made = folder / f"gunicorn-{gunicorn}"
        with (folder / f"{made.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (made / "whole").exists():
                uv, interpreter = find_uv_bin(), made / "bin/python"
                subprocess.run([uv, "venv", "-q", "-p", sys.executable, made], check=True)
                wanted = [f"gunicorn=={gunicorn}", *EXTRA.get(gunicorn, []), *REQUIREMENTS]
                install = [uv, "pip", "install", "-q", "-p", interpreter, *wanted]
                subprocess.run(install, check=True)
                (made / "whole").touch()
        return made / "bin/python"

    return environment


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that nobody has, and that the kernel gives nobody who asks for any.

    One of its own choosing may be another's by the time that it is used again.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket(socket.AF_INET, kind) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Exporter:
    """The StatsD exporter, which can be killed and started again."""

    binary: str
    mapping: Path
    port: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    web: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                self.binary,
                f"--statsd.mapping-config={self.mapping}",
                f"--statsd.listen-udp=127.0.0.1:{self.port}",
                "--statsd.listen-tcp=",
                f"--web.listen-address=127.0.0.1:{self.web}",
                "--log.level=error",
            ]
        )
        until(lambda: self.metrics() is not None, "the exporter answers")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def metrics(self) -> dict[str, float]:
        """Return samples by name with labels."""
        with urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return {
            name: float(value)
            for name, value in re.findall(r"^([a-z_]+(?:\{.*?\})?) (\S+)$", text, re.MULTILINE)
        }


@pytest.fixture
def exporter(statsd_exporter: Path) -> Iterator[Callable[[str], Exporter]]:
    """Start an exporter with the mapping of a framework."""
    started: list[Exporter] = []

    def start(framework: str) -> Exporter:
        new = Exporter(str(statsd_exporter), ROOT / f"statsd-exporter/mapping/{framework}.yaml")
        new.start()
        started.append(new)
        return new

    yield start
    for one in started:
        one.kill()


@dataclass
class Server:
    """A running launcher."""

    process: subprocess.Popen[bytes]
    port: int
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def get(self, path: str = "/", headers: dict[str, str] | None = None) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=40)


@pytest.fixture
def command(python: Callable[[str], Path]) -> Callable[..., list[str]]:
    """Return a command line of the launcher, and what it needs from the environment."""

    def build(gunicorn: str, worker: str, *arguments: str, app: str = "app:app") -> list[str]:
        folder = HERE / ("asgi" if worker == "uvicorn" else "wsgi")
        return [
            str(python(gunicorn)),
            str(LAUNCHER),
            f"--chdir={folder}",
            *arguments,
            app,
            "-k",
            worker,
        ]

    return build


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a launcher: nothing of the user's Gunicorn settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UVICORN_", "GUNICORN_", "ROCK_"))
        and name not in ("PORT", "WEB_CONCURRENCY")
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, MODULES)),
        "PYTHONDONTWRITEBYTECODE": "1",
        # Gunicorn 20.1 imports pkg_resources, which warns.
        "PYTHONWARNINGS": "ignore",
        "ROCK_STATSD_PORT": "9",
        **variables,
    }


Start = Callable[..., Server]


@pytest.fixture
def start(command: Callable[..., list[str]], tmp_path: Path) -> Iterator[Start]:
    """Start the launcher, and don't wait for it."""
    started: list[Server] = []

    def run(
        gunicorn: str,
        worker: str,
        *arguments: str,
        app: str = "app:app",
        exporter: Exporter | None = None,
        variables: dict[str, str] | None = None,
    ) -> Server:
        port = free_port()
        statsd = str(exporter.port if exporter else free_port(socket.SOCK_DGRAM))
        line = command(
            gunicorn,
            worker,
            f"--bind=127.0.0.1:{port}",
            *arguments,
            app=app,
        )
        log = tmp_path / f"server{len(started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                line,
                cwd="/",
                stdout=output,
                stderr=output,
                env=environment(ROCK_STATSD_PORT=statsd, **(variables or {})),
                start_new_session=True,
            )
        started.append(Server(process, port, log))
        return started[-1]

    yield run
    for one in started:
        # Its workers are in groups of their own, and in its session.
        for pid in session(one.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        one.process.wait()


@pytest.fixture
def serve(start: Start) -> Start:
    """Start the launcher and wait until it answers."""

    def run(*arguments: Any, **options: Any) -> Server:
        server = start(*arguments, **options)
        try:
            check = {"X-Rock-Check": "ready"}
            until(lambda: server.get(headers=check), "the server answers", server.process)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{server.log}") from error
        return server

    return run


def session(leader: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and os.getsid(int(entry.name)) == leader:
                found.append(int(entry.name))
    return found


def until(
    holds: Callable[[], object],
    what: str,
    process: subprocess.Popen[bytes] | None = None,
    seconds: float = 20,
) -> None:
    """Wait until ``holds()`` is true; an error of the connection is false."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except (OSError, HTTPException):
            pass
        assert process is None or process.poll() is None, f"it ended before {what}"
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s until {what}")
