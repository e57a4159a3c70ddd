"""What metrics and the launcher cost: ``python -m bench.runtime [--rounds N] [--write]``.

Packs some of the examples and compares two ways to run each, in the same image:

- the rock as it is: Pebble, the launcher, metrics on, the exporter beside it;
- plain: ``gunicorn`` itself with the same kind of worker, and nothing of ours.

Both are up at the same time with one worker each on one CPU, and take turns in being asked by
wrk, on another CPU: as fast as they answer, and at a pace that leaves the CPU idle at times.
Throughput is of the first, and so is the CPU time per request; how long requests take is of the
second, since of the first it says how long the queue was. Each turn is compared with the one
beside it, so that what else the machine does hits both. Two containers of one image differ by
some percent for as long as they run (where things lie in memory), so each round has new ones and
gives one ratio, the median of its turns. What counts is the median of the rounds', with the
quartiles beside it, that show how much to believe it. CPU time, the exporter's included, is what
other work on the machine disturbs least.

Needs wrk (Debian: ``apt-get install wrk``) and a Docker engine on this machine, whose containers
are asked at their own addresses.
"""

from __future__ import annotations

import argparse
import datetime
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

CONNECTIONS = 8
#: Seconds of one turn.
TURN = 1
#: Pairs of turns in a round, and of those at a pace. Short ones: what else a machine does lasts
#: longer than a turn, and so hits both of a pair.
PAIRS, PACED = 4, 2
#: What wrk is told for requests at a pace.
PACE = ROOT / "bench/runtime/pace.lua"

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
    """How two new containers did, the rock and plain Gunicorn, pair by pair.

    ``paced`` are 99th percentiles in ms where requests come at a pace.
    """

    start: tuple[Start, ...]
    turns: list[tuple[Turn, ...]]
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
        pinned = {"cpuset_cpus": "0"} if (os.cpu_count() or 1) > 1 else {}
        container = self._engine.containers.run(
            self._image, detach=True, **pinned, **self._ways[way]
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

    def round(self, number: int) -> Round:
        """Start both, one after the other, and ask them by turns, each time another one first."""
        with ExitStack() as stack:
            running: dict[str, tuple[Container, str, Start]] = {}
            for way in self._order(number):
                running[way] = stack.enter_context(self.running(way))
            for _, address, _ in running.values():
                ask(address)  # to warm up
            turns, paced = [], []
            for turn in range(PAIRS):
                fast = {way: loaded(*running[way][:2]) for way in self._order(turn)}
                turns.append(tuple(fast[way] for way in self._ways))
            for turn in range(PACED):
                slow = {
                    way: ask(running[way][1], "--script", str(PACE)) for way in self._order(turn)
                }
                paced.append(tuple(slow[way].percentile for way in self._ways))
            return Round(tuple(running[way][2] for way in self._ways), turns, paced)

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


def ask(address: str, *more: str) -> Asked:
    """Have wrk ask for one turn."""
    pinned = ["taskset", "--cpu-list", "1"] if (os.cpu_count() or 1) > 1 else []
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{TURN}", "--latency", *more]
    said = subprocess.run(
        [*pinned, *wrk, f"http://{address}:8000/"], check=True, capture_output=True, text=True
    ).stdout
    if "Non-2xx" in said:
        sys.exit(f"not all answers are good:\n{said}")
    (number_of,) = re.findall(r"(\d+) requests in", said)
    (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", said)
    ((number, unit),) = re.findall(r"99%\s+([\d.]+)(us|ms|s)\b", said)
    percentile = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    return Asked(int(number_of), float(rate), percentile)


def loaded(container: Container, address: str) -> Turn:
    """Ask as fast as it answers."""
    before = used(container)
    asked = ask(address)
    return Turn(asked.rate, asked.percentile, (used(container) - before) * 1e6 / asked.requests)


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
        (RATE, lambda one: [tuple(x.rate for x in pair) for pair in one.turns], 0),
        (PACED_TIME, lambda one: one.paced, 2),
        (
            "99th percentile at full load, ms",
            lambda one: [tuple(x.percentile for x in pair) for pair in one.turns],
            2,
        ),
        ("CPU per request, µs", lambda one: [tuple(x.cost for x in pair) for pair in one.turns], 0),
        (STARTED, lambda one: [tuple(x.seconds for x in one.start)], 3),
        ("CPU until then, s", lambda one: [tuple(x.cpu for x in one.start)], 3),
    ]
    return [row(name, what, [of(one) for one in rounds], digits) for what, of, digits in lines]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.runtime")
    parser.add_argument("--rounds", type=int, default=20, help="each takes 50 s (default: 20)")
    parser.add_argument("--only", choices=SERVED)
    parser.add_argument("--write", action="store_true", help="write bench/RUNTIME.md")
    chosen = parser.parse_args()
    if not shutil.which("wrk"):
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
            "alone in the same image; one worker each on one CPU, asked by wrk with "
            f"{CONNECTIONS} connections from another, in turns of {TURN} s: as fast as it answers, "
            "and, for the percentile at a pace, with 4 to 20 ms between two requests of a "
            "connection (at full load it says how long the queue was). Each round has new "
            f"containers, {PAIRS} pairs of turns and {PACED} at a pace, and gives one ratio, the "
            "median of its pairs; the table has the median of the rounds' and their quartiles."
            "\n\n" + "\n".join(lines) + "\n"
        )


if __name__ == "__main__":
    main()
