"""The exported fleet, as it is written: checked by its own tools, and run, and replaced."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import docker
import pytest
import yaml
from served import Load, Packed
from server.clients import Clients
from server.conftest import free_port, until
from surroundings import EXAMPLES, Rockery, missing, tool

#: An image with the programs of this machine, for the two that can't be fetched here.
HOST = "rockery-test-host:1"

#: Requests that the fixture ``running`` makes: the one that was answered.
START = 1

Exported = Callable[..., Path]


@pytest.fixture
def exported(rockery: Rockery, tmp_path: Path) -> Exported:
    """Export a fleet of an example; the folder."""

    def export(form: str, example: str, *options: str) -> Path:
        folder = tmp_path / "fleet"
        said = rockery("-C", EXAMPLES / example, "export", form, "--output", folder, *options)
        assert said.stdout.strip() == str(folder)
        return folder

    return export


# ---------------------------------------------------------------- checked


@pytest.mark.parametrize("example", ["flask-web", "fastapi-package", "litestar-hello"])
def test_the_files_are_what_their_programs_take(example: str, exported: Exported) -> None:
    folder = exported("compose", example, "--replicas", "4")
    config = run(tool("docker-compose"), "config", cwd=folder)
    services = yaml.safe_load(config)["services"]
    replicas = [name for name in services if name.startswith(f"{example}-")]
    assert len(replicas) == 4
    for name in replicas:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["user"] == "584792:584792"
        assert services[name]["stop_grace_period"] == "45s"
        assert "ports" not in services[name]
    # It warns of names that only the engine's network resolves.
    run(tool("haproxy"), "-c", "-f", "haproxy/haproxy.cfg", cwd=folder)
    said = run(tool("promtool"), "check", "config", "prometheus/prometheus.yml", cwd=folder)
    assert "2 rule files found" in said
    run("sh", "-n", "replace", cwd=folder)
    framework = "flask" if example.startswith("flask") else "fastapi"
    dashboard = json.loads((folder / f"grafana/dashboards/{framework}.json").read_text())
    assert dashboard["panels"]
    for path in (folder / "grafana/provisioning").rglob("*.yaml"):
        assert yaml.safe_load(path.read_text())["apiVersion"] == 1


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# ---------------------------------------------------------------- run


@dataclass
class Running:
    """A fleet that runs: where it is asked, and its own programs."""

    folder: Path
    environment: dict[str, str]
    port: int
    prometheus: int

    def compose(self, *words: str) -> str:
        return self.run(tool("docker-compose"), *words)

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def is_connected(self) -> bool:
        """Tell whether packets get from container to container, which takes no time at all."""
        connect = ["timeout", "5", "bash", "-c", "exec 3<>/dev/tcp/prometheus/9090"]
        words = [tool("docker-compose"), "exec", "-T", "haproxy", *connect]
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL
        )
        return done.returncode != 124  # refused for a moment is no matter

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Ask Prometheus."""
        url = f"http://127.0.0.1:{self.prometheus}/api/v1/query?query={quote(query)}"
        with urlopen(url, timeout=10) as answer:
            return list(json.load(answer)["data"]["result"])

    def served(self) -> bool:
        with urlopen(f"http://127.0.0.1:{self.port}/status", timeout=10) as answer:
            return bool(answer.status == 200)


@pytest.fixture
def host_image(engine: docker.DockerClient) -> str:
    """An image that is nothing but a place to mount this machine's ``/usr`` into."""
    if os.environ.get("DOCKER_HOST", "unix:").partition(":")[0] != "unix":
        missing("an engine on this machine", "unset DOCKER_HOST")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in ("usr", "etc", "dev", "proc", "sys", "tmp", "prometheus"):
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(member)
        for name in ("bin", "sbin", "lib", "lib64"):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, f"usr/{name}"
            tar.addfile(member)
    engine.api.import_image_from_data(
        archive.getvalue(),
        *HOST.split(":"),
        changes=["ENV PATH=/usr/sbin:/usr/bin"],
    )
    return HOST


@pytest.fixture
def running(
    exported: Exported, packed: Packed, load: Load, host_image: str, tmp_path: Path
) -> Iterator[Running]:
    """Three replicas of ``flask-web``, started as whoever exports them starts them."""
    for name in ("haproxy", "prometheus", "docker-compose", "docker"):
        tool(name)
    ports = {name: free_port() for name in ("front", "page", "prometheus")}
    folder = exported(
        "compose",
        "flask-web",
        f"--image={load(packed('flask-web'))}",
        f"--port={ports['front']}",
        f"--haproxy-image={host_image}",
        f"--prometheus-image={host_image}",
    )
    # Where nothing else of this machine listens, and quicker than in production.
    change(folder / "compose.yaml", "127.0.0.1:8404:", f"127.0.0.1:{ports['page']}:")
    change(folder / "compose.yaml", "127.0.0.1:9090:", f"127.0.0.1:{ports['prometheus']}:")
    change(folder / "prometheus/prometheus.yml", "scrape_interval: 5s", "scrape_interval: 1s")
    change(folder / "haproxy/haproxy.cfg", "check inter 2s", "check inter 500ms")
    programs = {"volumes": ["/usr:/usr:ro"]}
    (folder / "host.yaml").write_text(
        yaml.safe_dump({"services": {"haproxy": programs, "prometheus": programs}})
    )
    environment = {
        **os.environ,
        "COMPOSE_FILE": "compose.yaml:host.yaml",
        "COMPOSE_PROJECT_NAME": f"rockery{os.getpid()}",
        "SETTLE": "2.5",
    }
    fleet = Running(folder, environment, ports["front"], ports["prometheus"])
    try:
        fleet.compose("up", "-d", "haproxy", "prometheus")
        if not fleet.is_connected():
            missing(
                "a network between containers",
                "this machine's firewall drops what the engine's network carries: start the "
                "engine with scripts/engine, which tells the firewall",
            )
        until(lambda: fleet.served(), "the fleet answers", seconds=60)
        up = 'up{job="flask"} == 1'
        until(lambda: len(fleet.ask(up)) == 3, "Prometheus reads all replicas", seconds=30)
        yield fleet
    except BaseException:
        print(fleet.compose("logs", "--no-color", "--tail=40"))
        raise
    finally:
        fleet.compose("down", "--volumes", "--timeout", "5")


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def containers(fleet: Running) -> set[str]:
    return set(fleet.compose("ps", "-q", "flask-web-1", "flask-web-2", "flask-web-3").split())


def counted(fleet: Running) -> dict[str, float]:
    """Return how many answers each replica ever counted, by its name and start.

    ``increase()`` would extrapolate; a container that was replaced counts from 0 again, maybe
    beyond its predecessor's number, so it is known by when it started.
    """
    starts = {
        (series["metric"]["instance"], moment): start
        for series in fleet.ask('process_start_time_seconds{job="flask"}[15m]')
        for moment, start in series["values"]
    }
    found: dict[tuple[str, str], float] = {}
    for series in fleet.ask('flask_requests{job="flask"}[15m]'):
        instance = series["metric"]["instance"]
        for moment, value in series["values"]:
            found[instance, starts[instance, moment]] = float(value)
    return {f"{instance} since {start}": value for (instance, start), value in found.items()}


def proxied(fleet: Running) -> dict[str, float]:
    """Return how many answers HAProxy saw, by their status's class and the replica."""
    found: dict[str, float] = defaultdict(float)
    for series in fleet.ask('haproxy_server_http_responses_total{proxy="rock"}'):
        found[series["metric"]["code"]] += float(series["value"][1])
    return {code: number for code, number in found.items() if number}


@pytest.mark.engine
@pytest.mark.network
def test_replaced_under_load_nothing_is_lost_or_miscounted(running: Running) -> None:
    before = containers(running)
    with Clients("127.0.0.1", running.port, number=4, path="/status", pause=0.02) as clients:
        until(lambda: clients.answered > 100, "100 are answered")
        said = running.run("./replace")
        answered = clients.answered
        until(lambda: clients.answered > answered + 100, "it goes on")
    assert set(clients.seen) == {"answered 200"}, (clients.seen, clients.problems, said)
    assert before.isdisjoint(containers(running))

    # By the replicas, none of HAProxy's checks among it, and by HAProxy.
    all_of_it = clients.answered + START
    until(lambda: sum(counted(running).values()) >= all_of_it, "all is counted")
    time.sleep(1.5)  # and no more than that
    assert sum(counted(running).values()) == all_of_it, counted(running)
    assert len(counted(running)) == 6, "each replica was there twice, and served both times"
    assert proxied(running) == {"2xx": all_of_it}
    names = {series["metric"]["__name__"] for series in running.ask('{job="haproxy"}')}
    assert {"haproxy_server_status", "haproxy_backend_active_servers"} <= names
    rules = running.ask('ALERTS{alertstate="firing"}')
    assert not rules
