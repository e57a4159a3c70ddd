"""What the integration tests share: an engine, the command line, packed and served rocks.

Environment:

``ROCKERY_TEST_STORE``
    a folder to use as the store, so that the next run finds what this one made;
    without it the store lives as long as the session.
``CI``
    with ``true``, a missing engine or tool fails the tests that need it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import docker
import docker.errors
import pytest
from docker.models.containers import Container

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

#: Seconds in which a rock must have begun to answer. A cold page cache is slow.
PATIENCE = 60.0


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing."""
    reason = f"{what} is missing: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def tool(name: str) -> str:
    """Return the path of a program; skip or fail the test without it."""
    return shutil.which(name) or missing(name, f"apt-get install {name}")


# ---------------------------------------------------------------- engine and command line


@pytest.fixture(scope="session")
def _engine() -> Iterator[docker.DockerClient | docker.errors.DockerException]:
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except docker.errors.DockerException as error:
        yield error
        return
    yield client
    client.close()


@pytest.fixture
def engine(_engine: docker.DockerClient | docker.errors.DockerException) -> docker.DockerClient:
    """A client of the engine that answers."""
    if isinstance(_engine, docker.errors.DockerException):
        missing("a Docker engine", "see scripts/engine")
    return _engine


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of all tests in this session."""
    given = os.environ.get("ROCKERY_TEST_STORE")
    return Path(given).absolute() if given else tmp_path_factory.mktemp("store")


Rockery = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def rockery(store: Path) -> Rockery:
    """Run rockery's command line: ``rockery("pack", cwd=…)``.

    Fails the test on another exit status than ``status`` (default 0; None takes any), with
    all that was said. ``env`` adds to the environment.
    """

    def run(
        *arguments: str | Path,
        cwd: Path | None = None,
        status: int | None = 0,
        env: dict[str, str] | None = None,
        timeout: float = 600,
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "rockery", *map(str, arguments)],
            cwd=cwd,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "ROCKERY_STORE": str(store),
                **(env or {}),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if status is not None and done.returncode != status:
            pytest.fail(
                f"rockery {' '.join(map(str, arguments))}: exit status {done.returncode}, "
                f"not {status}\n{done.stdout}{done.stderr}",
                pytrace=False,
            )
        return done

    return run


# ---------------------------------------------------------------- packed and loaded


@pytest.fixture(scope="session")
def packed(rockery: Rockery, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Pack an example for a base, once in a session, and return the ``.rock``.

    ``packed("flask-hello", "debian@13")``; the example is packed from a copy.
    """
    done: dict[tuple[str, str], Path] = {}

    def pack(example: str, build_base: str = "debian@12") -> Path:
        key = (example, build_base)
        if key not in done:
            folder = tmp_path_factory.mktemp(example)
            project = folder / example
            shutil.copytree(
                EXAMPLES / example,
                project,
                ignore=shutil.ignore_patterns("*.rock", "__pycache__", ".venv"),
            )
            said = rockery(
                "-C", project, "pack", "--build-base", build_base, "--output", folder
            ).stdout
            rock = Path(said.strip())
            assert rock.is_file(), f"pack did not print the path of a rock: {said!r}"
            assert rock.parent == folder
            done[key] = rock
        return done[key]

    return pack


@pytest.fixture(scope="session")
def _tags(
    _engine: docker.DockerClient | docker.errors.DockerException,
) -> Iterator[dict[Path, str]]:
    tags: dict[Path, str] = {}
    yield tags
    for tag in tags.values():
        with contextlib.suppress(docker.errors.APIError):
            _engine.images.remove(tag, force=True)


@pytest.fixture
def load(engine: docker.DockerClient, _tags: dict[Path, str]) -> Callable[[Path], str]:
    """Load a ``.rock`` into the engine, once, and return a name for it that no other has."""

    def load_rock(rock: Path) -> str:
        if rock not in _tags:
            with rock.open("rb") as archive:
                (image,) = engine.images.load(archive)
            name = f"rockery-test-{rock.parent.name}"
            image.tag(name, "tested")
            for loaded in image.tags:  # as the rock is called: two bases would share it
                if not loaded.startswith(name):
                    engine.images.remove(loaded)
            _tags[rock] = f"{name}:tested"
        return _tags[rock]

    return load_rock


# ---------------------------------------------------------------- served


@dataclass(frozen=True)
class Answer:
    """What came back: status, text and headers (names in lower case)."""

    status: int
    text: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Served:
    """A running container and where its ports are reached."""

    container: Container
    host: str

    def url(self, path: str = "/", port: int = 8000) -> str:
        """Return the address of ``path`` on a port of the container."""
        self.container.reload()
        (binding, *_) = self.container.ports[f"{port}/tcp"]
        return f"http://{self.host}:{binding['HostPort']}{path}"

    def get(self, path: str = "/", port: int = 8000, timeout: float = 60) -> Answer:
        """Ask once; an answer with an error status is an answer.

        Raises:
            OSError: nothing answered.
        """
        try:
            with urllib.request.urlopen(self.url(path, port), timeout=timeout) as response:
                return _answer(response)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error)

    def metrics(self, **expected: float) -> dict[str, float]:
        """Return the samples on port 9102, as soon as the ``expected`` ones are there.

        A sample's name includes its labels, in the order of the exposition. Workers send
        what they count after a moment, so this waits up to ten seconds for the values.
        """
        deadline = time.monotonic() + 10
        while True:
            samples = dict(
                _sample(line)
                for line in self.get("/metrics", 9102).text.splitlines()
                if line and not line.startswith("#")
            )
            found = {name: samples.get(name) for name in expected}
            if found == expected:
                return samples
            if time.monotonic() > deadline:
                own = [name for name in samples if not name.startswith(("go_", "process_"))]
                pytest.fail(f"metrics are {found}, not {expected}; there are {own}", pytrace=False)
            time.sleep(0.1)

    def logs(self) -> str:
        """Return what ``docker logs`` shows."""
        return str(self.container.logs().decode(errors="replace"))

    def stop(self, timeout: int = 45) -> int:
        """Stop as ``docker stop --time`` does; the container's exit status."""
        self.container.stop(timeout=timeout)
        return int(self.container.wait()["StatusCode"])


def _answer(response: Any) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, response.read().decode(errors="replace"), headers)


def _sample(line: str) -> tuple[str, float]:
    name, _, value = line.rpartition(" ")
    return name, float(value)


Serve = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def serve(engine: docker.DockerClient) -> Serve:
    """Run an image and wait until the app in it answers.

    ``with serve(image, "--args", "flask", "sync", environment={…}) as rock:``; further
    keywords are those of docker-py's ``containers.run``. The container's log is shown if
    the test fails, and the container is removed in any case.
    """
    here = urllib.parse.urlsplit(os.environ.get("DOCKER_HOST", ""))
    host, listen = "127.0.0.1", "127.0.0.1"
    if here.scheme == "tcp" and here.hostname:
        host, listen = here.hostname, "0.0.0.0"

    @contextlib.contextmanager
    def run(image: str, *arguments: str, path: str = "/", **options: Any) -> Iterator[Served]:
        container = engine.containers.run(
            image,
            list(arguments) or None,
            detach=True,
            ports={"8000/tcp": (listen, None), "9102/tcp": (listen, None)},
            **options,
        )
        served = Served(container, host)
        try:
            _wait(served, path)
            yield served
        except BaseException:
            print(f"--- docker logs of {image}:\n{served.logs()}")
            raise
        finally:
            container.remove(force=True, v=True)

    return run


def _wait(served: Served, path: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        served.container.reload()
        if served.container.status == "exited":
            status = served.container.attrs["State"]["ExitCode"]
            pytest.fail(f"the container ended with {status}:\n{served.logs()}", pytrace=False)
        try:
            served.get(path, timeout=10)
        except (OSError, KeyError, TypeError) as error:  # the latter two: no ports as yet
            if time.monotonic() > deadline:
                pytest.fail(f"no answer in {PATIENCE:g} s: {error}", pytrace=False)
            time.sleep(0.05)
        else:
            return
