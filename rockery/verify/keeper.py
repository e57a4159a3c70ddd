"""The process between rockery and a command that runs in a view of a rock.

Run by its path with the host's own Python and nothing but the standard library, so that
it starts in milliseconds, has a single thread (``unshare`` of a user namespace asks for
that) and takes nothing of rockery along when it fails. It reads an :class:`Order`, makes
the namespaces, runs the command, waits, and leaves no process and no mount behind: those
inside die with the process id namespace, the others because the keeper adopts and kills
what the command leaves.

The pipe that brings the order stays open as long as rockery lives. When it ends, so does
the command.
"""

# Plain calls, one system call each: paths here are relative to roots that change.
# ruff: noqa: PTH101, PTH102, PTH108, PTH123, PTH208, PTH211

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import socket
import stat
import struct
import sys
import time
from typing import NoReturn, TypedDict

#: The descriptor on which the command finds the pipe for its reply, if it was promised one.
REPLY = 3

_HOSTS = "127.0.0.1\tlocalhost {name}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
_HOSTNAME = "rock"
_DEVICES = ("null", "zero", "full", "random", "urandom")

# From linux/sched.h, sys/mount.h, linux/prctl.h and linux/if.h. Python has os.unshare
# from 3.12 on only, and the mount program refuses to work under a uid that isn't 0.
_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 0x1, 0x2, 0x4, 0x8
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1

_libc = ctypes.CDLL(None, use_errno=True)


class Order(TypedDict):
    """What to run and how; sent as one line of JSON."""

    #: Folders whose union is the root, bottom to top; None: no view, a plain process.
    lowerdirs: list[str] | None
    #: An empty folder to mount on. Nothing is written into it.
    scratch: str
    #: User and group that the caller becomes inside.
    uid: int
    #: Whether the host's network is seen; else only a loopback interface of its own.
    network: bool
    argv: list[str]
    env: dict[str, str]
    cwd: str
    #: Whether the command itself is process 1, rather than a child of one that reaps.
    first: bool
    #: Seconds until everything is killed.
    timeout: float | None
    #: Descriptor that the command is given as :data:`REPLY`.
    reply: int | None
    #: Descriptor on which the keeper writes its :class:`Answer`.
    answer: int


class Answer(TypedDict):
    """How it went."""

    #: What the host forbids; the command was not run.
    forbidden: str | None
    #: Why the command could not be started.
    failed: str | None
    #: Exit status of the command, negative for a signal, as in ``subprocess``.
    status: int
    timed_out: bool


def main(lifeline: int) -> None:
    """Carry out the order that stands on descriptor ``lifeline``."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(lifeline, 65536)
        if not piece:
            return
        line += piece
    order: Order = json.loads(line)
    for descriptor in (lifeline, order["answer"], order["reply"]):
        if descriptor is not None:
            os.set_inheritable(descriptor, False)
    answer = json.dumps(_carry_out(order, lifeline))
    os.write(order["answer"], answer.encode())


def _carry_out(order: Order, lifeline: int) -> Answer:
    outcome = Answer(forbidden=None, failed=None, status=0, timed_out=False)
    wakeup = _wakeup()
    report, low = os.pipe()
    # The command's reply takes descriptor 3, so the report must not lie there.
    write_end = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(low)
    try:
        if order["lowerdirs"] is None:
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        else:
            _leave(order["uid"], network=order["network"])
    except OSError as error:
        outcome["forbidden"] = _words(error)
        return outcome
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        _become(order, write_end, keeper)
    os.close(write_end)
    if order["first"]:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, lambda number, _: os.kill(child, number))
    status, outcome["timed_out"] = _wait(child, wakeup, lifeline, order["timeout"])
    if order["lowerdirs"] is None:
        _bury()
    outcome["status"] = os.waitstatus_to_exitcode(status)
    os.set_blocking(report, False)
    with contextlib.suppress(BlockingIOError):
        for line in os.read(report, 65536).splitlines():
            outcome.update(json.loads(line))
    return outcome


def _wakeup() -> int:
    """Return a descriptor that becomes readable whenever a child ends."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return read_end


def _wait(child: int, wakeup: int, lifeline: int, timeout: float | None) -> tuple[int, bool]:
    """Wait for the child and return its wait status, and whether it had to be killed."""
    deadline = None if timeout is None else time.monotonic() + timeout
    poller = select.poll()
    poller.register(wakeup, select.POLLIN)
    poller.register(lifeline, select.POLLIN)
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        ready = dict(poller.poll(left))
        if wakeup in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wakeup, 4096)
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status, False
        if lifeline in ready or (deadline is not None and time.monotonic() >= deadline):
            os.kill(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1], True


def _bury() -> None:
    """Kill and reap every process that a plain command left, however it detached itself.

    They became our children when their parents ended. (A view's have died with process 1.)
    """
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for process in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if _parent(process) == os.getpid():
                    os.kill(int(process), signal.SIGKILL)
        time.sleep(0.002)


def _parent(process: str) -> int:
    with open(f"/proc/{process}/stat", "rb") as file:
        # The command's name, in parentheses, may itself contain anything.
        return int(file.read().rpartition(b")")[2].split()[1])


def _leave(uid: int, *, network: bool) -> None:
    """Enter namespaces of our own, in which the caller is ``uid``."""
    user, group = os.geteuid(), os.getegid()
    namespaces = _CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWIPC | _CLONE_NEWUTS
    if not network:
        namespaces |= _CLONE_NEWNET
    _call("unshare", namespaces)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {user} 1")
    _write("/proc/self/gid_map", f"{uid} {group} 1")
    if not network:
        _loopback()


def _loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def _become(order: Order, report: int, keeper: int) -> NoReturn:
    """Become the command, or process 1 with the command below it."""
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if order["lowerdirs"] is None:
            if os.getppid() != keeper:
                os._exit(1)
            _execute(order, report)
        if not order["first"]:
            os.setsid()
        _mount(order["lowerdirs"], order["scratch"], network=order["network"])
    except OSError as error:
        _tell(report, forbidden=_words(error))
        os._exit(1)
    if order["first"]:
        _execute(order, report)
    # The command is not process 1 itself, because the kernel keeps signals without a
    # handler from that one: a crash or a kill would not look like one.
    command = os.fork()
    if command == 0:
        _execute(order, report)
    while True:
        ended, status = os.wait()
        if ended == command:
            break
    if status:
        code = os.waitstatus_to_exitcode(status)
        _tell(report, status=code)
    os._exit(0)


def _execute(order: Order, report: int) -> NoReturn:
    what = f"the working folder {order['cwd']}"
    try:
        if not order["first"]:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # Python ignores them, and that is inherited
        if order["reply"] is not None:
            os.dup2(order["reply"], REPLY)
        os.umask(0o022)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        os.chdir(order["cwd"])
        what = order["argv"][0]
        os.execve(what, order["argv"], order["env"])  # noqa: S606
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        _tell(report, failed=f"{what}: {reason}")
        os._exit(127)


def _tell(report: int, **outcome: str | int) -> None:
    """Tell the keeper a part of its answer."""
    os.write(report, json.dumps(outcome).encode() + b"\n")


def _mount(lowerdirs: list[str], scratch: str, *, network: bool) -> None:
    """Make the union of ``lowerdirs`` the root, writable, with what a container finds there."""
    _attach(None, "/", None, _MS_REC | _MS_PRIVATE)
    _attach("tmpfs", scratch, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755")
    os.chdir(scratch)
    for folder in ("upper", "work", "root"):
        os.mkdir(folder)
    # Links with short names: options are limited to a page, and neither colons nor
    # commas in a path matter then.
    for number, lowerdir in enumerate(lowerdirs):
        os.symlink(lowerdir, str(number))
    lower = ":".join(str(number) for number in reversed(range(len(lowerdirs))))
    options = f"lowerdir={lower},upperdir=upper,workdir=work,userxattr"
    _attach("overlay", "root", "overlay", _MS_NOSUID | _MS_NODEV, options)
    os.chdir("root")

    _folder("proc")
    # Read-only, because for a caller who is root the files below /proc/sys are its own.
    flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _attach("proc", "proc", "proc", flags)
    _folder("dev")
    _attach("tmpfs", "dev", "tmpfs", _MS_NOSUID | _MS_NOEXEC, "mode=0755")
    for device in _DEVICES:
        _write(f"dev/{device}", "")
        _attach(f"/dev/{device}", f"dev/{device}", None, _MS_BIND)
    for name, descriptor in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{descriptor}", f"dev/{name}")
    os.mkdir("dev/shm")
    os.chmod("dev/shm", 0o1777)  # noqa: S103
    if not os.path.lexists("tmp"):
        os.mkdir("tmp")
        os.chmod("tmp", 0o1777)  # noqa: S103
    name = socket.gethostname() if network else _HOSTNAME
    if not network:
        socket.sethostname(name)
    resolver = _read("/etc/resolv.conf") if network else ""
    hosts = _read("/etc/hosts") if network else ""

    # The old root ends up on top of the new one, and goes.
    _call("pivot_root", b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    _folder("/etc")
    _replace("/etc/hosts", hosts or _HOSTS.format(name=name))
    _replace("/etc/resolv.conf", resolver)
    _replace("/etc/hostname", f"{name}\n")


def _folder(path: str) -> None:
    """Make sure that ``path`` is a folder of the view, and no link that leads out of it."""
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            return
        os.unlink(path)
    except FileNotFoundError:
        pass
    os.mkdir(path)


def _replace(path: str, text: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    _write(path, text)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _attach(
    source: str | None, target: str, kind: str | None, flags: int, options: str = ""
) -> None:
    words = (word.encode() if word is not None else None for word in (source, target, kind))
    _call("mount", *words, ctypes.c_ulong(flags), options.encode() or None)


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        shown = b" ".join(word for word in arguments[:2] if isinstance(word, bytes)).decode()
        raise OSError(number, os.strerror(number), f"{name} {shown}".strip())


def _words(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return f"{error.filename}: {reason}" if error.filename else reason


if __name__ == "__main__":
    main(int(sys.argv[1]))
