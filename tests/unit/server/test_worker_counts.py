"""Worker counts, from control group files as kernels and engines write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from rock_server.workers import Limits, limits, worker_count

MIB = 1024 * 1024


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def v1(quota: int = -1, memory: int = 9223372036854771712, group: str = "/") -> dict[str, str]:
    inside = group.strip("/")
    return {
        "proc/self/cgroup": f"8:pids:{group}\n4:memory:{group}\n1:cpu,cpuacct:{group}\n0::/\n",
        f"sys/fs/cgroup/cpu,cpuacct/{inside}/cpu.cfs_quota_us": f"{quota}\n",
        f"sys/fs/cgroup/cpu,cpuacct/{inside}/cpu.cfs_period_us": "100000\n",
        f"sys/fs/cgroup/memory/{inside}/memory.limit_in_bytes": f"{memory}\n",
    }


def v2(cpu: str = "max 100000", memory: str = "max", group: str = "/") -> dict[str, str]:
    inside = group.strip("/")
    return {
        "proc/self/cgroup": f"0::{group}\n",
        f"sys/fs/cgroup/{inside}/cpu.max": f"{cpu}\n",
        f"sys/fs/cgroup/{inside}/memory.max": f"{memory}\n",
    }


def test_no_control_groups_at_all(tmp_path: Path) -> None:
    assert limits(tmp_path, usable_cpus=3) == Limits(3, None)


@pytest.mark.parametrize("files", [v1(), v2()], ids=["v1", "v2"])
def test_no_limit(tmp_path: Path, files: dict[str, str]) -> None:
    assert limits(write(tmp_path, files), usable_cpus=4) == Limits(4, None)


@pytest.mark.parametrize(
    "files", [v1(50000, 96 * MIB), v2("50000 100000", str(96 * MIB))], ids=["v1", "v2"]
)
def test_limits_of_the_container(tmp_path: Path, files: dict[str, str]) -> None:
    assert limits(write(tmp_path, files), usable_cpus=4) == Limits(0.5, 96 * MIB)


def test_v1_without_a_namespace_names_a_group_of_the_host(tmp_path: Path) -> None:
    # Docker mounts the container's group as the root of each controller, and the path in
    # /proc doesn't exist there.
    files = v1(150000, 64 * MIB)
    files["proc/self/cgroup"] = "4:memory:/docker/0a1b\n1:cpu,cpuacct:/docker/0a1b\n"
    assert limits(write(tmp_path, files), usable_cpus=4) == Limits(1.5, 64 * MIB)


def test_v1_controller_mounted_alone(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "1:cpu:/\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
    }
    assert limits(write(tmp_path, files), usable_cpus=4).cpus == 2


def test_the_tightest_group_above_counts(tmp_path: Path) -> None:
    root = write(tmp_path, v2("300000 100000", "max", "/pod/container"))
    write(root, {"sys/fs/cgroup/pod/cpu.max": "100000 100000"})
    write(root, {"sys/fs/cgroup/pod/memory.max": str(128 * MIB)})
    assert limits(root, usable_cpus=4) == Limits(1, 128 * MIB)


def test_a_group_outside_the_namespace_is_not_followed(tmp_path: Path) -> None:
    root = write(tmp_path, v2("100000 100000"))
    write(root, {"proc/self/cgroup": "0::/../../other\n"})
    assert limits(root, usable_cpus=4).cpus == 1


def test_a_quota_above_the_usable_cpus_changes_nothing(tmp_path: Path) -> None:
    assert limits(write(tmp_path, v2("800000 100000")), usable_cpus=2).cpus == 2


def test_unreadable_values_are_no_limit(tmp_path: Path) -> None:
    root = write(tmp_path, v2("nonsense", "nonsense"))
    assert limits(root, usable_cpus=2) == Limits(2, None)


@pytest.mark.parametrize(
    ("cpus", "memory", "sync", "expected"),
    [
        (0.5, None, True, 2),
        (0.5, None, False, 1),
        (1, None, True, 2),
        (1.5, None, False, 2),
        (2, None, True, 3),
        (2, 64, True, 1),
        (2, 96, True, 1),
        (2, 142, True, 2),
        (2, 256, True, 3),
        (8, 256, False, 4),
        (8, 16, False, 1),
    ],
)
def test_rule_for_wsgi(cpus: float, memory: int | None, sync: bool, expected: int) -> None:
    given = Limits(cpus, memory and memory * MIB)
    assert worker_count(given, sync=sync, worker_mib=40) == expected


def test_a_worker_that_takes_more_memory_lowers_the_count() -> None:
    given = Limits(8, 256 * MIB)
    assert worker_count(given, sync=False, worker_mib=55) == 3
