"""How many workers: by the CPU time and the memory that the rock was given.

The machine's own number of CPUs says little in a container: with half a CPU, 17 sync
workers answered 12 times slower than one (measured). The limits are those of the control
group, version 1 or 2, and of every group above it that can be seen.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")

_MIB = 1024 * 1024

#: Resident memory besides the workers, in MiB: Pebble 12, the exporter 17, Gunicorn's
#: master 33 (measured).
BESIDES_WORKERS = 62

# Version 1 says "no limit" with the largest multiple of the page size.
_UNLIMITED = 1 << 60


@dataclass(frozen=True)
class Limits:
    """What the rock may use: ``cpus`` in CPUs, ``memory`` in bytes, None without a limit."""

    cpus: float
    memory: int | None = None

    def __str__(self) -> str:
        memory = "no memory limit" if self.memory is None else f"{self.memory // _MIB} MiB"
        return f"{self.cpus:.3g} CPUs, {memory}"


def worker_count(limits: Limits, *, sync: bool, worker_mib: int) -> int:
    """Return the number of workers, at least 1.

    A sync worker waits while its app does, so it gets one more than there are CPUs.
    ``worker_mib`` is what one worker takes of the memory limit.
    """
    count = math.ceil(limits.cpus) + (1 if sync else 0)
    if limits.memory is not None:
        count = min(count, (limits.memory // _MIB - BESIDES_WORKERS) // worker_mib)
    return max(count, 1)


def limits(root: Path = Path("/"), *, usable_cpus: int | None = None) -> Limits:
    """Read the limits of this process from the control groups below ``root``.

    ``usable_cpus`` is how many CPUs the process may run on; None asks the system. What
    can't be read is no limit.
    """
    cpus: float = usable_cpus or len(os.sched_getaffinity(0))
    quotas = [*_found(root, "cpu", _quota_v1), *_found(root, "", _quota_v2)]
    memories = [*_found(root, "memory", _memory_v1), *_found(root, "", _memory_v2)]
    return Limits(min([cpus, *quotas]), min(memories, default=None))


def _found(root: Path, controller: str, read: Callable[[Path], _T | None]) -> Iterator[_T]:
    """Yield what ``read`` finds in the process's group and in those above it."""
    for folder in _groups(root, controller):
        try:
            value = read(folder)
        except (OSError, ValueError):
            continue
        if value is not None:
            yield value


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the process's group, innermost first, up to the mounted one.

    ``controller`` is empty for version 2. In a container without a namespace of its own
    the path in ``/proc`` is the host's: only the mounted folder exists then, and it is
    the container's group.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller not in controllers.split(","):
            continue
        mounted = root / "sys/fs/cgroup"
        if controller:
            mounted /= controllers if (mounted / controllers).is_dir() else controller
        group = mounted / path.lstrip("/")
        while group != mounted and ".." not in group.parts:
            yield group
            group = group.parent
        yield mounted


def _quota_v1(group: Path) -> float | None:
    quota = int((group / "cpu.cfs_quota_us").read_text())
    return quota / int((group / "cpu.cfs_period_us").read_text()) if quota > 0 else None


def _quota_v2(group: Path) -> float | None:
    quota, period = (group / "cpu.max").read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _memory_v1(group: Path) -> int | None:
    limit = int((group / "memory.limit_in_bytes").read_text())
    return limit if limit < _UNLIMITED else None


def _memory_v2(group: Path) -> int | None:
    limit = (group / "memory.max").read_text().strip()
    return None if limit == "max" else int(limit)
