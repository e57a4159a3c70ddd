"""What of a ``rockcraft.yaml`` becomes the image's configuration."""

from __future__ import annotations

import shlex

from rockery.image import HealthCheck, ImageSettings
from rockery.layer.configuration import OWN_PEBBLE
from rockery.layer.runtime import DAEMON
from rockery.project.schema import RockFile

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def settings(rock: RockFile, version: str, architecture: str) -> ImageSettings:
    """Return the image settings of ``rock``, for one of its platforms."""
    entrypoint: tuple[str, ...] = ("/usr/bin/pebble", "enter")
    command: tuple[str, ...] = ()
    if rock.entrypoint_service:
        entrypoint += ("--args", rock.entrypoint_service)
    elif rock.entrypoint_command:
        entrypoint, command = _bracketed(rock.entrypoint_command)
    environment = {
        "PATH": _PATH,
        # Without it a line that the app prints appears when its buffer is full.
        "PYTHONUNBUFFERED": "1",
        # Pebble writes into its folder. In memory that works in a read-only container and as
        # any user; what it starts with is copied there from the image.
        "PEBBLE": "/dev/shm/pebble",  # noqa: S108 - a path in the rock
        "PEBBLE_COPY_ONCE": f"/{OWN_PEBBLE}",
        # The services' output goes to the container's log.
        "PEBBLE_VERBOSE": "1",
        **rock.environment,
    }
    annotations = {
        "org.opencontainers.image.title": rock.title or rock.name,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.ref.name": rock.name,
        "org.opencontainers.image.base.name": rock.base,
    }
    optional = {
        "description": rock.description or rock.summary,
        "licenses": rock.license,
        "source": rock.source_code,
        "authors": ", ".join(rock.contact),
    }
    annotations |= {
        f"org.opencontainers.image.{name}": text.strip() for name, text in optional.items() if text
    }
    return ImageSettings(
        name=rock.name,
        version=version,
        architecture=architecture,
        user=str(DAEMON) if rock.run_user == "_daemon_" else "",
        environment=environment,
        entrypoint=entrypoint,
        command=command,
        annotations=annotations,
        health=_health(rock, entrypoint),
    )


def _health(rock: RockFile, entrypoint: tuple[str, ...]) -> HealthCheck | None:
    """Return how an engine asks Pebble; without a check of level ready it has no answer."""
    ready = any(check.level == "ready" for check in rock.checks.values())
    if not ready or entrypoint[0] not in ("/usr/bin/pebble", "/bin/pebble", "pebble"):
        return None
    return HealthCheck(("/usr/bin/pebble", "health", "--level", "ready"))


def _bracketed(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split "program word [ default arguments ]" as Pebble does: the brackets are the CMD."""
    words = shlex.split(text)
    if words and words[-1] == "]" and "[" in words:
        start = words.index("[")
        return tuple(words[:start]), tuple(words[start + 1 : -1])
    return tuple(words), ()
