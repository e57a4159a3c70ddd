"""What runs in production: limits, stops, failures, hardening, seen from outside the rock.

The long runs have the mark ``soak`` and stand in test_soak.py.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import pytest
from served import Load, Packed, Serve, Served
from server.clients import Clients
from server.conftest import until
from surroundings import EXAMPLES, Rockery

pytestmark = [pytest.mark.engine, pytest.mark.network]

PROJECTS = Path(__file__).parent / "production"
FRAMEWORKS = ["flask", "fastapi"]

#: Service arguments that choose each worker, by the framework that has it.
WORKERS = {
    "sync": ("flask", ["--args", "flask", "sync"]),
    "gevent": ("flask", []),
    "gthread": ("flask", ["--args", "flask", "gthread"]),
    "uvicorn": ("fastapi", []),
}

HARDENED: dict[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}

USERS = {
    "as the image says": None,
    "root": "0:0",
    "_daemon_": "584792:584792",
    "anyone": f"{random.randint(2_000, 60_000)}:{random.randint(2_000, 60_000)}",
}

#: Containers that run side by side.
AT_A_TIME = 4

#: CPUs and MB of memory, each None without a limit.
Given = tuple[float | None, int | None]

Image = Callable[..., str]
Ended = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session")
def _packed_projects() -> dict[tuple[str, str], Path]:
    return {}


@pytest.fixture
def image(
    rockery: Rockery,
    load: Load,
    tmp_path_factory: pytest.TempPathFactory,
    _packed_projects: dict[tuple[str, str], Path],
) -> Image:
    """Pack a project of this folder with some more lines in ``rockcraft.yaml``, and load it."""

    def make(framework: str, more: str = "") -> str:
        key = (framework, more)
        if key not in _packed_projects:
            folder = tmp_path_factory.mktemp(f"production-{framework}")
            project = folder / framework
            shutil.copytree(PROJECTS / framework, project)
            with (project / "rockcraft.yaml").open("a") as file:
                file.write(more)
            here = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
            said = rockery("-C", project, "pack", "--platform", here, "--output", folder).stdout
            _packed_projects[key] = Path(said.strip())
        return load(_packed_projects[key])

    return make


@pytest.fixture
def ended(engine: docker.DockerClient) -> Iterator[Ended]:
    """Run an image until it ends by itself; its exit status and what it logged."""
    containers = []

    def run(image: str, *arguments: str, **options: Any) -> tuple[int, str]:
        container = engine.containers.run(image, list(arguments) or None, detach=True, **options)
        containers.append(container)
        status = container.wait(timeout=60)["StatusCode"]
        return int(status), container.logs().decode(errors="replace")

    yield run
    for container in containers:
        container.remove(force=True, v=True)


def address(rock: Served) -> str:
    """Return the container's own address: no proxy of the engine stands before it."""
    rock.container.reload()
    return str(rock.container.attrs["NetworkSettings"]["IPAddress"])


def workers(rock: Served) -> int:
    """Return how many workers there are: processes below Gunicorn's master."""
    rock.container.reload()
    columns = rock.container.top()["Titles"]
    lines = [dict(zip(columns, line, strict=True)) for line in rock.container.top()["Processes"]]
    masters = {line["PPID"] for line in lines if "gunicorn" in line["CMD"]}
    pids = {line["PID"] for line in lines if "gunicorn" in line["CMD"]}
    (master,) = masters & pids
    return sum(line["PPID"] == master for line in lines)


def workers_given(
    kind: str, expected: dict[Given, int], image: Image, serve: Serve
) -> dict[Given, int]:
    """Return how many workers there are under each limit, of which some are tried at a time."""
    framework, arguments = WORKERS[kind]
    name = image(framework)

    def found(given: Given) -> int:
        cpus, memory = given
        options: dict[str, Any] = {"nano_cpus": int(cpus * 1e9)} if cpus else {}
        if memory:
            options |= {"mem_limit": f"{memory}m", "memswap_limit": f"{memory}m"}
        with serve(name, *arguments, **options) as rock:
            assert f"Using {expected[given]} workers: " in rock.logs()
            return settled(rock, expected[given])

    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return dict(zip(expected, pool.map(found, expected), strict=True))


def settled(rock: Served, expected: int) -> int:
    """Return the number of workers, when it is as expected or after a while."""
    deadline = time.monotonic() + 10
    while True:
        try:
            found = workers(rock)
        except ValueError:
            found = 0
        if found == expected or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


# ---------------------------------------------------------------- workers


@pytest.mark.parametrize(
    ("kind", "expected"),
    {
        "sync": {(0.5, None): 2, (1, None): 2, (2, 256): 3, (2, 64): 1, (2, 96): 1},
        "gevent": {(0.5, None): 1, (2, 256): 2, (2, 96): 1, (None, 64): 1},
        "uvicorn": {(1, None): 1, (2, 256): 2, (2, 96): 1, (None, 64): 1},
    }.items(),
)
def test_workers_by_what_was_given(
    kind: str, expected: dict[Given, int], image: Image, serve: Serve
) -> None:
    assert workers_given(kind, expected, image, serve) == expected


def test_a_number_that_was_said_wins(image: Image, serve: Serve) -> None:
    told = {"WEB_CONCURRENCY": "4"}
    with serve(image("flask"), environment=told, nano_cpus=500_000_000) as rock:
        assert settled(rock, 4) == 4
    told["GUNICORN_CMD_ARGS"] = "--workers=3"
    with serve(image("flask"), environment=told) as rock:
        assert settled(rock, 3) == 3
    with serve(image("flask"), "--args", "flask", "sync", "--workers=2", environment=told) as rock:
        assert settled(rock, 2) == 2


# ---------------------------------------------------------------- stops


@pytest.mark.parametrize("kind", WORKERS)
def test_a_stop_under_load_loses_nothing(kind: str, image: Image, serve: Serve) -> None:
    framework, arguments = WORKERS[kind]
    with serve(image(framework), *arguments) as rock:
        with Clients(address(rock), 8000, keep=kind != "sync") as clients:
            deadline = time.monotonic() + 20
            while clients.answered < 300 and time.monotonic() < deadline:
                time.sleep(0.05)
            assert rock.stop() == 0
            # The address is gone with the container: who connects now waits for nothing.
            clients.give_up()
        assert clients.seen["lost"] == 0, clients.problems
        assert "Traceback" not in rock.logs()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_long_request_survives_a_stop(framework: str, image: Image, serve: Serve) -> None:
    one = {"WEB_CONCURRENCY": "1"}
    with serve(image(framework), environment=one) as rock, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(rock.get, "/slow?s=7")  # without kill-delay Pebble kills after 5 s
        time.sleep(0.5)
        assert rock.stop() == 0
        assert answer.result().text == "slow"


def test_a_reload_brings_other_workers(image: Image, serve: Serve) -> None:
    with serve(image("flask"), environment={"WEB_CONCURRENCY": "1"}) as rock:
        before = rock.get("/pid").text
        rock.container.exec_run(["/usr/bin/pebble", "signal", "HUP", "flask"])
        deadline = time.monotonic() + 15
        while "Worker exiting" not in rock.logs() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert rock.get("/pid").text != before


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_app_that_cannot_be_imported(framework: str, image: Image, ended: Ended) -> None:
    status, log = ended(image(framework), environment={"BREAK": "import"})
    assert status == 10
    assert "ImportError: no module, on purpose" in log


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_app_that_exits_when_it_is_imported(framework: str, image: Image, ended: Ended) -> None:
    status, log = ended(image(framework), environment={"BREAK": "exit"})
    assert status == 10
    assert "no settings, on purpose" in log


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_workers_killed_for_memory_while_they_boot(
    framework: str, image: Image, ended: Ended
) -> None:
    status, log = ended(
        image(framework), environment={"BREAK": "memory"}, mem_limit="160m", memswap_limit="160m"
    )
    assert status == 10
    assert "3 workers died within 30 s and no request was answered between their deaths" in log
    assert "SIGKILL, as the kernel does at the memory limit" in log


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_port_in_use(framework: str, image: Image, serve: Serve, ended: Ended) -> None:
    with serve(image(framework)) as rock:
        # The exporter's port is in use as well, which is no reason to end.
        status, log = ended(image(framework), network_mode=f"container:{rock.container.id}")
        assert status == 10
        assert re.search(r"Connection in use: \('0\.0\.0\.0', 8000\)", log)
        assert rock.get("/").status == 200


def test_what_a_failure_means_is_the_users(image: Image, engine: docker.DockerClient) -> None:
    restarting = image("flask", "services:\n  flask:\n    on-failure: restart\n")
    container = engine.containers.run(restarting, environment={"BREAK": "import"}, detach=True)
    try:
        deadline = time.monotonic() + 20
        while container.logs().count(b"Starting gunicorn") < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert container.logs().count(b"Starting gunicorn") >= 2
        container.reload()
        assert container.status == "running"
    finally:
        container.remove(force=True)


# ---------------------------------------------------------------- hardened


# Without settings ml-serving doesn't start; test_ml_serving.py runs it.
EXAMPLE_NAMES = sorted(
    path.parent.name
    for path in EXAMPLES.glob("*/rockcraft.yaml")
    if path.parent.name != "ml-serving"
)


def hardened(user: str) -> dict[str, Any]:
    """Return the options of a container that may do nothing."""
    return {**HARDENED, "user": USERS[user]} if USERS[user] else HARDENED


#: Of each framework one runs as everybody in the normal suite, the others as anyone.
EVERYBODY = {"flask-hello": list(USERS), "fastapi-hello": list(USERS)}


@pytest.mark.parametrize(
    ("example", "users"),
    [
        *(
            pytest.param(example, EVERYBODY.get(example, ["anyone"]), id=example)
            for example in EXAMPLE_NAMES
        ),
        *(
            pytest.param(example, list(USERS), id=f"{example}-everybody", marks=pytest.mark.soak)
            for example in EXAMPLE_NAMES
            if example not in EVERYBODY
        ),
    ],
)
def test_every_example_runs_hardened(
    example: str, users: list[str], packed: Packed, load: Load, serve: Serve
) -> None:
    """What else they do so stands in test_soak.py."""
    image = load(packed(example))
    name = "flask_response_code" if "flask" in example else "http_requests_total"

    def run(user: str) -> None:
        with serve(image, **hardened(user)) as rock:
            assert rock.get("/").status == 200
            # Whoever waited for the rock may have asked more than once.
            until(lambda: rock.metrics().get(f'{name}{{status="200"}}', 0) >= 2, "both count")
            healthy = ["/usr/bin/pebble", "health", "--level", "ready"]
            # A start that took long may have failed the check, which asks again after 10 s.
            until(
                lambda: rock.container.exec_run(healthy).output == b"healthy\n",
                "the check passes",
                seconds=40,
            )
            assert rock.stop() == 0
            assert "Traceback" not in rock.logs()
            assert not re.search(r"error|warning", rock.container.logs(stderr=False).decode(), re.I)

    with ThreadPoolExecutor(len(users)) as pool:
        list(pool.map(run, users))


REMOVE_TMP = ["/usr/bin/python3", "-c", "import os; os.rmdir('/tmp')"]


@pytest.fixture
def without_tmp(engine: docker.DockerClient) -> Iterator[Callable[[str], str]]:
    """Make another image of an image, without ``/tmp``."""
    made: list[str] = []

    def make(image: str) -> str:
        repository = image.partition(":")[0]
        tag = f"{repository}:without-tmp"
        if tag not in made:
            container = engine.containers.create(image, entrypoint=REMOVE_TMP, user="0:0")
            try:
                container.start()
                assert container.wait()["StatusCode"] == 0
                given = engine.images.get(image).attrs["Config"]
                kept = {"Entrypoint": given["Entrypoint"], "User": given["User"]}
                container.commit(repository, "without-tmp", conf=kept)
            finally:
                container.remove(force=True)
            made.append(tag)
        return tag

    yield make
    for tag in made:
        engine.images.remove(tag, force=True)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("user", ["as the image says", "anyone"])
def test_without_a_folder_for_temporary_files(
    framework: str, user: str, image: Image, serve: Serve, without_tmp: Callable[[str], str]
) -> None:
    with serve(without_tmp(image(framework)), **hardened(user)) as rock:
        assert rock.get("/temporary").text == "1000"
        assert rock.container.exec_run(REMOVE_TMP).exit_code != 0
        assert rock.stop() == 0


def listening(rock: Served) -> set[str]:
    """Return the addresses on which the container's network is listened to."""
    read = "print(open('/proc/net/tcp').read(), open('/proc/net/tcp6').read())"
    said = rock.container.exec_run(["/usr/bin/python3", "-c", read]).output.decode()
    found = set()
    for line in said.splitlines():
        words = line.split()
        if len(words) > 3 and words[3] == "0A":
            host, _, port = words[1].partition(":")
            here = host in ("0100007F", "0000000000000000FFFF00000100007F")
            found.add(f"{'loopback' if here else 'all'}:{int(port, 16)}")
    return found


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_nothing_listens_that_was_not_asked_for(framework: str, image: Image, serve: Serve) -> None:
    with serve(image(framework)) as rock:
        rock.metrics()
        assert listening(rock) == {"all:8000", "all:9102", "loopback:9125"}
    with serve(image(framework), environment={"ROCK_METRICS_ADDRESS": "127.0.0.1"}) as rock:
        time.sleep(1)
        assert listening(rock) == {"all:8000", "loopback:9102", "loopback:9125"}


# ---------------------------------------------------------------- checks and logs


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_ready_is_what_the_ready_path_says(framework: str, image: Image, serve: Serve) -> None:
    often = "checks:\n  ready:\n    period: 1s\n    timeout: 500ms\n    threshold: 1\n"
    for path, status in {"/nowhere": "healthy", "/unready": "unhealthy"}.items():
        with serve(image(framework, often), environment={"ROCK_READY_PATH": path}) as rock:
            time.sleep(2.5)
            said = rock.container.exec_run(["/usr/bin/pebble", "health", "--level", "ready"])
            assert said.output.decode().strip() == status
            # Failing checks end nothing, and no check is counted.
            counted = sum(
                value
                for name, value in rock.metrics().items()
                if name.startswith(("flask_response_code{", "http_requests_total{"))
            )
            assert counted == 1


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_logs_are_lines_and_pebbles_are_apart(framework: str, image: Image, serve: Serve) -> None:
    with serve(image(framework), environment={"ROCK_ACCESS_LOG": "json"}) as rock:
        rock.get("/?q=1")
        time.sleep(0.5)
        ours = rock.container.logs(stderr=False).decode().splitlines()
        theirs = rock.container.logs(stdout=False).decode().splitlines()
    stamp = r"\d{4}-\d\d-\d\dT[\d:.]+Z"
    assert all(re.match(rf"{stamp} \[{framework}\] ", line) for line in ours), ours
    assert all(re.match(rf"{stamp} \[pebble\] ", line) for line in theirs), theirs
    assert sum('"target": "/?q=1"' in line for line in ours) == 1
