"""What the integration tests share: an engine, the command line, packed and served rocks.

Environment:

``ROCKERY_TEST_STORE``
    a folder to use as the store, so that the next run finds what this one made;
    without it the store lives as long as the session. Where several processes run tests,
    each has a copy.
``CI``
    with ``true``, a missing engine or tool fails the tests that need it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest
from served import Load, Packed, Serve, Served
from surroundings import EXAMPLES, ROOT, Rockery, missing

from rockery.component import Binaries, component
from rockery.layer.layer import key
from rockery.store import Store


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the engine, which only one test at a time may do: see scripts/test."""
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engine)


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
    if given and "PYTEST_XDIST_WORKER" not in os.environ:
        return Path(given).absolute()
    own = tmp_path_factory.mktemp("store")
    for kind in Path(given).iterdir() if given and Path(given).is_dir() else ():
        if kind.name in ("locks", "tmp"):
            continue
        # Nothing in a store is ever written again, so links do; but apt locks its files.
        link = kind.name != "indexes" and kind.stat().st_dev == own.stat().st_dev
        subprocess.run(["cp", "-al" if link else "-a", kind, own], check=True)
    return own


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


@pytest.fixture(scope="session")
def statsd_exporter(store: Path) -> Path:
    """The StatsD exporter's program, as rocks for this architecture carry it."""
    exporter, binaries = component("statsd-exporter"), Binaries({})
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    name = key("program", 1, binaries.inputs(exporter, architecture))
    return binaries.program(Store(store), exporter, architecture, name).binary


# ---------------------------------------------------------------- packed and loaded


@pytest.fixture(scope="session")
def packed(rockery: Rockery, tmp_path_factory: pytest.TempPathFactory) -> Packed:
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
def load(engine: docker.DockerClient, _tags: dict[Path, str]) -> Load:
    """Load a ``.rock`` into the engine, once, and return a name for it that no other has."""

    def load_rock(rock: Path) -> str:
        if rock not in _tags:
            with rock.open("rb") as archive:
                (image,) = engine.images.load(archive)
            # Another session on this engine may have the same folders.
            name = f"rockery-test-{os.getpid()}-{rock.parent.name}".lower()
            image.tag(name, "tested")
            for loaded in image.tags:  # as the rock is called: two bases would share it
                if not loaded.startswith("rockery-test-"):
                    engine.images.remove(loaded)
            _tags[rock] = f"{name}:tested"
        return _tags[rock]

    return load_rock


# ---------------------------------------------------------------- served


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
            served.wait(path)
            yield served
        except BaseException:
            print(f"--- docker logs of {image}:\n{served.logs()}")
            raise
        finally:
            container.remove(force=True, v=True)

    return run
