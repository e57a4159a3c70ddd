"""What the files of a fleet have to know of a rock, read from the project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rockery import extension
from rockery.data import data_folder
from rockery.errors import Problem, ProjectError, UsageError
from rockery.extension import Expansion
from rockery.image.settings import reference
from rockery.project import Project, load, schema
from rockery.project.schema import RockFile
from rockery.project.service import Service

#: The user ``_daemon_`` of a rock.
_DAEMON = 584792

_EXPORTER = "statsd-exporter"
_LAUNCHER = "/usr/bin/rock-gunicorn"

#: The beginning of variables that tell the launcher of servers it may be asked to be.
_SERVER = "ROCK_SERVER_"

#: What Pebble allows a service that says nothing.
_KILL_DELAY = "5s"

#: Seconds that a rock gets beyond its slowest service, to end itself.
_MARGIN = 5

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}

#: What neither a proxy's configuration nor YAML takes for anything but a path.
_PATH = r"/[A-Za-z0-9/_.~%!&()*+,;=:@?-]*"
_IMAGE = r"[A-Za-z0-9][A-Za-z0-9._:/@-]*"


@dataclass(frozen=True)
class Fleet:
    """A rock to be run several times.

    ``frameworks`` are those whose metrics it has, "flask" and "fastapi"; there are dashboards
    and alert rules for each. ``metrics_port`` is None without the exporter. ``user`` is the
    user id that the image runs as, None for root. ``kill_delay`` and ``stop_time`` are whole
    seconds: what the slowest service may take to end, and when to kill the container.
    """

    name: str
    image: str
    replicas: int
    service: str
    frameworks: tuple[str, ...]
    port: int
    metrics_port: int | None
    ready_path: str
    user: int | None
    kill_delay: int

    @property
    def members(self) -> tuple[str, ...]:
        """The names of the replicas, where each has one."""
        return tuple(f"{self.name}-{number}" for number in range(1, self.replicas + 1))

    @property
    def job(self) -> str:
        """The name under which Prometheus reads the replicas, which alert rules ask for."""
        return self.frameworks[0] if self.frameworks else self.service

    @property
    def stop_time(self) -> int:
        """Seconds until the container may be killed: later than Pebble kills a service."""
        return self.kill_delay + _MARGIN


def fleet(folder: Path, *, replicas: int, image: str | None = None) -> Fleet:
    """Return the fleet of the project in ``folder``; ``image`` is its own unless given.

    Raises:
        ProjectError: the project is wrong, or has no service that serves.
        UsageError: the image has no name that could be one.
    """
    project = load(folder)
    expansion = extension.expand(project)
    rock = schema.validate(expansion.data, expansion.where)
    name, service = _served(rock, expansion)
    return Fleet(
        # The name of a service in Kubernetes begins with a letter.
        name=rock.name if rock.name[0].isalpha() else f"rock-{rock.name}",
        image=_image(rock, project, image),
        replicas=replicas,
        service=name,
        frameworks=tuple(_frameworks(rock)),
        port=_port(rock),
        metrics_port=_metrics_port(rock),
        ready_path=_ready_path(rock, service, expansion),
        user=_DAEMON if rock.run_user else None,
        kill_delay=max(
            _whole_seconds(each.kill_delay or _KILL_DELAY) for _, each in _enabled(rock)
        ),
    )


def _image(rock: RockFile, project: Project, given: str | None) -> str:
    if given is not None:
        if not re.fullmatch(_IMAGE, given):
            raise UsageError(
                Problem(
                    f"cannot use --image {given!r}: it is no name of an image",
                    "bad-option",
                    remedy="such as registry.example/hello:0.1",
                )
            )
        return given
    if rock.version is None:
        raise ProjectError(
            Problem(
                "cannot name the image: its version is only known when it is packed",
                "version-unknown",
                project.where("adopt-info"),
                f"give its name: --image {rock.name}:VERSION",
            )
        )
    return reference(rock.name, rock.version)


def _enabled(rock: RockFile) -> Iterator[tuple[str, Service]]:
    return (each for each in rock.services.items() if each[1].startup == "enabled")


def _served(rock: RockFile, expansion: Expansion) -> tuple[str, Service]:
    """Return the service that answers requests, with its name.

    It is the first extension's; where the file is one that was expanded before, the one that
    runs our launcher; else the only one there is beside the exporter.
    """
    enabled = {name: service for name, service in _enabled(rock) if name != _EXPORTER}
    for definition in expansion.definitions:
        if definition.service in enabled:
            return definition.service, enabled[definition.service]
    launched = {
        name: service
        for name, service in enabled.items()
        if (service.command or "").startswith(_LAUNCHER)
    }
    if len(found := launched or enabled) != 1:
        many = f"{', '.join(found)} may" if found else "none is enabled that does"
        raise ProjectError(
            Problem(
                f"cannot tell which service answers requests: {many}",
                "no-web-service",
                expansion.where("services"),
                "declare an extension, or have one service besides the exporter",
            )
        )
    return next(iter(found.items()))


def _frameworks(rock: RockFile) -> Iterator[str]:
    """Give those whose metrics the rock has: by its mapping, and by its further servers."""
    names = [
        name.removesuffix(".yaml")
        for part in rock.parts.values()
        if (part.source or "").endswith("/statsd-exporter/mapping")
        for name in part.organize
    ]
    names += [
        name.removeprefix(_SERVER).lower() for name in rock.environment if name.startswith(_SERVER)
    ]
    rules = data_folder("statsd-exporter") / "prometheus"
    yield from dict.fromkeys(name for name in names if (rules / f"{name}.rules.yaml").is_file())


def _port(rock: RockFile) -> int:
    """Return the app's port, which the checks ask."""
    for check in rock.checks.values():
        if check.tcp is not None and check.level == "alive":
            return check.tcp.port
    for check in rock.checks.values():
        if check.http is not None and check.level == "ready":
            return urlsplit(check.http.url).port or 80
    return 8000


def _metrics_port(rock: RockFile) -> int | None:
    """Return the exporter's port, None where it can't be read from outside."""
    exporter = dict(_enabled(rock)).get(_EXPORTER)
    if exporter is None:
        return None
    variable = "ROCK_METRICS_ADDRESS"
    address = exporter.environment.get(variable) or rock.environment.get(variable, "")
    host, _, port = address.rpartition(":") if ":" in address else ("", "", address)
    if host in ("localhost", "127.0.0.1", "[::1]") or (port and not port.isdigit()):
        return None
    return int(port or 9102)


def _ready_path(rock: RockFile, service: Service, expansion: Expansion) -> str:
    """Return what is asked for to know whether the app is ready."""
    path = "/"
    for name, check in rock.checks.items():
        if check.http is not None and check.level == "ready":
            url = urlsplit(check.http.url)
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            where = expansion.where("checks", name, "http", "url")
            break
    else:
        where = expansion.where("checks")
    if path == "/":
        # The launcher asks for this one in its place.
        variable = "ROCK_READY_PATH"
        path = service.environment.get(variable) or rock.environment.get(variable) or "/"
    if not re.fullmatch(_PATH, path):
        raise ProjectError(
            Problem(
                f"cannot ask a proxy to check {path!r}: it has characters that not all "
                "configurations take",
                "bad-ready-path",
                where,
                "write them as %20 and the like",
            )
        )
    return path


def _whole_seconds(duration: str) -> int:
    """Return a duration of Pebble's in seconds, rounded up: 2 for "1m500ms" would be 61."""
    parts = re.findall(r"([\d.]+)(ns|us|µs|ms|s|m|h)", duration)
    return -int(-sum(float(number) * _SECONDS[unit] for number, unit in parts) // 1)
