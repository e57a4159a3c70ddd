"""Views for any command, with a real target tree."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rockery.verify import view

# One process runs them all: what one leaves behind another would see.
pytestmark = [pytest.mark.network, pytest.mark.xdist_group("verify")]

_ROOT = Path(__file__).parents[3]
_ENV = {"PATH": "/usr/bin"}


def _python(runtime: Path, code: str, **options: object) -> view.Ended:
    argv = ["/usr/bin/python3", "-c", code]
    try:
        return view.enter([runtime], argv, env=_ENV, capture=True, **options)  # type: ignore[arg-type]
    except view.Forbidden as reason:
        pytest.skip(f"this host forbids views: {reason}")


def test_what_is_inside(runtime: Path) -> None:
    code = """
import os, pwd, socket
print(os.getuid(), os.getgid(), pwd.getpwuid(os.getuid()).pw_name, socket.gethostname())
print(sorted(os.environ), os.getcwd(), sorted(os.listdir("/")))
open("/dev/null", "w").write("x"); os.read(os.open("/dev/urandom", os.O_RDONLY), 4)
open("/dev/shm/x", "w"); open("/tmp/x", "w")
print([each for each in os.listdir("/proc") if each.isdigit()])
print(sum(os.path.exists(f"/proc/{each}/root/work") for each in (1, "self")))
os.write(3, b"a reply")
"""
    ended = _python(runtime, code, cwd="/usr")
    assert ended.status == 0, ended.output
    assert ended.reply == b"a reply"
    assert ended.output.decode().splitlines() == [
        "584792 584792 _daemon_ rock",
        "['PATH'] /usr ['bin', 'dev', 'etc', 'lib', 'lib64', 'proc', 'sbin', 'tmp', 'usr']",
        "['1', '2']",
        "0",
    ]


@pytest.mark.parametrize(
    "code",
    [
        "open('/proc/sys/kernel/core_pattern', 'w')",
        "open('/proc/sysrq-trigger', 'w')",
        "import ctypes; libc = ctypes.CDLL(None); libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None)"
        " and exit(1)",
        "import os; os.mknod('/tmp/sda', 0o60600, os.makedev(8, 0))",
        "import os; os.setuid(0)",
        "import os; os.chroot('/tmp')",
    ],
)
def test_what_is_not_allowed(runtime: Path, code: str) -> None:
    # Also for root: the caller's own files and settings are not to be had from inside.
    assert _python(runtime, code).status == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("exit(3)", 3),
        ("import os; os.kill(os.getpid(), 15)", -15),
        ("import os; os.kill(0, 9)", -9),
        ("import os; os.kill(1, 9)", 0),
    ],
)
def test_status(runtime: Path, code: str, status: int) -> None:
    assert _python(runtime, code).status == status


def test_only_the_end_of_what_is_printed_is_kept(runtime: Path) -> None:
    ended = _python(runtime, "print('x' * 50_000_000); print('end')")
    assert len(ended.output) < 100_000
    assert ended.output.endswith(b"x\nend\n")


def test_timeout(runtime: Path) -> None:
    started = time.monotonic()
    code = (
        "import os, signal, time\nsignal.signal(15, 1)\nos.fork() or os.setsid()\ntime.sleep(600)"
    )
    ended = _python(runtime, code, timeout=1)
    assert ended.timed_out
    assert ended.status == -9
    assert time.monotonic() - started < 10


def test_cannot_start(runtime: Path) -> None:
    def failed(argv: str, cwd: str = "/") -> str | None:
        try:
            return view.enter([runtime], [argv], env={}, cwd=cwd, capture=True).failed
        except view.Forbidden as reason:
            pytest.skip(f"this host forbids views: {reason}")

    assert failed("/nowhere") == "/nowhere: no such file or directory"
    assert failed("/etc/passwd") == "/etc/passwd: permission denied"
    folder = "the working folder /srv: no such file or directory"
    assert failed("/usr/bin/python3", "/srv") == folder


def test_links_do_not_lead_out(runtime: Path, tmp_path: Path) -> None:
    outside, top = tmp_path / "outside", tmp_path / "top"
    outside.mkdir()
    top.mkdir()
    for name in ("proc", "dev", "etc"):
        (top / name).symlink_to(outside)
    try:
        ended = view.enter(
            [runtime, top], ["/usr/bin/python3", "-c", "open('/dev/null')"], env={}, capture=True
        )
    except view.Forbidden as reason:
        pytest.skip(f"this host forbids views: {reason}")
    assert ended.status == 0, ended.output
    assert not list(outside.iterdir())


def test_hosts_network_on_request(runtime: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection({server.getsockname()})"
        assert _python(runtime, code).status == 1
        assert _python(runtime, code, network=True).status == 0


def test_as_process_one_signals_are_forwarded(runtime: Path) -> None:
    # How a whole rock runs without an engine: the command is process 1, in our terminal.
    _python(runtime, "")
    inside = (
        "import os, signal, sys, time; signal.signal(15, lambda *_: sys.exit(7));"
        "print(os.getpid(), flush=True); time.sleep(600)"
    )
    outside = (
        "import sys; from pathlib import Path; from rockery.verify import view;"
        "ended = view.enter([Path(sys.argv[1])], ['/usr/bin/python3', '-c', sys.argv[2]],"
        " env={}, network=True, first=True); sys.exit(ended.status)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", outside, runtime, inside],
        cwd=_ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "1\n"
        keeper = next(
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if b"keeper.py" in path.read_bytes()
            and f"\nPPid:\t{process.pid}\n" in (path.parent / "status").read_text()
        )
        os.kill(keeper, signal.SIGTERM)
        assert process.wait(20) == 7
