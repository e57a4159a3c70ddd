"""What runs a rock, and how one is chosen."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rockery.errors import Problem, SurroundingsError
from rockery.image import Image
from rockery.store import Store

Engine = Literal["docker", "podman", "embedded"]

#: Seconds for which a rock may take to answer before that is said.
PATIENCE = 60

#: Seconds that a rock has to end in when another takes its place. Whoever saves a file waits for
#: the new one: until requests have finished and Pebble has stopped, 0.8 s go by.
REPLACED = 0

#: Seconds between two looks whether it has ended, and whether it answers.
_ENDED, _ANSWERS = 0.2, 0.02


@dataclass(frozen=True)
class Wishes:
    """What a run is asked for: ports on this machine, settings, and Pebble's arguments."""

    port: int = 8000
    metrics_port: int = 9102
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    engine: Engine | None = None


class Runner(Protocol):
    """One way to run a rock; a rock runs at a time, and its output goes to standard output."""

    name: str

    @property
    def remarks(self) -> tuple[str, ...]:
        """What whoever runs a rock so must know."""

    @property
    def process(self) -> int | None:
        """The process of this machine that runs the rock, where it is one of ours."""

    def start(self, image: Image) -> None:
        """Start the rock, after ending the one that runs."""

    def ended(self) -> int | None:
        """Return the exit status once the rock has ended by itself, else None."""

    def stop(self) -> None:
        """End the rock and wait for it: running requests finish."""


def choose(wishes: Wishes, store: Store) -> Runner:
    """Return the runner that was asked for, else Docker, else podman, else our own.

    Raises:
        SurroundingsError: the one asked for isn't there, or none can be used.
    """
    from rockery.run.container import Docker, Podman
    from rockery.run.embedded import Embedded

    tried: list[str] = []
    kinds: dict[Engine, type[Docker] | type[Podman] | type[Embedded]] = {
        "docker": Docker,
        "podman": Podman,
        "embedded": Embedded,
    }
    for name, kind in kinds.items():
        if wishes.engine not in (None, name):
            continue
        try:
            return kind(wishes, store)
        except SurroundingsError as error:
            tried += [problem.message for problem in error.problems]
    raise SurroundingsError(
        Problem(
            "cannot run the rock: " + ("; ".join(tried)),
            "no-runner",
            remedy="start Docker or podman (apt-get install podman works without root), or allow "
            "user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0)",
        )
    )


def answers(port: int) -> bool:
    """Tell whether something speaks HTTP at this port of the machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def wait_until_it_answers(runner: Runner, port: int) -> int | None:
    """Wait until the rock answers; return its exit status if it ends before, else None.

    Raises:
        SurroundingsError: it neither answers nor ends.
    """
    deadline = time.monotonic() + PATIENCE
    asked = 0.0
    while (now := time.monotonic()) < deadline:
        if now - asked > _ENDED:  # an engine has better things to do while the rock starts
            asked = now
            status = runner.ended()
            if status is not None:
                return status
        if answers(port):
            return None
        time.sleep(_ANSWERS)
    raise SurroundingsError(
        Problem(
            f"cannot see the rock answer on port {port} within {PATIENCE} s",
            "no-answer",
            remedy="see its log above",
        )
    )
