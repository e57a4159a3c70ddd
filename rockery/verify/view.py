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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    # A folder named twice is no overlay; the upper one hides the lower one entirely.
    trees = [str(tree.resolve(strict=True)) for tree in lowerdirs]
    trees = list(dict.fromkeys(reversed(trees)))[::-1]
    with tempfile.TemporaryDirectory(prefix="rockery-view-") as scratch:
        return _keep(
            keeper.Order(
                lowerdirs=trees,
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


def _keep(order: keeper.Order, *, capture: bool) -> Ended:
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
            stdin=subprocess.DEVNULL if capture else None,
            stdout=output_end if capture else None,
            stderr=output_end if capture else None,
            pass_fds=[end.fileno() for end in (orders, answer_end, reply_end)],
            start_new_session=capture,
        )
        try:
            for end in (orders, answer_end, output_end, reply_end):
                end.close()
            with contextlib.suppress(BrokenPipeError):  # its missing answer tells
                message = json.dumps(order).encode() + b"\n"
                while message:
                    message = message[lifeline.write(message) or 0 :]
            limits = {answer: _REPLY_LIMIT, output: -_OUTPUT_LIMIT, reply: _REPLY_LIMIT}
            timeout = order["timeout"]
            received = _receive(limits, answer, None if timeout is None else timeout + _GRACE)
        finally:
            lifeline.close()  # the keeper kills what is left, and ends
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    if not received[answer]:
        reason = _last_line(received[output], process.returncode)
        raise RockeryError(Problem(f"cannot run {order['argv'][0]}: {reason}", "keeper-failed"))
    outcome: keeper.Answer = json.loads(received[answer])
    if outcome["forbidden"] is not None:
        raise Forbidden(outcome["forbidden"])
    return Ended(
        outcome["status"],
        outcome["timed_out"],
        outcome["failed"],
        received[output],
        received[reply],
    )


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
