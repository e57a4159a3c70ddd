"""What metrics and the launcher cost: ``python -m bench.runtime [--rounds N] [--write]``.

Packs two of the examples, runs each in three ways in the same image, and compares:

- with metrics, as the rock is;
- without: the same launcher and workers, nothing counted (``--statsd-host=``);
- plain: ``gunicorn`` itself, with the same worker (for the start only).

The ways take turns, so that what else the machine does hits all of them. What is printed, and
written to bench/RUNTIME.md with ``--write``: medians of requests per second and of the 99th
percentile, by wrk, of the CPU time that a request costs, the exporter's included (which other
work on the machine disturbs least), and of the time from ``docker run`` to the first answer of
200.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from docker import DockerClient

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "bench/RUNTIME.md"

#: By framework: the example, and the command that is Gunicorn and nothing else.
EXAMPLES = {
    "flask": ("flask-hello", "gunicorn --chdir /flask/app -b 0.0.0.0:8000 -w {workers} app:app"),
    "fastapi": (
        "fastapi-hello",
        "gunicorn --chdir /fastapi/app -b 0.0.0.0:8000 -w {workers} "
        "-k uvicorn_worker.UvicornWorker app:app",
    ),
}
WORKERS = 2
CONNECTIONS = 8
SECONDS = 5

#: What is asked for: with metrics against without.
THROUGHPUT = {"flask": 0.97, "fastapi": 0.93}
PERCENTILE = 1.1
START = 1.1


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


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


@contextmanager
def running(*arguments: str) -> Iterator[tuple[str, str, float]]:
    """Run a container; its id, its address, and the seconds until it answered with 200."""
    began = time.monotonic()
    container = docker("run", "-d", *arguments)
    try:
        address = docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", container)
        while True:
            try:
                with urllib.request.urlopen(f"http://{address}:8000/", timeout=5) as answer:
                    if answer.status == 200:
                        break
            except OSError:
                if time.monotonic() - began > 60:
                    raise
                time.sleep(0.005)
        yield container, address, time.monotonic() - began
    finally:
        docker("rm", "-f", container)


def used(container: str) -> float:
    """Return the CPU time that a container has used, in microseconds."""
    client = DockerClient.from_env()
    stats: dict[str, Any] = client.containers.get(container).stats(stream=False, one_shot=True)
    client.close()
    return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1000


def load(container: str, address: str) -> tuple[float, float, float]:
    """Ask as fast as it answers.

    Returns requests per second, the 99th percentile in ms, and microseconds of CPU per request.
    """
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", "--latency", f"http://{address}:8000/"]
    subprocess.run([*wrk, "-d1"], check=True, capture_output=True)
    before = used(container)
    said = subprocess.run([*wrk, f"-d{SECONDS}"], check=True, capture_output=True, text=True).stdout
    cost = used(container) - before
    (number_of,) = re.findall(r"(\d+) requests in", said)
    (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", said)
    ((number, unit),) = re.findall(r"99%\s+([\d.]+)(us|ms|s)\b", said)
    percentile = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    return float(rate), percentile, cost / int(number_of)


def measure(framework: str, image: str, rounds: int) -> list[str]:
    """Return the lines of the result's table."""
    service, gunicorn = framework, EXAMPLES[framework][1].format(workers=WORKERS)
    worker = "sync" if framework == "flask" else "uvicorn"
    told = ["-e", f"WEB_CONCURRENCY={WORKERS}", image]
    ways = {
        "with": told,
        "without": [*told, "--args", service, worker, "--statsd-host="],
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    percentiles: dict[str, list[float]] = {way: [] for way in ways}
    costs: dict[str, list[float]] = {way: [] for way in ways}
    ours: list[float] = []
    plain: list[float] = []
    first, *rest = gunicorn.split()
    for number in range(rounds):
        for way in sorted(ways, reverse=bool(number % 2)):
            with running(*ways[way]) as (container, address, seconds):
                rate, percentile, cost = load(container, address)
            rates[way].append(rate)
            percentiles[way].append(percentile)
            costs[way].append(cost)
            if way == "with":
                ours.append(seconds)
        with running("--entrypoint", f"/usr/bin/{first}", image, *rest) as (_, _, seconds):
            plain.append(seconds)
        for _ in range(2):  # the start is short, and varies
            with running(*ways["with"]) as (_, _, seconds):
                ours.append(seconds)
            with running("--entrypoint", f"/usr/bin/{first}", image, *rest) as (_, _, seconds):
                plain.append(seconds)

    def row(what: str, one: list[float], other: list[float], wanted: str, digits: int) -> str:
        a, b = statistics.median(one), statistics.median(other)
        return (
            f"| {framework} | {what} | {a:.{digits}f} | {b:.{digits}f} | {a / b:.3f} | {wanted} |"
        )

    throughput = f"at least {THROUGHPUT[framework]}"
    return [
        row("requests/s, with metrics, without", rates["with"], rates["without"], throughput, 0),
        row(
            "99th percentile in ms, with, without",
            percentiles["with"],
            percentiles["without"],
            f"at most {PERCENTILE}",
            2,
        ),
        row("µs of CPU per request, with, without", costs["with"], costs["without"], "", 0),
        row("start in s, the rock, plain gunicorn", ours, plain, f"at most {START}", 3),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.runtime")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=EXAMPLES)
    parser.add_argument("--write", action="store_true", help="write bench/RUNTIME.md")
    chosen = parser.parse_args()
    lines = ["| rock | what | one | other | ratio | wanted |", "|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        for framework in [chosen.only] if chosen.only else EXAMPLES:
            image = pack(EXAMPLES[framework][0], Path(folder))
            lines += measure(framework, image, chosen.rounds)
            print("\n".join(lines), flush=True)
    if chosen.write:
        RESULT.write_text(
            "# What metrics and the launcher cost\n\n"
            f"`python -m bench.runtime --rounds {chosen.rounds} --write`, on "
            f"{datetime.date.today():%Y-%m-%d}, on a machine with {os.cpu_count()} CPUs: medians "
            f"of interleaved runs of {SECONDS} s, wrk with {CONNECTIONS} connections on the same "
            f"machine, {WORKERS} workers.\n\n" + "\n".join(lines) + "\n"
        )


if __name__ == "__main__":
    main()
