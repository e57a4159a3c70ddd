"""A view: the union of a rock's unpacked layers as the root of a command, thrown away after.

The view is writable and the layers are not touched: an overlay in namespaces of its own
(user, mount, process id, ipc, host name, and network unless it is asked for), in which the
caller is the rock's user. No privilege is needed where the host allows user namespaces; a
host that doesn't raises :class:`Forbidden`. Asks for Linux 5.11, the first on which an
ordinary user mounts an overlay.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path

from rockery.errors import Problem, RockeryError
from rockery.verify import keeper

#: User and group ``_daemon_`` of every rock.
DAEMON = 584792

# What is kept of a command's output and reply: the end of one, the start of the other.
_OUTPUT_LIMIT = 64 * 1024
_REPLY_LIMIT = 4 * 1024 * 1024
# Beyond the command's own time limit: for the keeper to kill and to answer.
_GRACE = 20


class Forbidden(Exception):  # noqa: N818 - it says what happened, and is no fault
    """The host does not let us make a view; the text says which step it refused."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    ``status`` is its exit status, negative for a signal; ``failed`` says why it could not
    be started at all ("/usr/bin/python3: no such file or directory"). ``output`` is the
    end of what it printed and ``reply`` what it wrote to descriptor 3, both empty unless
    the command was captured.
    """

    status: int
    timed_out: bool = False
    failed: str | None = None
    output: bytes = b""
    reply: bytes = b""


def enter(
    lowerdirs: Sequence[Path],
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str = "/",
    network: bool = False,
    first: bool = False,
    timeout: float | None = None,
    capture: bool = False,
) -> Ended:
    """Run ``argv`` with the union of ``lowerdirs`` (bottom to top) as its root.

    ``argv[0]`` and ``cwd`` are absolute paths in there, ``env`` is the whole environment.
    ``first`` makes the command process 1 itself, in the caller's terminal session, with
    signals sent to it forwarded; else a small process 1 reaps, and the command has a
    session of its own. Everything inside is dead when this returns, whether the command
    ended, or ``timeout`` seconds went by, or the caller was interrupted.

    ``capture`` gives the command an empty standard input and collects its output and its
    reply; else it shares the caller's streams.

    The caller should own the files of ``lowerdirs``: those of others cannot be changed in
    the view.

    Raises:
        Forbidden: the host doesn't allow it.
        RockeryError: the keeper died.
    """
    with tempfile.TemporaryDirectory(prefix="rockery-view-") as scratch:
        return _keep(
            keeper.Order(
                lowerdirs=_trees(lowerdirs),
                scratch=scratch,
                uid=DAEMON,
                network=network,
                argv=list(argv),
                env=dict(env),
                cwd=cwd,
                first=first,
                timeout=timeout,
                reply=None,
                answer=-1,
            ),
            capture=capture,
        )


def stay(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    timeout: float | None = None,
) -> Ended:
    """Run ``argv`` as a plain process on the host, captured, and leave nothing of it alive.

    For where views are forbidden. It sees the host's files and network.
    """
    return _keep(
        keeper.Order(
            lowerdirs=None,
            scratch="",
            uid=-1,
            network=True,
            argv=list(argv),
            env=dict(env),
            cwd=cwd,
            first=False,
            timeout=timeout,
            reply=None,
            answer=-1,
        ),
        capture=True,
    )


class Running:
    """A command that runs as process 1 of a view, on the host's network; see :func:`start`.

    It dies with this process, however that ends.
    """

    def __init__(self, lowerdirs: Sequence[Path], argv: Sequence[str], env: Mapping[str, str]):
        self._argv = argv
        with contextlib.ExitStack() as cleanup:
            scratch = tempfile.TemporaryDirectory(prefix="rockery-view-")
            self._kept = cleanup.enter_context(
                _spawned(
                    keeper.Order(
                        lowerdirs=_trees(lowerdirs),
                        scratch=cleanup.enter_context(scratch),
                        uid=DAEMON,
                        network=True,
                        argv=list(argv),
                        env=dict(env),
                        cwd="/",
                        first=True,
                        timeout=None,
                        reply=None,
                        answer=-1,
                    ),
                    capture=False,
                    session=True,
                )
            )
            self._cleanup = cleanup.pop_all()
        self._ended: Ended | None = None

    @property
    def process(self) -> int:
        """The process of this host that the command runs below."""
        return self._kept.process.pid

    def ended(self) -> Ended | None:
        """Return how the command ended, or None while it runs.

        Raises:
            Forbidden: the host doesn't allow it.
            RockeryError: the keeper died.
        """
        if self._ended is None and self._kept.process.poll() is not None:
            with self._cleanup:
                said = self._kept.answer.read(_REPLY_LIMIT) or b""
            self._ended = _outcome(said, b"", self._argv, self._kept.process.returncode)
        return self._ended

    def stop(self, seconds: float | None = None) -> None:
        """Ask the command to end (SIGTERM) and wait; after so many seconds it is killed."""
        if self._kept.process.poll() is None:
            self._kept.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._kept.process.wait(seconds)
        self._cleanup.close()


def start(lowerdirs: Sequence[Path], argv: Sequence[str], *, env: Mapping[str, str]) -> Running:
    """Start ``argv`` with the union of ``lowerdirs`` as its root, and don't wait for its end.

    It is process 1 there, in a session of its own, and shares the caller's output. The rest is
    as in :func:`enter`.
    """
    return Running(lowerdirs, argv, env)


def _trees(lowerdirs: Sequence[Path]) -> list[str]:
    # A folder named twice is no overlay; the upper one hides the lower one entirely.
    trees = [str(tree.resolve(strict=True)) for tree in lowerdirs]
    return list(dict.fromkeys(reversed(trees)))[::-1]


@dataclass(frozen=True)
class _Kept:
    """The keeper, and the ends of its pipes that are ours."""

    process: subprocess.Popen[bytes]
    lifeline: FileIO
    answer: FileIO
    output: FileIO
    reply: FileIO


@contextlib.contextmanager
def _spawned(order: keeper.Order, *, capture: bool, session: bool) -> Iterator[_Kept]:
    """Give a keeper that carries out the order; leaving ends it."""
    with contextlib.ExitStack() as cleanup:
        orders, lifeline = _pipe(cleanup)
        answer, answer_end = _pipe(cleanup)
        output, output_end = _pipe(cleanup)
        reply, reply_end = _pipe(cleanup)
        order["answer"] = answer_end.fileno()
        order["reply"] = reply_end.fileno() if capture else None
        process = subprocess.Popen(
            # -I and -S: nothing of the environment, no site packages, an eighth of the time.
            [sys.executable, "-I", "-S", keeper.__file__, str(orders.fileno())],
            stdin=subprocess.DEVNULL if session else None,
            stdout=output_end if capture else None,
            stderr=output_end if capture else None,
            pass_fds=[end.fileno() for end in (orders, answer_end, reply_end)],
            start_new_session=session,
        )
        try:
            for end in (orders, answer_end, output_end, reply_end):
                end.close()
            with contextlib.suppress(BrokenPipeError):  # its missing answer tells
                message = json.dumps(order).encode() + b"\n"
                while message:
                    message = message[lifeline.write(message) or 0 :]
            yield _Kept(process, lifeline, answer, output, reply)
        finally:
            lifeline.close()  # the keeper kills what is left, and ends
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _keep(order: keeper.Order, *, capture: bool) -> Ended:
    with _spawned(order, capture=capture, session=capture) as kept:
        limits = {kept.answer: _REPLY_LIMIT, kept.output: -_OUTPUT_LIMIT, kept.reply: _REPLY_LIMIT}
        timeout = order["timeout"]
        received = _receive(limits, kept.answer, None if timeout is None else timeout + _GRACE)
    said, output = received[kept.answer], received[kept.output]
    ended = _outcome(said, output, order["argv"], kept.process.returncode)
    return replace(ended, output=output, reply=received[kept.reply])


def _outcome(said: bytes, output: bytes, argv: Sequence[str], status: int) -> Ended:
    """Return what the keeper's answer means; the keeper itself printed and ended as given."""
    if not said:
        reason = _last_line(output, status)
        raise RockeryError(Problem(f"cannot run {argv[0]}: {reason}", "keeper-failed"))
    outcome: keeper.Answer = json.loads(said)
    if outcome["forbidden"] is not None:
        raise Forbidden(outcome["forbidden"])
    return Ended(outcome["status"], outcome["timed_out"], outcome["failed"])


def _pipe(cleanup: contextlib.ExitStack) -> tuple[FileIO, FileIO]:
    """Return the read and the write end of a pipe, closed with ``cleanup`` at the latest."""
    read_end, write_end = os.pipe()
    return (
        cleanup.enter_context(FileIO(read_end, "r")),
        cleanup.enter_context(FileIO(write_end, "w")),
    )


def _receive(
    limits: Mapping[FileIO, int], answer: FileIO, timeout: float | None
) -> dict[FileIO, bytes]:
    """Read from all pipes until ``answer`` ends, or for ``timeout`` seconds.

    A limit is how many bytes are kept: the first of them, or, if negative, the last.
    """
    received = dict.fromkeys(limits, b"")

    def read(pipe: FileIO) -> bool:
        """Read once and say whether there was anything; raise at the end of the pipe."""
        piece = pipe.read(65536)
        if piece == b"":
            raise EOFError
        limit, kept = limits[pipe], received[pipe] + (piece or b"")
        received[pipe] = kept[:limit] if limit > 0 else kept[limit:]
        return bool(piece)

    deadline = None if timeout is None else time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        for pipe in limits:
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, pipe)
        while answer in (pipes := {key.data for key in selector.get_map().values()}):
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break  # the keeper is stuck, and the caller kills it
            for key, _ in selector.select(left):
                try:
                    read(key.data)
                except EOFError:
                    selector.unregister(key.data)
        for pipe in pipes - {answer}:
            with contextlib.suppress(EOFError):
                while read(pipe):
                    pass
    return received


def _last_line(output: bytes, status: int) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"the keeper ended with status {status}"
