"""scripts/engine with a real dockerd, in a network and a mount namespace of its own.

The namespaces hide the engine that the other tests use, and keep this one's bridge and
packet filters away from it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from surroundings import ROOT, missing, tool

pytestmark = pytest.mark.engine

Script = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's: the path of a unix socket has room for 107 characters.
    path = Path(tempfile.mkdtemp(prefix="engine-", dir="/var/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def script(folder: Path) -> Script:
    """Run lines of sh where no engine answers yet and $ROCKERY_ENGINE is ``folder``."""
    for program in ("docker", "dockerd", "unshare"):
        tool(program)
    isolated = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*isolated, "true"], capture_output=True).returncode:
        missing("the right to make namespaces", "run as root")

    def run(lines: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"ROCKERY_ENGINE": str(folder)}
        environment.pop("DOCKER_HOST", None)
        prepare = "mount -t proc proc /proc\nmount -t tmpfs tmpfs /run\nip link set lo up || true\n"
        return subprocess.run(
            [*isolated, "sh", "-eu", "-c", prepare + lines],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )

    return run


def test_starts_serves_and_stops(script: Script, folder: Path) -> None:
    done = script(
        """
        ! scripts/engine status
        reach=$(scripts/engine start)
        echo "$reach"
        scripts/engine start >/dev/null    # a second one changes nothing
        eval "$reach"
        docker info --format '{{.DockerRootDir}}'
        scripts/engine stop
        unset DOCKER_HOST
        ! scripts/engine status
        """
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "none answers",
        f"export DOCKER_HOST='unix://{folder}/docker.sock'",
        f"{folder}/data",
        "none answers",
    ]
    assert not (folder / "pid").exists()
    assert not (folder / "docker.sock").exists()


def test_starts_after_a_crash(script: Script) -> None:
    done = script(
        """
        scripts/engine start
        kill -9 "$(cat "$ROCKERY_ENGINE/pid")"
        # What dockerd leaves when it dies without its containerd.
        containerd --root "$ROCKERY_ENGINE/data/containerd" \
            --state "$ROCKERY_ENGINE/exec/containerd" \
            --address "$ROCKERY_ENGINE/exec/containerd/containerd.sock" >/dev/null 2>&1 &
        left=$!
        echo $left >"$ROCKERY_ENGINE/exec/containerd/containerd.pid"
        sleep 1
        scripts/engine start
        ! kill -0 $left
        scripts/engine stop
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_stale_pid_file_harms_no_stranger(script: Script) -> None:
    done = script(
        """
        sleep 100 &
        stranger=$!
        echo $stranger >"$ROCKERY_ENGINE/pid"
        scripts/engine start
        echo $stranger >"$ROCKERY_ENGINE/exec/containerd/containerd.pid"
        scripts/engine stop
        kill -0 $stranger
        """
    )
    assert done.returncode == 0, done.stderr


def test_without_packet_filters(script: Script) -> None:
    done = script(
        """
        printf '#!/bin/sh\\nexit 3\\n' >/run/refuses
        chmod +x /run/refuses
        for program in iptables iptables-nft iptables-legacy; do
            path=$(command -v $program) && mount --bind /run/refuses "$(readlink -f "$path")" || :
        done
        scripts/engine start
        scripts/engine status
        scripts/engine stop
        """
    )
    assert done.returncode == 0, done.stderr
    assert "trying without iptables" in done.stderr


def test_an_ordinary_user_is_told_what_to_do() -> None:
    if os.getuid() != 0:
        missing("the right to become another user", "run as root")
    done = subprocess.run(
        [ROOT / "scripts/engine", "start"],
        env={"PATH": os.environ["PATH"], "ROCKERY_ENGINE": "/nonexistent"},
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "only root can start one" in done.stderr
