"""No network, no room, no permission: the surroundings are at fault, and it says so."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attempt import PREVIOUS, ROCK, Attempt, as_nobody, give, open_folder
from surroundings import missing, tool

from rockery.amount import Amount
from rockery.errors import Problem
from rockery.pack import Options, planned, prepare
from rockery.store import Store, tidying

pytestmark = pytest.mark.network

DONE, PROJECT, SURROUNDINGS = 0, 1, 74

#: Has uv give up at its first try, for tests in which it can only fail.
AT_ONCE = {"UV_HTTP_RETRIES": "0"}


@pytest.fixture
def attempt(tmp_path: Path, store: Path) -> Attempt:
    return Attempt(tmp_path / "hello", store)


@functools.cache
def without_network() -> list[str]:
    """Return a prefix that runs a command with no network at all."""
    unshare = tool("unshare")
    for words in ([unshare, "-n"], [unshare, "-rn"]):
        if subprocess.run([*words, "true"], capture_output=True).returncode == 0:
            return words
    return missing("a network namespace", "run as root, or allow user namespaces")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Path:
    """The session's store, with all that the example needs."""
    attempt = Attempt(tmp_path_factory.mktemp("filling") / "hello", store)
    done = attempt.run("prime")
    assert done.returncode == DONE, done.stderr
    return store


@pytest.fixture
def kept(attempt: Attempt, filled: Path, tmp_path: Path) -> Callable[..., None]:
    """Give the attempt a store of its own, with ``kinds`` of what the example needs.

    Layers whose title starts with ``lacking`` stay out.
    """

    def keep(*kinds: str, root: Path = tmp_path / "store", lacking: str = "nothing") -> None:
        plan, _ = planned(prepare(Options(attempt.folder)), Store(filled), Silent())
        needed = {"layers": set(), "packages": set()}
        for layer in plan.layers:
            needed["packages"] |= {p.sha256 for p in getattr(layer.spec, "packages", ())}
            if not layer.title.startswith(lacking):
                needed["layers"].add(layer.key)
        for kind in kinds:
            for path in (filled / kind).iterdir():
                if path.name in needed.get(kind, (path.name,)):
                    shutil.copytree(path, root / kind / path.name, symlinks=True)
        attempt.store = root

    return keep


class Silent:
    """Watches a pack and says nothing."""

    def step(self, title: str, amount: Amount | None = None) -> None:
        pass

    def done(self, title: str, outcome: str) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def note(self, problem: Problem) -> None:
        pass


# ---------------------------------------------------------------- no network


@pytest.mark.usefixtures("filled")
def test_without_network_a_filled_store_is_enough(attempt: Attempt) -> None:
    done = attempt.run("pack", prefix=without_network())
    assert done.returncode == DONE, done.stderr
    assert (attempt.folder / ROCK).read_bytes() != PREVIOUS


def test_without_network_and_with_an_empty_store(attempt: Attempt, tmp_path: Path) -> None:
    attempt.store = tmp_path / "empty"
    attempt.refused(
        "pack",
        status=SURROUNDINGS,
        says=r"cannot fetch packages of debian@12: the archive can't be reached(.*\n)*.*network",
        prefix=without_network(),
    )


@pytest.mark.usefixtures("filled")
def test_without_network_and_with_new_requirements(attempt: Attempt) -> None:
    attempt.append("requirements.txt", f"itsdangerous  # {os.urandom(8).hex()}\n")
    attempt.refused(
        "pack",
        "--verbose",
        status=SURROUNDINGS,
        says=r"the package index can't be reached(.*\n)*.*network",
        prefix=without_network(),
        env={"UV_NO_CACHE": "1", **AT_ONCE},
    )


def test_without_network_and_components(attempt: Attempt, kept: Callable[..., None]) -> None:
    kept("resolutions", "indexes", "layers", lacking="pebble")
    attempt.refused(
        "pack",
        status=SURROUNDINGS,
        says=r"building pebble \S+, once on this machine\n(.*\n)*"
        r"error: cannot build pebble (.*\n)*.*--component pebble=PATH",
        prefix=without_network(),
        env={
            **{name: str(attempt.store / name) for name in ("GOCACHE", "GOMODCACHE", "GOPATH")},
            **AT_ONCE,
        },
    )


def test_offline(attempt: Attempt, tmp_path: Path) -> None:
    attempt.store = tmp_path / "empty"
    attempt.refused("plan", "--offline", status=SURROUNDINGS, says="run once without --offline")


def test_no_mirror_answers(attempt: Attempt, tmp_path: Path) -> None:
    attempt.store = tmp_path / "empty"
    attempt.refused(
        "pack",
        "--mirror",
        f"debian=file:{tmp_path}/nowhere",
        status=SURROUNDINGS,
        says="the archive can't be reached(.*\n)*.*--mirror debian=URL",
    )


def test_without_an_engine_the_rock_is_there(attempt: Attempt) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{attempt.folder}/no.sock"}
    done = attempt.run("pack", "--load", env=nowhere)
    assert done.returncode == SURROUNDINGS
    assert done.stdout == f"{ROCK}\n"
    assert "no container engine answers" in done.stderr
    assert f"{ROCK} is written all the same" in done.stderr
    assert attempt.run("inspect", ROCK).returncode == DONE
    done = attempt.run("pack", "--load", "--json", env=nowhere)
    assert done.returncode == SURROUNDINGS
    assert json.loads(done.stdout)["loaded"] is None


# ---------------------------------------------------------------- no room


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 600 MB; only root can make one."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run([tool("mount"), "-t", "tmpfs", "-o", "size=600m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run([tool("umount"), "--lazy", folder], check=True)


def leave(disk: Path, size: int) -> None:
    """Fill the disk until ``size`` bytes are free."""
    status = os.statvfs(disk)
    with (disk / "ballast").open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, status.f_bavail * status.f_frsize - size)


FULL = r"the disk is full(.*\n)*.*free some space"


def test_no_room_for_the_indexes(attempt: Attempt, disk: Path) -> None:
    attempt.store = disk / "store"
    leave(disk, 1_000_000)
    attempt.refused("pack", status=SURROUNDINGS, says=FULL)


def test_no_room_for_packages(attempt: Attempt, kept: Callable[..., None], disk: Path) -> None:
    kept("resolutions", "indexes", root=disk / "store")
    leave(disk, 12_000_000)
    attempt.refused("pack", status=SURROUNDINGS, says=FULL)


def test_no_room_for_a_layer(attempt: Attempt, kept: Callable[..., None], disk: Path) -> None:
    kept("resolutions", "indexes", "packages", root=disk / "store")
    leave(disk, 5_000_000)
    attempt.refused("pack", status=SURROUNDINGS, says=FULL)
    # What is small may have been made beside it; nothing is there by halves.
    assert tidying.verify(Store(attempt.store))[1] == []


def test_no_room_for_python_packages(
    attempt: Attempt, kept: Callable[..., None], disk: Path
) -> None:
    kept("resolutions", "indexes", "layers", root=disk / "store")
    attempt.append("requirements.txt", "numpy\n")
    assert attempt.run("pull").returncode == DONE
    leave(disk, 8_000_000)
    attempt.refused("pack", "--verbose", status=SURROUNDINGS, says=FULL)


def test_no_room_for_the_rock(attempt: Attempt, disk: Path) -> None:
    (disk / ROCK).write_bytes(PREVIOUS)
    leave(disk, 4_000_000)
    attempt.refused("pack", "--output", disk, status=SURROUNDINGS, says=FULL)
    assert {path.name for path in disk.iterdir()} == {"ballast", ROCK}
    assert (disk / ROCK).read_bytes() == PREVIOUS


# ---------------------------------------------------------------- no permission


@pytest.fixture
def owned() -> Iterator[Attempt]:
    """An attempt in a folder of a user without rights, with an empty store there too."""
    with open_folder() as folder:
        attempt = Attempt(folder / "hello", folder / "store")
        attempt.store.mkdir()
        give(folder)
        yield attempt


@pytest.mark.parametrize("path", ["rockcraft.yaml", "requirements.txt", "app.py"])
def test_unreadable_files(owned: Attempt, path: str) -> None:
    (owned.folder / path).chmod(0)
    owned.refused("check", status=PROJECT, says=f"{path}: .*ermission denied", rockery=as_nobody())


def test_an_unreadable_folder(owned: Attempt) -> None:
    owned.write("static/x", "x")
    (owned.folder / "static").chmod(0)
    owned.refused(
        "check", status=PROJECT, says="cannot read static.*ermission", rockery=as_nobody()
    )


def test_a_store_that_is_read_only(owned: Attempt) -> None:
    owned.store.chmod(0o555)
    owned.refused(
        "pack",
        status=SURROUNDINGS,
        says=rf"cannot write to the store {owned.store}: permission denied(.*\n)*.*ROCKERY_STORE",
        rockery=as_nobody(),
    )


@pytest.fixture
def frozen(attempt: Attempt, filled: Path) -> Callable[..., Any]:
    """Run rockery where the file system of the store is read-only, for it alone."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a file system")
    mount = f"mount --bind {filled} {filled} && mount -o remount,bind,ro {filled}"
    prefix = (tool("unshare"), "-m", "sh", "-ec", f'{mount}; exec "$@"', "sh")
    return functools.partial(attempt.run, prefix=prefix)


def test_a_store_on_a_read_only_disk_serves_what_it_has(
    attempt: Attempt, frozen: Callable[..., Any]
) -> None:
    """A CI's cache, say: the same rock, or a sentence, and never another rock."""
    attempt.write("app.py", f"from flask import Flask\napp = Flask('a')\n# {os.urandom(8).hex()}\n")
    made = json.loads(attempt.run("pack", "--json").stdout)
    for _ in range(2):
        (attempt.folder / ROCK).unlink()
        done = frozen("pack", "--json")
        assert done.returncode == DONE, done.stderr
        assert json.loads(done.stdout)["digest"] == made["digest"]
        (attempt.folder / "app.py").touch()  # no receipt holds any more
    traces = attempt.traces()
    attempt.append("app.py", "# another\n")
    done = frozen("pack", "--json")
    assert done.returncode == SURROUNDINGS
    assert f"cannot write to the store {attempt.store}: the file system is read-only" in done.stderr
    assert "Traceback" not in done.stderr
    attempt.write("app.py", (attempt.folder / "app.py").read_text().removesuffix("# another\n"))
    assert attempt.traces() == traces
    done = frozen("clean")
    assert (done.returncode, done.stdout) == (SURROUNDINGS, "")
    assert "the file system is read-only" in done.stderr


def test_a_user_without_a_home(owned: Attempt) -> None:
    """As in a container that runs as any user."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    user = [word.replace("65534", "4000000000") for word in as_nobody()]
    forgotten = ["-u", "HOME", "-u", "ROCKERY_STORE", "-u", "XDG_CACHE_HOME"]
    user[user.index("env") + 1 : user.index("env") + 1] = forgotten
    owned.folder.chmod(0o777)
    owned.refused(
        "pack",
        status=SURROUNDINGS,
        says="cannot tell where the store is: this user has no home(.*\n)*.*ROCKERY_STORE",
        rockery=user,
    )
    done = owned.run("check", rockery=user)
    assert done.returncode == DONE, done.stderr


def test_a_home_that_cannot_be_written(owned: Attempt) -> None:
    owned.refused(
        "pack",
        status=SURROUNDINGS,
        says="cannot write to the store /nonexistent/.cache/rockery: .*\n(.*\n)*.*ROCKERY_STORE",
        rockery=as_nobody(),
        env={"HOME": "/nonexistent", "ROCKERY_STORE": "", "XDG_CACHE_HOME": ""},
    )


def test_a_folder_for_temporary_files_that_is_of_no_use(attempt: Attempt, tmp_path: Path) -> None:
    """What is temporary lies in the store: it must be on its disk."""
    attempt.append("requirements.txt", f"# {os.urandom(8).hex()}\n")
    done = attempt.run("pack", env={"TMPDIR": str(tmp_path / "nowhere")})
    assert done.returncode == DONE, done.stderr


def test_a_store_of_a_newer_version(attempt: Attempt, filled: Path) -> None:
    """What is unknown in it stays as it is, and what is known is used."""
    new = filled / "a-new-kind"
    (new / "key").mkdir(parents=True)
    (filled / "layers" / "a-new-form").mkdir()
    try:
        for words in (["pack"], ["clean", "--older-than", "9000d"]):
            done = attempt.run(*words)
            assert done.returncode == DONE, done.stderr
        assert (new / "key").is_dir()
    finally:
        shutil.rmtree(new)
        (filled / "layers" / "a-new-form").rmdir()


@pytest.mark.parametrize("path", ["file", "file/below", "loop"])
def test_a_store_that_is_no_folder(attempt: Attempt, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    attempt.store = tmp_path / path
    attempt.refused(
        "pack",
        status=SURROUNDINGS,
        says=rf"cannot write to the store {attempt.store}: it is .*\n(.*\n)*.*ROCKERY_STORE",
    )


def test_emptying_a_store_that_is_none(attempt: Attempt, tmp_path: Path) -> None:
    """Only what is the store's own goes."""
    attempt.store = tmp_path / "precious"
    (attempt.store / "layers" / "one").mkdir(parents=True)
    (attempt.store / "letters").write_text("dear")
    assert attempt.run("clean", "--all").returncode == DONE
    assert [path.name for path in attempt.store.iterdir()] == ["letters"]
    attempt.store = attempt.store / "letters"
    attempt.refused("clean", "--all", status=SURROUNDINGS, says="it is no folder")


def test_an_output_folder_that_is_not_there_is_made(attempt: Attempt, tmp_path: Path) -> None:
    done = attempt.run("pack", "--output", tmp_path / "a/b")
    assert done.returncode == DONE, done.stderr
    assert done.stdout == f"{tmp_path}/a/b/{ROCK}\n"


def test_an_output_folder_that_is_none(attempt: Attempt) -> None:
    for path in ("app.py", "app.py/below"):
        attempt.refused(
            "pack", "-o", path, status=SURROUNDINGS, says=f"cannot write into {path}: .*no folder"
        )


def test_an_output_folder_that_is_not_ours(owned: Attempt) -> None:
    locked = owned.folder.parent / "locked"
    locked.mkdir(mode=0o555)
    owned.refused(
        "pack",
        "-o",
        locked,
        status=SURROUNDINGS,
        says="cannot write into .*locked: permission denied",
        rockery=as_nobody(),
    )


def test_a_folder_where_the_rock_would_go(attempt: Attempt) -> None:
    (attempt.folder / ROCK).unlink()
    (attempt.folder / ROCK).mkdir()
    attempt.refused("pack", status=SURROUNDINGS, says=f"cannot write {ROCK}: there is a folder")
