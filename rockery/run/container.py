"""Running a rock with Docker or podman."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rockery.errors import Problem, SurroundingsError
from rockery.image import Image
from rockery.publish import archive, engine
from rockery.run.runner import REPLACED, Wishes
from rockery.store import Store

if TYPE_CHECKING:
    from docker.models.containers import Container

#: Seconds for a stop: more than the server takes to let requests finish.
_STOP = 45


def _replaced(container: Container | None) -> None:
    """Stop a container that another one takes the place of."""
    if container is not None:
        with contextlib.suppress(Exception):  # it has ended, or whoever starts the other one fails
            container.stop(timeout=REPLACED)


class Docker:
    """Runs a rock in a container of the engine that answers."""

    name = "docker"
    remarks: tuple[str, ...] = ()

    def __init__(self, wishes: Wishes, store: Store) -> None:
        self._wishes = wishes
        self._client = engine.client()
        self._engine = engine.Library(self._client)
        self._container: Container | None = None

    @property
    def process(self) -> int | None:
        """None: the engine runs it."""
        return None

    def start(self, image: Image) -> None:
        """Load the rock and start a container of it; the one before is stopped meanwhile."""
        import docker

        before = self._container
        stopping = threading.Thread(target=_replaced, args=(before,), daemon=True)
        stopping.start()
        try:
            reference = engine.load(self._engine, image)
        finally:
            stopping.join()
        wishes = self._wishes
        command = ["--args", *wishes.arguments] if wishes.arguments else None
        try:
            made = self._client.containers.create(
                reference,
                command,
                ports={
                    "8000/tcp": ("127.0.0.1", wishes.port),
                    "9102/tcp": ("127.0.0.1", wishes.metrics_port),
                },
                environment=dict(wishes.environment),
                labels={"rockery.run": "true"},
            )
            self._container = made
            made.start()
        except docker.errors.APIError as error:
            raise SurroundingsError(
                Problem(
                    f"cannot run {reference}: the engine says: {error.explanation}",
                    "run-failed",
                    remedy="see 'docker ps -a'; another port is chosen with --port",
                )
            ) from error
        finally:
            if before is not None and self._container is not before:
                with contextlib.suppress(docker.errors.NotFound):
                    before.remove(force=True, v=True)
        self._follow(made)

    def _follow(self, container: Container) -> None:
        """Copy the container's log to standard output, in a thread of this process."""

        def copy() -> None:
            with contextlib.suppress(Exception):
                for piece in container.logs(stream=True, follow=True):
                    sys.stdout.buffer.write(piece)
                    sys.stdout.buffer.flush()

        threading.Thread(target=copy, daemon=True).start()

    def ended(self) -> int | None:
        """Return the container's exit status once it has ended."""
        import docker

        if self._container is None:
            return None
        try:
            self._container.reload()
        except docker.errors.NotFound:
            return 0
        state = self._container.attrs["State"]
        return None if state["Running"] else int(state["ExitCode"])

    def stop(self) -> None:
        """Stop and remove the container."""
        import docker

        if self._container is None:
            return
        with contextlib.suppress(docker.errors.NotFound):
            self._container.stop(timeout=_STOP)
            self._container.remove(force=True, v=True)
        self._container = None


class Podman:
    """Runs a rock with the podman program."""

    name = "podman"
    remarks: tuple[str, ...] = ()

    def __init__(self, wishes: Wishes, store: Store) -> None:
        self._wishes = wishes
        found = shutil.which("podman")
        if found is None:
            raise SurroundingsError(
                Problem("podman is not on PATH", "no-podman", remedy="apt-get install podman")
            )
        self._podman = found
        # It may be there and lack what it needs to run anything as this user.
        self._run("info")
        self._process: subprocess.Popen[bytes] | None = None
        self._name = f"rockery-{os.getpid()}"

    @property
    def process(self) -> int | None:
        """The process that runs the rock."""
        return self._process.pid if self._process is not None else None

    def start(self, image: Image) -> None:
        """Load the rock and start a container of it."""
        with tempfile.TemporaryDirectory(prefix="rockery-") as folder:
            path = Path(folder) / "rock"
            archive.write(image, path)
            self._run("load", "--quiet", "--input", str(path))
        self._stop(REPLACED)
        wishes = self._wishes
        words = ["run", "--rm", "--name", self._name]
        words += ["--publish", f"127.0.0.1:{wishes.port}:8000"]
        words += ["--publish", f"127.0.0.1:{wishes.metrics_port}:9102"]
        for name, value in wishes.environment.items():
            words += ["--env", f"{name}={value}"]
        words.append(image.settings.reference)
        words += ["--args", *wishes.arguments] if wishes.arguments else []
        self._process = subprocess.Popen(
            [self._podman, *words], stdin=subprocess.DEVNULL, start_new_session=True
        )

    def ended(self) -> int | None:
        """Return podman's exit status once the container has ended."""
        return self._process.poll() if self._process is not None else None

    def stop(self) -> None:
        """Stop the container."""
        self._stop(_STOP)

    def _stop(self, seconds: int) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._run("stop", "--time", str(seconds), self._name)
        self._process.wait()
        self._process = None

    def _run(self, *words: str) -> None:
        done = subprocess.run([self._podman, *words], capture_output=True, text=True)
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it says nothing"]
            raise SurroundingsError(
                Problem(
                    f"cannot run podman {words[0]}: {said[-1]}",
                    "podman-failed",
                    remedy="see 'podman info'",
                    details=tuple(said[:-1]),
                )
            )
