"""Running a rock without an engine, for development: its unpacked layers as a view.

Pebble is process 1 in there, on this machine's network, as the rock's user; no privilege is
needed where the host allows user namespaces.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from rockery.errors import Problem, SurroundingsError
from rockery.image import Image
from rockery.layer import tree
from rockery.run.runner import Wishes
from rockery.store import Store
from rockery.verify import view


class Embedded:
    """Runs a rock in namespaces of its own, made by a process of ours."""

    name = "embedded"

    def __init__(self, wishes: Wishes, store: Store) -> None:
        self._wishes = wishes
        self._store = store
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> int | None:
        """The process that runs the rock."""
        return self._process.pid if self._process is not None else None

    def start(self, image: Image) -> None:
        """Unpack what isn't unpacked, and start the entrypoint."""
        self.stop()
        wishes = self._wishes
        words = [*image.settings.entrypoint, *image.settings.command]
        words += ["--args", *wishes.arguments] if wishes.arguments else []
        request = {
            "trees": [str(tree.unpacked(self._store, layer)) for layer in image.layers],
            "words": words,
            "environment": {**image.settings.environment, **self._ports(), **wishes.environment},
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rockery.run.embedded"],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode())
        self._process.stdin.close()

    def _ports(self) -> dict[str, str]:
        """Return the variables that lead a rock on the host's own network to its ports."""
        given = self._wishes.environment.get("GUNICORN_CMD_ARGS", "")
        return {
            "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self._wishes.port} {given}".strip(),
            "ROCK_METRICS_ADDRESS": f"127.0.0.1:{self._wishes.metrics_port}",
        }

    def ended(self) -> int | None:
        """Return the exit status once the rock has ended."""
        status = self._process.poll() if self._process is not None else None
        if status == _FORBIDDEN:
            raise SurroundingsError(
                Problem(
                    "cannot run the rock without an engine: this host allows no user namespaces",
                    "no-namespaces",
                    remedy="use Docker or podman, or allow them "
                    "(sysctl kernel.apparmor_restrict_unprivileged_userns=0)",
                )
            )
        return status

    def stop(self) -> None:
        """End the rock and wait for it."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self._process = None


#: The exit status by which the process below says that the host refuses.
_FORBIDDEN = 199


def main() -> int:
    """Run what standard input asks for as process 1 of a view; signals are passed on."""
    request = json.loads(sys.stdin.buffer.read())
    signal.signal(signal.SIGTERM, _pass_on)
    try:
        ended = view.enter(
            [Path(folder) for folder in request["trees"]],
            request["words"],
            env=request["environment"],
            network=True,
            first=True,
        )
    except view.Forbidden as error:
        print(f"error: {error}", file=sys.stderr)
        return _FORBIDDEN
    if ended.failed:
        print(f"error: {ended.failed}", file=sys.stderr)
    return ended.status if ended.status >= 0 else 128 - ended.status


def _pass_on(number: int, _frame: object) -> None:
    """Give a signal to the keeper, our only child, which gives it to the rock."""
    own = os.getpid()
    for child in Path(f"/proc/{own}/task/{own}/children").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), number)


if __name__ == "__main__":
    raise SystemExit(main())
