"""The machine that packs."""

from __future__ import annotations

import platform

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def host_architecture() -> str:
    """Return this machine's architecture in Debian's words."""
    return _MACHINES.get(platform.machine(), platform.machine())
