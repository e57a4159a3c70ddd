"""Running a rock without an engine, for development: its unpacked layers as a view.

Pebble is process 1 in there, on this machine's network, as the rock's user; no privilege is
needed where the host allows user namespaces.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from rockery.errors import Problem, SurroundingsError
from rockery.image import Image
from rockery.layer import bytecode
from rockery.run.ports import STATSD, Ports, free_port
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
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        statsd = free_port(STATSD, datagrams=True)
        self._ports = Ports(wishes.port, wishes.metrics_port, statsd)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Say where StatsD is where it isn't where every app expects it."""
        if self._ports.statsd == STATSD:
            return ()
        return (
            f"port {STATSD} is in use; {self._ports.statsd} takes StatsD instead "
            "(ROCK_STATSD_PORT has it, for what the app counts itself)",
        )

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
        if self._scratch is not None:
            self._scratch.cleanup()
        self._scratch = tempfile.TemporaryDirectory(prefix="rockery-run-")
        moved = Path(self._scratch.name)
        if self._ports.write_checks(trees, moved):
            trees = [*trees, moved]
        environment = {**image.settings.environment, **wishes.environment}
        self._running = view.start(
            trees, words, env={**environment, **self._ports.variables(environment)}
        )

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
                    remedy="use Docker or podman, or allow them: sysctl "
                    "kernel.apparmor_restrict_unprivileged_userns=0 where Ubuntu's AppArmor "
                    "forbids them, else user.max_user_namespaces above 0",
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
        if self._scratch is not None:
            self._scratch.cleanup()
