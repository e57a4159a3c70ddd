"""Running a rock without an engine, for development: its unpacked layers as a view.

Pebble is process 1 in there, on this machine's network, as the rock's user; no privilege is
needed where the host allows user namespaces.
"""

from __future__ import annotations

from rockery.errors import Problem, SurroundingsError
from rockery.image import Image
from rockery.layer import bytecode
from rockery.run.runner import REPLACED, Wishes
from rockery.store import Store
from rockery.verify import view


class Embedded:
    """Runs a rock in namespaces of its own."""

    name = "embedded"

    def __init__(self, wishes: Wishes, store: Store) -> None:
        self._wishes = wishes
        self._store = store
        self._running: view.Running | None = None

    @property
    def process(self) -> int | None:
        """The process that runs the rock."""
        return self._running.process if self._running is not None else None

    def start(self, image: Image) -> None:
        """Unpack what isn't unpacked, and start the entrypoint."""
        wishes = self._wishes
        words = [*image.settings.entrypoint, *image.settings.command]
        words += ["--args", *wishes.arguments] if wishes.arguments else []
        architecture = image.settings.architecture
        trees = bytecode.startable(self._store, image.layers, architecture, at_once=True)
        if self._running is not None:
            self._running.stop(REPLACED)
        self._running = view.start(
            trees,
            words,
            env={**image.settings.environment, **wishes.environment, **self._ports()},
        )

    def _ports(self) -> dict[str, str]:
        """Return the variables that lead a rock on the host's own network to its ports."""
        given = self._wishes.environment.get("GUNICORN_CMD_ARGS", "")
        return {
            "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self._wishes.port} {given}".strip(),
            "ROCK_METRICS_ADDRESS": f"127.0.0.1:{self._wishes.metrics_port}",
        }

    def ended(self) -> int | None:
        """Return the exit status once the rock has ended.

        Raises:
            SurroundingsError: the host allows no user namespaces, or the rock cannot start.
        """
        try:
            ended = self._running.ended() if self._running is not None else None
        except view.Forbidden as error:
            raise SurroundingsError(
                Problem(
                    "cannot run the rock without an engine: this host allows no user namespaces",
                    "no-namespaces",
                    remedy="use Docker or podman, or allow them "
                    "(sysctl kernel.apparmor_restrict_unprivileged_userns=0)",
                    details=(str(error),),
                )
            ) from error
        if ended is None:
            return None
        if ended.failed:
            raise SurroundingsError(
                Problem(f"cannot run the rock: {ended.failed}", "run-failed", remedy="clean --all")
            )
        return ended.status if ended.status >= 0 else 128 - ended.status

    def stop(self) -> None:
        """End the rock and wait for it."""
        if self._running is not None:
            self._running.stop()
        self._running = None
