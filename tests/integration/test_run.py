"""``rockery run``: serves, follows the project, and leaves nothing behind, on every engine."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from surroundings import EXAMPLES, ROOT, tool

pytestmark = pytest.mark.network

PATIENCE = 120
INTERRUPTED = 130

ENGINES = ("embedded", pytest.param("docker", marks=pytest.mark.engine))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def text(url: str) -> str:
    """Return what answers there, or nothing."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.read().decode())
    except OSError:
        return ""


class Run:
    """A running ``rockery run`` over its own copy of flask-hello."""

    def __init__(self, folder: Path, store: Path, *words: str, env: dict[str, str] | None = None):
        if not (folder / "project").exists():
            shutil.copytree(EXAMPLES / "flask-hello", folder / "project")
        self.app = folder / "project/app.py"
        self.port, self.metrics = free_port(), free_port()
        self._streams = folder / "output", folder / "errors"
        with self._streams[0].open("wb") as output, self._streams[1].open("wb") as errors:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "rockery", "-C", self.app.parent, "run"),
                    *("--port", str(self.port), "--metrics-port", str(self.metrics), *words),
                ],
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                    "ROCKERY_STORE": str(store),
                    **(env or {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._streams[0].read_text()

    @property
    def errors(self) -> str:
        return self._streams[1].read_text()

    def wait_for(self, wanted: str) -> None:
        """Wait until the app answers so, or standard error says so."""
        self.wait_until(lambda: wanted in self.errors or wanted in self.answer(), repr(wanted))

    def wait_until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until ``holds()`` is true, while the rock runs."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if holds():
                return
            assert self.process.poll() is None, self.output + self.errors
            time.sleep(0.05)
        pytest.fail(f"no {what} within {PATIENCE} s:\n{self.output}{self.errors}")

    def answer(self) -> str:
        return text(f"http://127.0.0.1:{self.port}/")

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture(params=ENGINES)
def run(request: pytest.FixtureRequest, tmp_path: Path, store: Path) -> Iterator[Run]:
    if request.param == "docker":
        request.getfixturevalue("engine")
    started = Run(tmp_path, store, "--watch", "--engine", request.param)
    yield started
    if started.process.poll() is None:
        started.interrupt()


def test_follows_the_project_and_ends_cleanly(run: Run) -> None:
    run.wait_for("Hello, world!")
    run.wait_for(f"answers on http://localhost:{run.port}")
    assert "[flask]" in run.output  # its log

    text = run.app.read_text()
    run.app.write_text(text.replace("world", "changed world"))
    run.wait_for("Hello, changed world!")

    # One that cannot start is explained, and doesn't end what served before.
    run.app.write_text(text + '\nraise RuntimeError("broken on purpose")\n')
    run.wait_for("RuntimeError: broken on purpose")
    run.wait_for("serving what was there before")
    run.wait_for("Hello, changed world!")

    run.app.write_text(text.replace("world", "mended world"))
    run.wait_for("Hello, mended world!")

    assert run.interrupt() == INTERRUPTED
    last = run.output.rpartition("Booting worker")[2]
    assert "Shutting down: Master" in last, run.output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", run.port)), "something still listens"


def test_a_rock_dies_with_the_process_that_runs_it(tmp_path: Path, store: Path) -> None:
    run = Run(tmp_path, store, "--engine", "embedded")
    run.wait_for("Hello, world!")
    run.process.kill()
    run.process.wait()
    deadline = time.monotonic() + 20
    while run.answer():
        assert time.monotonic() < deadline, "it serves on"
        time.sleep(0.05)


def test_without_an_engine_the_standard_library_is_compiled_once(
    tmp_path: Path, store: Path
) -> None:
    run = Run(tmp_path, store, "--watch", "--engine", "embedded")
    run.wait_for("Hello, world!")
    text = run.app.read_text().replace('"Hello, world!\\n"', "f'{os.path.exists(json.__cached__)}'")
    run.app.write_text(f"import json, os\n{text}")
    run.wait_for("True")
    assert run.interrupt() == INTERRUPTED


def test_all_of_a_rock_is_where_it_was_told_to_be(tmp_path: Path, store: Path) -> None:
    """Beside something that has StatsD's port, as another rock on this machine's network has."""
    with socket.socket(type=socket.SOCK_DGRAM) as other, contextlib.suppress(OSError):
        other.bind(("127.0.0.1", 9125))  # else somebody has it already
        project = shutil.copytree(EXAMPLES / "flask-hello", tmp_path / "project")
        with (project / "rockcraft.yaml").open("a") as file:
            file.write("checks: {ready: {period: 500ms, timeout: 400ms}}\n")
        with (project / "app.py").open("a") as file:
            file.write(CHECKED)
        settings = ("--env", "GUNICORN_CMD_ARGS=--workers 1")
        run = Run(tmp_path, store, "--engine", "embedded", *settings)
        run.wait_for("Hello, world!")
        run.wait_for(f"answers on http://localhost:{run.port}")
        assert "port 9125 is in use; " in run.errors
        assert "Using 1 workers" in run.output
        run.wait_until(lambda: "asked by the check" in run.output, "question of the check")
        url = f"http://127.0.0.1:{run.metrics}/metrics"
        run.wait_until(lambda: re.search(r"^flask_requests [1-9]", text(url), re.M), "count")
        assert "address already in use" not in run.output
        assert run.interrupt() == INTERRUPTED


#: Lines of an app that say when Pebble's check has asked it.
CHECKED = """
from flask import request
app.before_request(
    lambda: print("asked by the check", flush=True) if "X-Rock-Check" in request.headers else None
)
"""


def test_a_host_without_user_namespaces_is_named(tmp_path: Path, store: Path) -> None:
    """Here none can be made in a namespace of the test's own, which changes nothing else."""
    words = [sys.executable, "-m", "rockery", "run", "--engine", "embedded"]
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    done = subprocess.run(
        [tool("unshare"), "--user", "--map-root-user", "sh", "-c", forbid, "sh", *words],
        cwd=shutil.copytree(EXAMPLES / "flask-hello", tmp_path / "project"),
        env={**os.environ, "PYTHONPATH": str(ROOT), "ROCKERY_STORE": str(store)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 74, done.stderr
    assert done.stdout == ""
    (said,) = re.findall(r"^error: .*\n(?:  .*\n)*", done.stderr, re.M)
    assert "cannot run the rock without an engine: this host allows no user namespaces\n" in said
    assert "→ use Docker or podman, or allow them: sysctl kernel.apparmor_restrict" in said
    assert "user.max_user_namespaces above 0" in said
