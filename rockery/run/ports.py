"""The ports of a rock that runs on this machine's own network."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from rockery.layer.configuration import OWN_PEBBLE

#: Where a rock serves, is measured, and takes StatsD, when nothing else is said.
WEB, METRICS, STATSD = 8000, 9102, 9125

#: The Pebble layer that moves the checks, above the rock's own.
_LAYER = f"{OWN_PEBBLE}/layers/002-ports.yaml"

#: How often a port is drawn that must be free for datagrams as well.
_DRAWS = 100


@dataclass(frozen=True)
class Ports:
    """Where a rock serves, is measured, and takes StatsD."""

    web: int
    metrics: int
    statsd: int

    def variables(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that lead a rock with this environment there."""
        given = environment.get("GUNICORN_CMD_ARGS", "")
        return {
            "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self.web} {given}".strip(),
            "ROCK_METRICS_ADDRESS": f"127.0.0.1:{self.metrics}",
            "ROCK_STATSD_PORT": str(self.statsd),
        }

    def write_checks(self, trees: Iterable[Path], target: Path) -> bool:
        """Make ``target`` a tree whose Pebble layer has the checks of ``trees`` ask there.

        Returns whether there is anything to change; else nothing is written.
        """
        checks: dict[str, Mapping[str, Any]] = {}
        for tree in trees:
            for path in sorted((tree / OWN_PEBBLE / "layers").glob("*.yaml")):
                layer = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
                checks.update(layer.get("checks") or {})
        moved = {name: self._moved(check) for name, check in checks.items()}
        moved = {name: check for name, check in moved.items() if check}
        if not moved:
            return False
        path = target / _LAYER
        path.parent.mkdir(parents=True)
        merged = {name: {"override": "merge", **check} for name, check in moved.items()}
        path.write_text(yaml.safe_dump({"summary": "Ports of this run", "checks": merged}))
        return True

    def _moved(self, check: Mapping[str, Any]) -> dict[str, Any]:
        """Return what of a check changes, or nothing."""
        there = {WEB: self.web, METRICS: self.metrics}
        there = {usual: port for usual, port in there.items() if usual != port}
        changed: dict[str, Any] = {}
        port = (check.get("tcp") or {}).get("port", 0)
        if port in there:
            changed["tcp"] = {"port": there[port]}
        url = (check.get("http") or {}).get("url", "")
        try:
            parsed = urlsplit(url)
            port = parsed.port or 0
        except ValueError:
            return changed  # Pebble says it better
        own = parsed.hostname in ("localhost", "127.0.0.1", "::1")
        if own and port in there:
            place = parsed.netloc.removesuffix(f":{port}")
            changed["http"] = {"url": parsed._replace(netloc=f"{place}:{there[port]}").geturl()}
        return changed


def free_port(wanted: int, *, datagrams: bool = False) -> int:
    """Return ``wanted`` where nothing listens there, else a port that is free.

    With ``datagrams`` nothing takes those there either.
    """
    for port in (wanted, *(0 for _ in range(_DRAWS))):
        with (
            socket.socket() as probe,
            socket.socket(type=socket.SOCK_DGRAM) as other,
            contextlib.suppress(OSError),
        ):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found = int(probe.getsockname()[1])
            if datagrams:
                other.bind(("127.0.0.1", found))
            return found
    raise AssertionError("no port is free")
