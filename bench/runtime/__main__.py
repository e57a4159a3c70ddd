"""What metrics and the launcher cost: ``python -m bench.runtime [--rounds N] [--write]``.

Packs some of the examples and compares two ways to run each, in the same image:

- the rock as it is: Pebble, the launcher, metrics on, the exporter beside it;
- plain: ``gunicorn`` itself with the same kind of worker, and nothing of ours.

Both are up at the same time with one worker each on one CPU. As fast as they answer, both are
asked at once, each by a wrk of its own on another CPU: the scheduler gives each container half of
the CPU, a few milliseconds at a time, so that whatever else the machine does, and whatever a
hypervisor takes away, hits both alike, and the ratio of what they answered is that of what a
request costs. (Asked by turns of a second, plain Gunicorn beside itself was within 10 %; at once,
five rounds of six within 1 %, the other within 3.) Throughput is of this, and so is the CPU time
per request, the exporter's included.
How long requests take is asked by turns, at a pace that leaves the CPU idle at times, since at full
load it says how long the queue was. Two containers of one image differ by some percent for as
long as they run (where things lie in memory), so each round has new ones and gives one ratio.
What counts is the median of the rounds', with the quartiles beside it, that show how much to
believe it.

Needs wrk (Debian: ``apt-get install wrk``) and a Docker engine on this machine. wrk runs in a
container of the same image, whose kernel settings can be changed without the machine's: a sync
worker closes each connection, and after 20,000 of them to one address a client would find no free
port, and measure its search.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.models.containers import Container

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "bench/RUNTIME.md"
CPUS = os.cpu_count() or 1
WRK = shutil.which("wrk") or ""

CONNECTIONS = 8
#: Seconds that both are asked at once, and of one turn at a pace.
AT_ONCE, TURN = 8, 2
#: Pairs of turns at a pace in a round.
PAIRS = 5
#: What wrk is told for requests at a pace.
PACE = ROOT / "bench/runtime/pace.lua"
#: The CPUs of what serves and of what asks, where there are two.
SERVING, ASKING = ({"cpuset_cpus": "0"}, {"cpuset_cpus": "1"}) if CPUS > 1 else ({}, {})

#: Runs in the container that asks: the machine's own wrk, once for each address, all at once.
#: Arguments: as JSON, a list of command lines. Prints, as JSON, a list of what they printed.
CLIENT = """
import json, os, subprocess, sys
os.chroot("/host")
os.chdir("/")
commands = json.loads(sys.argv[1])
running = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in commands]
print(json.dumps([one.communicate()[0] for one in running]))
"""
#: Ports of closed connections are free after a second, and there are more of them.
CLIENT_SETTINGS = {
    "net.ipv4.tcp_tw_reuse": "1",
    "net.ipv4.ip_local_port_range": "1024 65535",
}

#: Those lines of the table of which something is asked.
RATE = "requests/s"
PACED_TIME = "99th percentile at a pace, ms"
STARTED = "start to first 200, s"

#: What is asked for, of the rock against plain Gunicorn.
PERCENTILE = 1.1
START = 1.1


@dataclass(frozen=True)
class Served:
    """What is served, and what Gunicorn alone is told to do so.

    ``throughput`` is the share of plain Gunicorn's requests per second that is asked for.
    """

    example: str
    folder: str
    app: str
    service: str
    worker: str
    plain_worker: str
    throughput: float


SERVED = {
    "flask-sync": Served("flask-hello", "/flask/app", "app:app", "flask", "sync", "sync", 0.97),
    "flask-gevent": Served(
        "flask-async", "/flask/app", "main:create_app()", "flask", "gevent", "gevent", 0.97
    ),
    "fastapi": Served(
        "fastapi-hello",
        "/fastapi/app",
        "app:app",
        "fastapi",
        "uvicorn",
        "uvicorn_worker.UvicornWorker",
        0.93,
    ),
}


@dataclass(frozen=True)
class Turn:
    """Requests per second, the 99th percentile in ms, and µs of CPU per request."""

    rate: float
    percentile: float
    cost: float


@dataclass(frozen=True)
class Start:
    """Seconds from the container's start to the first answer of 200, and those of CPU."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Round:
    """How two new containers did, the rock and plain Gunicorn.

    ``paced`` are 99th percentiles in ms where requests come at a pace, pair by pair.
    """

    start: tuple[Start, ...]
    loaded: tuple[Turn, ...]
    paced: list[tuple[float, ...]]


class Bench:
    """Runs the image of ``served`` in both ways."""

    def __init__(self, engine: DockerClient, served: Served, image: str) -> None:
        self._engine = engine
        self._image = image
        gunicorn = ["--chdir", served.folder, "--bind", "0.0.0.0:8000", "--workers", "1"]
        gunicorn += ["--worker-class", served.plain_worker, served.app]
        self._ways: dict[str, dict[str, Any]] = {
            "rock": {
                "command": ["--args", served.service, served.worker],
                "environment": {"WEB_CONCURRENCY": "1"},
            },
            "plain": {"entrypoint": ["/usr/bin/gunicorn"], "command": gunicorn},
        }

    @contextmanager
    def running(self, way: str) -> Iterator[tuple[Container, str, Start]]:
        """Run a container; give it, its address, and how it started."""
        container = self._engine.containers.run(
            self._image, detach=True, **SERVING, **self._ways[way]
        )
        try:
            container.reload()
            address = container.attrs["NetworkSettings"]["IPAddress"]
            began = _timestamp(container.attrs["State"]["StartedAt"])
            while not _answers(address):
                if time.time() - began > 60:
                    sys.exit(f"no answer from {way}:\n{container.logs().decode()}")
                time.sleep(0.005)
            yield container, address, Start(time.time() - began, used(container))
        finally:
            container.remove(force=True)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Run a container that asks."""
        container = self._engine.containers.run(
            self._image,
            entrypoint=["/usr/bin/python3", "-c", "import time; time.sleep(86400)"],
            user="root",
            volumes={"/": {"bind": "/host", "mode": "ro"}},
            sysctls=CLIENT_SETTINGS,
            detach=True,
            **ASKING,
        )
        try:
            yield Client(container)
        finally:
            container.remove(force=True)

    def round(self, number: int) -> Round:
        """Start both, one after the other, and ask them, each time another one first."""
        with ExitStack() as stack:
            client = stack.enter_context(self.client())
            running: dict[str, tuple[Container, str, Start]] = {}
            for way in self._order(number):
                running[way] = stack.enter_context(self.running(way))
            addresses = {way: address for way, (_, address, _) in running.items()}
            client.ask(addresses, TURN)  # to warm up
            before = {way: used(container) for way, (container, _, _) in running.items()}
            asked = client.ask(addresses, AT_ONCE)
            loaded = tuple(
                Turn(
                    asked[way].rate,
                    asked[way].percentile,
                    (used(running[way][0]) - before[way]) * 1e6 / asked[way].requests,
                )
                for way in self._ways
            )
            paced = []
            for turn in range(PAIRS):
                slow: dict[str, Asked] = {}
                for way in self._order(turn):
                    slow |= client.ask({way: addresses[way]}, TURN, "--script", str(PACE))
                paced.append(tuple(slow[way].percentile for way in self._ways))
            return Round(tuple(running[way][2] for way in self._ways), loaded, paced)

    def _order(self, number: int) -> list[str]:
        """Return the rock and plain Gunicorn, or the other way round."""
        return sorted(self._ways, reverse=bool(number % 2))


def _timestamp(text: str) -> float:
    """Return seconds since 1970 of Docker's "2026-11-25T13:42:49.123456789Z"."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(f"{whole}+00:00")
    return moment.timestamp() + float(f"0.{fraction or 0}")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}:8000/", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def used(container: Container) -> float:
    """Return the CPU time that a container has used, in seconds."""
    stats = container.stats(stream=False, one_shot=True)
    return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9


@dataclass(frozen=True)
class Asked:
    """Requests, those per second, and the 99th percentile in ms."""

    requests: int
    rate: float
    percentile: float


class Client:
    """What asks, in the container ``container``."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def ask(self, addresses: dict[str, str], seconds: int, *more: str) -> dict[str, Asked]:
        """Have wrk ask the addresses, all at once."""
        wrk = [WRK, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "--latency", *more]
        commands = [[*wrk, f"http://{address}:8000/"] for address in addresses.values()]
        status, output = self._container.exec_run(
            ["/usr/bin/python3", "-c", CLIENT, json.dumps(commands)], user="root"
        )
        if status != 0:
            sys.exit(f"wrk did not run: {output.decode(errors='replace')}")
        said = json.loads(output)
        return {way: self._read(one) for way, one in zip(addresses, said, strict=True)}

    def _read(self, said: str) -> Asked:
        if "Non-2xx" in said:
            sys.exit(f"not all answers are good:\n{said}")
        (number,) = re.findall(r"(\d+) requests in", said)
        (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", said)
        ((percentile, unit),) = re.findall(r"99%\s+([\d.]+)(us|ms|s)\b", said)
        scale = {"us": 0.001, "ms": 1, "s": 1000}[unit]
        return Asked(int(number), float(rate), float(percentile) * scale)


def pack(example: str, folder: Path) -> str:
    """Pack and load an example; the image's name."""
    project = folder / example
    shutil.copytree(ROOT / "examples" / example, project)
    file = project / "rockcraft.yaml"
    name = f"bench-{example}"
    file.write_text(re.sub("^name: .*", f"name: {name}", file.read_text(), flags=re.MULTILINE))
    subprocess.run(
        [sys.executable, "-m", "rockery", "-C", project, "pack", "--load", "--output", folder],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    return f"{name}:0.1"


def row(name: str, what: str, rounds: list[list[tuple[float, ...]]], digits: int) -> str:
    """Return a line of the table: medians, and the median and quartiles of the rounds' ratios."""
    ratios = [statistics.median(rock / plain for rock, plain in pairs) for pairs in rounds]
    low, middle, high = statistics.quantiles(ratios, method="inclusive")
    every = [pair for pairs in rounds for pair in pairs]
    rock, plain = (statistics.median(values) for values in zip(*every, strict=True))
    wanted = _wanted(name, what)
    return (
        f"| {name} | {what} | {rock:.{digits}f} | {plain:.{digits}f} "
        f"| **{middle:.3f}** | {low:.3f} to {high:.3f} | {wanted} |"
    )


def _wanted(name: str, what: str) -> str:
    return {
        RATE: f"at least {SERVED[name].throughput}",
        PACED_TIME: f"at most {PERCENTILE}",
        STARTED: f"at most {START}",
    }.get(what, "")


def measure(engine: DockerClient, name: str, image: str, number: int) -> list[str]:
    """Return the lines of the result's table."""
    bench = Bench(engine, SERVED[name], image)
    bench.round(0)  # to warm up
    rounds = []
    for count in range(number):
        rounds.append(bench.round(count))
        print(f"{name}: round {count + 1} of {number}", file=sys.stderr, flush=True)
    lines: list[tuple[str, Callable[[Round], list[tuple[float, ...]]], int]] = [
        (RATE, lambda one: [tuple(turn.rate for turn in one.loaded)], 0),
        (PACED_TIME, lambda one: one.paced, 2),
        (
            "99th percentile at full load, ms",
            lambda one: [tuple(turn.percentile for turn in one.loaded)],
            2,
        ),
        ("CPU per request, µs", lambda one: [tuple(turn.cost for turn in one.loaded)], 0),
        (STARTED, lambda one: [tuple(x.seconds for x in one.start)], 3),
        ("CPU until then, s", lambda one: [tuple(x.cpu for x in one.start)], 3),
    ]
    return [row(name, what, [of(one) for one in rounds], digits) for what, of, digits in lines]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.runtime")
    parser.add_argument("--rounds", type=int, default=12, help="each takes 36 s (default: 12)")
    parser.add_argument("--only", choices=SERVED)
    parser.add_argument("--write", action="store_true", help="write bench/RUNTIME.md")
    chosen = parser.parse_args()
    if not WRK:
        sys.exit("python -m bench.runtime: there is no wrk: apt-get install wrk")
    lines = [
        "| served | what | the rock | plain | ratio | quartiles | wanted |",
        "|---|---|---|---|---|---|---|",
    ]
    engine = DockerClient.from_env()
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        for name in [chosen.only] if chosen.only else SERVED:
            image = pack(SERVED[name].example, Path(folder))
            lines += measure(engine, name, image, chosen.rounds)
            engine.images.remove(image)
    print("\n".join(lines))
    if chosen.write:
        RESULT.write_text(
            "# What metrics and the launcher cost\n\n"
            f"Written by `python -m bench.runtime --rounds {chosen.rounds} --write` on "
            f"{datetime.date.today():%Y-%m-%d}, on a machine with {os.cpu_count()} CPUs (load "
            f"when it began: {busy:.1f}). The rock as it is, with metrics, against `gunicorn` "
            "alone in the same image; one worker each, both on one CPU, asked by wrk with "
            f"{CONNECTIONS} connections each from another: for {AT_ONCE} s both at once, as fast "
            "as they answer, so that each has half of the CPU and what else the machine does "
            f"hits both alike; and, for the percentile at a pace, in {PAIRS} pairs of turns of "
            f"{TURN} s, with 4 to 20 ms between two requests of a connection (at full load it "
            "says how long the queue was). Each round has new containers and gives one ratio (of "
            "several turns, the median of the pairs'); the table has the median of the rounds' and "
            "their quartiles."
            "\n\n" + "\n".join(lines) + "\n"
        )


if __name__ == "__main__":
    main()
