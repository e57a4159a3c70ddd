"""What FastAPI gains over Flask: ``python -m bench.serving [--rounds N] [--write]``.

Packs ``examples/ml-serving`` once and runs the image in four ways, with one worker each on one
CPU: Flask with sync and with gevent workers, FastAPI as one would write it first, and FastAPI
that predicts together what waits. All are up at the same time and take turns in being asked by
wrk, on another CPU. A turn is compared with that of Flask's sync worker in the same round, so
that what else the machine does hits both.

Needs wrk (Debian: ``apt-get install wrk``), the development requirements and a Docker engine on
this machine, whose containers are asked at their own addresses.
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
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from docker import DockerClient
from docker.models.containers import Container

from bench.serving.upstream import DELAY

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "bench/SERVING.md"
SCRIPT = Path(__file__).with_name("ask.lua")

SETTINGS = {
    "API_USERNAME": "bench",
    "API_PASSWORD": "the password of the bench",
    "SECRET_KEY": "the secret key of the bench, long enough",
    "WEB_CONCURRENCY": "1",
}

#: The baseline comes first.
WAYS: dict[str, tuple[list[str], dict[str, str]]] = {
    "Flask, sync": (["--args", "flask", "sync"], {"SERVER_TYPE": "flask"}),
    "Flask, gevent": (["--args", "flask", "gevent"], {"SERVER_TYPE": "flask"}),
    "FastAPI": ([], {"SERVER_TYPE": "fastapi", "MICRO_BATCH": "1"}),
    "FastAPI, micro-batching": ([], {"SERVER_TYPE": "fastapi", "MICRO_BATCH": "32"}),
}

#: What is asked, by how many connections at a time.
KINDS = {
    "uncached": ("A prediction that nobody asked for", 8),
    "cached": ("A prediction from the cache", 8),
    "batch": ("A batch of 100 rows", 4),
    "waiting": (f"Another service that answers after {DELAY * 1000:.0f} ms", 64),
}

#: From the mark on it is written by this program.
MARK = "<!-- measured -->\n"


@dataclass(frozen=True)
class Turn:
    """Requests per second, and milliseconds until an answer."""

    rate: float
    p50: float
    p95: float
    p99: float
    worst: float
    refused: int
    failed: int


@dataclass(frozen=True)
class Running:
    """A container that answers, and a token for it."""

    container: Container
    address: str
    token: str

    def ask(self, kind: str, seconds: int, seed: int) -> Turn:
        """Ask as fast as it answers."""
        self.settle()
        pinned = ["taskset", "--cpu-list", "1"] if (os.cpu_count() or 1) > 1 else []
        wrk = ["wrk", "-t1", f"-c{KINDS[kind][1]}", f"-d{seconds}", "--timeout=30", "-s", SCRIPT]
        arguments = [f"http://{self.address}:8000", "--", self.token, kind, str(seed)]
        done = subprocess.run(
            [*pinned, *wrk, *arguments], check=True, capture_output=True, text=True
        )
        (said,) = re.findall(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
        turn = Turn(**json.loads(said))
        if turn.refused or turn.failed:
            sys.exit(f"not all answers are good: {done.stdout}\n{self.container.logs().decode()}")
        return turn

    def settle(self) -> None:
        """Wait until it has answered what earlier turns left: one queue serves all of them."""
        with urllib.request.urlopen(f"http://{self.address}:8000/health", timeout=60) as answer:
            answer.read()

    def memory(self) -> float:
        """Return MiB that the rock can't do without: Pebble and the exporter included."""
        stats = self.container.stats(stream=False, one_shot=True)["memory_stats"]
        return float(stats["usage"] - stats["stats"].get("inactive_file", 0)) / 2**20


@contextmanager
def upstream(engine: DockerClient) -> Iterator[str]:
    """Run the other service; give its address, as containers see it."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.serving.upstream"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            network = engine.networks.get("bridge").attrs["IPAM"]["Config"][0]
            host = network.get("Gateway") or re.sub(r"\.\d+/\d+$", ".1", network["Subnet"])
            yield f"http://{host}:{port}/"
        finally:
            process.terminate()


@contextmanager
def running(engine: DockerClient, image: str, way: str, reference: str) -> Iterator[Running]:
    """Run the image in one of the ways."""
    arguments, variables = WAYS[way]
    pinned = {"cpuset_cpus": "0"} if (os.cpu_count() or 1) > 1 else {}
    container = engine.containers.run(
        image,
        arguments or None,
        detach=True,
        environment={**SETTINGS, **variables, "REFERENCE_URL": reference},
        **pinned,
    )
    try:
        container.reload()
        address = container.attrs["NetworkSettings"]["IPAddress"]
        yield Running(container, address, _login(container, address))
    finally:
        container.remove(force=True)


def _login(container: Container, address: str) -> str:
    body = {"username": SETTINGS["API_USERNAME"], "password": SETTINGS["API_PASSWORD"]}
    request = urllib.request.Request(
        f"http://{address}:8000/login",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return str(json.load(answer)["access_token"])
        except OSError:
            if time.monotonic() > deadline:
                sys.exit(f"no answer:\n{container.logs().decode()}")
            time.sleep(0.1)


def pack(folder: Path) -> str:
    """Train the model, pack and load; the image's name."""
    project = folder / "ml-serving"
    shutil.copytree(ROOT / "examples/ml-serving", project)
    subprocess.run([sys.executable, "create_model.py"], cwd=project, check=True)
    file = project / "rockcraft.yaml"
    file.write_text(file.read_text().replace("name: ml-serving", "name: bench-ml-serving"))
    subprocess.run(
        [sys.executable, "-m", "rockery", "-C", project, "pack", "--load", "--output", folder],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    return "bench-ml-serving:0.1"


Turns = dict[str, dict[str, list[Turn]]]


def measure(
    engine: DockerClient, image: str, rounds: int, seconds: int
) -> tuple[Turns, dict[str, float]]:
    """Return the turns by kind and way, and the memory by way in MiB."""
    turns: Turns = {kind: defaultdict(list) for kind in KINDS}
    with ExitStack() as stack:
        reference = stack.enter_context(upstream(engine))
        ways = {way: stack.enter_context(running(engine, image, way, reference)) for way in WAYS}
        for kind in KINDS:
            for each in ways.values():
                each.ask(kind, 1, 0)  # to warm up
        for number in range(rounds):
            for kind in KINDS:
                for way in sorted(ways, key=list(ways).index, reverse=bool(number % 2)):
                    turns[kind][way].append(ways[way].ask(kind, seconds, number + 1))
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        return turns, {way: each.memory() for way, each in ways.items()}


def tables(turns: Turns, memory: dict[str, float]) -> Iterator[str]:
    """Give the lines of the result."""
    baseline = next(iter(WAYS))
    for kind, (what, connections) in KINDS.items():
        yield f"\n### {what}, {connections} connections\n"
        yield (
            "| server | requests/s | p50, ms | p95, ms | p99, ms | worst, ms "
            "| throughput, ratio | p95, ratio |"
        )
        yield "|---|---|---|---|---|---|---|---|"
        first = turns[kind][baseline]
        for way in WAYS:
            found = turns[kind][way]
            middle = [
                statistics.median(getattr(turn, name) for turn in found)
                for name in ("rate", "p50", "p95", "p99")
            ]
            worst = max(turn.worst for turn in found)
            numbers = " | ".join(f"{value:.1f}" for value in (*middle, worst))
            rate = _spread([a.rate / b.rate for a, b in zip(found, first, strict=True)])
            late = _spread([a.p95 / b.p95 for a, b in zip(found, first, strict=True)])
            yield f"| {way} | {numbers} | {rate} | {late} |"
    yield "\n### Memory after all of it\n"
    yield "| server | MiB |"
    yield "|---|---|"
    yield from (f"| {way} | {value:.0f} |" for way, value in memory.items())


def _spread(ratios: list[float]) -> str:
    if len(ratios) < 2:
        return f"{ratios[0]:.2f}"
    low, middle, high = statistics.quantiles(ratios, method="inclusive")
    return f"**{middle:.2f}** ({low:.2f} to {high:.2f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.serving")
    parser.add_argument("--rounds", type=int, default=6, help="each takes a minute (default: 6)")
    parser.add_argument("--seconds", type=int, default=3, help="of one turn (default: 3)")
    parser.add_argument("--write", action="store_true", help="write bench/SERVING.md")
    chosen = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("python -m bench.serving: there is no wrk: apt-get install wrk")
    engine = DockerClient.from_env(timeout=300)
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        image = pack(Path(folder))
        turns, memory = measure(engine, image, chosen.rounds, chosen.seconds)
        engine.images.remove(image)
    said = "\n".join(tables(turns, memory))
    print(said)
    if chosen.write:
        told = RESULT.read_text().partition(MARK)[0]
        RESULT.write_text(
            f"{told}{MARK}\nWritten by `python -m bench.serving --rounds {chosen.rounds} "
            f"--seconds {chosen.seconds} --write` on {datetime.date.today():%Y-%m-%d}, on a "
            f"machine with {os.cpu_count()} CPUs (load when it began: {busy:.1f}). Medians of the "
            "rounds; the worst is that of all. Ratios are to Flask's sync worker in the same "
            "round: the median, and the quartiles.\n" + said + "\n"
        )


if __name__ == "__main__":
    main()
