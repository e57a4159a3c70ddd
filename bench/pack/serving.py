"""From saving a file to the first answer that shows it."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.pack.case import FailedError
from bench.pack.engine import Docker
from bench.pack.project import Project
from bench.pack.side import BuildKit, Rockery

#: The sides, as the tables have them.
IN_DOCKER, EMBEDDED = "rockery run --watch, Docker", "rockery run --watch, embedded"
BY_HAND = "rockery pack --load, docker run"
REPLACED, ALONE = "BuildKit, docker run", "BuildKit, docker run of gunicorn alone"

_PATIENCE = 120


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int, wanted: str) -> None:
    """Wait until the app answers 200 with these words."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/")
            answer = connection.getresponse()
            if answer.status == 200 and answer.read().decode() == wanted:
                return
        connection.close()
        time.sleep(0.005)
    raise FailedError(f"nothing answers {wanted!r} on port {port} within {_PATIENCE} s")


class Loop:
    """Something that serves a project; :meth:`edit` saves a change and waits until it shows."""

    def __init__(self, project: Project, renew: Callable[[], object] | None, port: int) -> None:
        self._project = project
        self._renew = renew
        self._port = port

    def edit(self, word: str) -> None:
        """Save a change, do what a user then does, and wait for the first 200 that shows it."""
        wanted = self._project.greet(word)
        if self._renew is not None:
            self._renew()
        _wait(self._port, wanted)


@contextlib.contextmanager
def watching(rockery: Rockery, project: Project, engine: str, log: Path) -> Iterator[Loop]:
    """``rockery run --watch``: the user does nothing but save."""
    port = _free_port()
    words = ["--engine", engine, "--port", str(port), "--metrics-port", str(_free_port())]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [rockery.program, "-C", project.folder, "run", "--watch", *words],
            env=os.environ | rockery.environment,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        loop = Loop(project, None, port)
        loop.edit("first")
        yield loop
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


@contextlib.contextmanager
def replacing(
    docker: Docker, make: Callable[[], str], project: Project, *start: str
) -> Iterator[Loop]:
    """Make an image, remove the old container, start a new one: what a script would do.

    ``make`` returns the image's name; ``start`` are words for ``docker run`` after it, the first
    of them the entry point.
    """
    port = _free_port()
    name = f"{project.name}-{port}"

    def renew() -> None:
        image = make()
        subprocess.run([docker.program, "rm", "--force", name], capture_output=True)
        entry = ("--entrypoint", start[0]) if start else ()
        publish = f"127.0.0.1:{port}:8000"
        docker("run", "-d", "--name", name, "-p", publish, *entry, image, *start[1:])

    try:
        loop = Loop(project, renew, port)
        loop.edit("first")
        yield loop
    finally:
        subprocess.run([docker.program, "rm", "--force", name], capture_output=True)


def loops(
    stack: contextlib.ExitStack, rockery: Rockery, buildkit: BuildKit, source: str, place: Path
) -> dict[str, Loop]:
    """Start everything that serves the project; return it by its side's name."""
    docker = buildkit.docker

    def own(kind: str) -> Project:
        return Project(source, place / f"{source}-{kind}", f"{source}-{kind}")

    for_docker, alone, by_hand = own("watched"), own("embedded"), own("by-hand")
    built, plain = own("built"), own("plain")
    buildkit.prepare(built)
    buildkit.prepare(plain)

    def loaded() -> str:
        rockery.pack(by_hand, "--load")
        return f"{by_hand.name}:0.1"

    gunicorn = ("gunicorn", "--bind", "0.0.0.0:8000", "--worker-tmp-dir", "/dev/shm", "app:app")
    enter = stack.enter_context
    log = place / "watch.log"
    return {
        IN_DOCKER: enter(watching(rockery, for_docker, "docker", log)),
        EMBEDDED: enter(watching(rockery, alone, "embedded", log)),
        BY_HAND: enter(replacing(docker, loaded, by_hand)),
        REPLACED: enter(replacing(docker, lambda: buildkit.build(built), built)),
        ALONE: enter(replacing(docker, lambda: buildkit.build(plain), plain, *gunicorn)),
    }
