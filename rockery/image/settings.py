"""An image's name and configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rockery.record import Record


class HealthCheck(Record):
    """How an engine asks a container whether it is well; times in seconds.

    Within ``start`` a failure doesn't count; after ``retries`` failures in a row the
    container is unhealthy.
    """

    command: tuple[str, ...]
    interval: float = 10
    timeout: float = 5
    start: float = 30
    retries: int = 3


class ImageSettings(Record):
    """The image's name, and what a container engine reads from its configuration."""

    name: str
    version: str
    architecture: str
    user: str
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    annotations: Mapping[str, str]
    ports: tuple[str, ...] = ()
    health: HealthCheck | None = None

    @property
    def reference(self) -> str:
        """The name in an engine: "hello:0.1"."""
        return reference(self.name, self.version)


def reference(name: str, version: str) -> str:
    """Return the name of an image in an engine; a tag has fewer characters than a version."""
    return f"{name}:{re.sub(r'[^A-Za-z0-9_.-]', '_', version)}"
