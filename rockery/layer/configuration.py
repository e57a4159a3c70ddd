"""The configuration layer: the Pebble layers and the rock's own description.

Two Pebble folders: the image's own, for a Pebble that runs as the image's user, and
``/var/lib/pebble/default``, for a Pebble that Juju starts as root. A service whose user is
the image's has no ``user:`` in the first: changing to it fails wherever the container runs
as another user, or as root without capabilities (measured).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from rockery.layer.entry import Entry, directory, file
from rockery.layer.runtime import DAEMON

#: Raise it when the code below makes other bytes from the same inputs.
RECIPE = 1

#: The folder that the image's own Pebble starts from, copied to where it may write.
OWN_PEBBLE = "usr/share/rock/pebble"

#: The folder that other tools expect.
USUAL_PEBBLE = "var/lib/pebble/default"


def pebble_layer(data: Mapping[str, Any], *, run_user: str | None) -> dict[str, Any]:
    """Return the Pebble layer of an ordinary ``rockcraft.yaml``.

    Where ``run_user`` is given, services of that user lose their user: Pebble has it already.
    """
    services = {}
    for name, service in data.get("services", {}).items():
        own = run_user is not None and service.get("user") == run_user
        dropped = {"user", "user-id", "group", "group-id"} if own else set()
        services[name] = {key: value for key, value in service.items() if key not in dropped}
    layer: dict[str, Any] = {"summary": data.get("summary") or data["name"], "services": services}
    if data.get("checks"):
        layer["checks"] = dict(data["checks"])
    return layer


def entries(data: Mapping[str, Any], architecture: str, version: str) -> list[Entry]:
    """Return the files that follow from the ``rockcraft.yaml`` itself.

    ``data`` is the ordinary file; its ``run-user`` is the image's user.
    """
    run_user = data.get("run-user")
    owner = (DAEMON, DAEMON) if run_user else (0, 0)
    name = f"001-{data['name']}.yaml"
    own = _yaml(pebble_layer(data, run_user=run_user))
    usual = _yaml(pebble_layer(data, run_user=None))
    metadata = {
        "name": data["name"],
        "version": version,
        "title": data.get("title") or data["name"],
        "summary": data.get("summary", ""),
        "base": data["base"],
        "grade": "devel",
        "architecture": architecture,
    }
    return [
        file(f"{OWN_PEBBLE}/layers/{name}", own),
        directory(USUAL_PEBBLE, 0o755, *owner),
        directory(f"{USUAL_PEBBLE}/layers", 0o755, *owner),
        file(f"{USUAL_PEBBLE}/layers/{name}", usual, 0o644, *owner),
        file(".rock/metadata.yaml", _yaml(metadata)),
    ]


def _yaml(document: Mapping[str, Any]) -> str:
    plain = yaml.safe_dump(_plain(document), sort_keys=False, allow_unicode=True, width=1000)
    return str(plain)


def _plain(value: Any) -> Any:
    """Return data without the classes that remember how a number was written."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    return str(value)
