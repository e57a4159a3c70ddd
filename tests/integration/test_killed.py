"""Packs that are killed, and many at once, over one store: what comes out is always the same.

The soak does it 200 times; with ``-s`` it prints a line for docs/soak.md.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from attempt import Attempt
from test_interrupted import session

from rockery.store import Store, tidying
from rockery.store.seal import seal

pytestmark = pytest.mark.network

#: What a store keeps of a pack that needs no network: enough for all layers to be made anew.
_INGREDIENTS = ("packages", "components", "indexes", "resolutions", "uv")

#: What is made of it.
_MADE = (*("layers", "trees", "pythons", "bytecode", "verdicts", "receipts", "answers", "digests"),)


class Rounds:
    """A project packed over and over, over a store of its own."""

    def __init__(self, folder: Path, warm: Path) -> None:
        first = Attempt(folder / "first", warm)
        self.expected = self._digest(first)
        self.store = Store(folder / "store")
        self.store.root.mkdir()
        for kind in _INGREDIENTS:
            if (warm / kind).is_dir():
                subprocess.run(["cp", "-al", warm / kind, self.store.root / kind], check=True)
        for key in self.store.keys("resolutions"):
            seal(self.store.root / "resolutions" / key)  # one of a store without seals has none
        self.folder = folder
        self.random = random.Random(folder.name)
        self.seen: Counter[str] = Counter()

    def _digest(self, attempt: Attempt) -> str:
        done = attempt.run("pack", "--json")
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["digest"])

    def project(self, name: str) -> Attempt:
        """Return a copy of the project in a folder of its own."""
        return Attempt(self.folder / name, self.store.root)

    def forget(self) -> None:
        """Remove some of what was made, so that a pack has something to do."""
        for kind in _MADE:
            for key in self.store.keys(kind):
                if self.random.random() < 0.4:
                    self.store.remove(kind, key)

    def kill(self, attempt: Attempt) -> None:
        """Start a pack and kill it at a random moment, and nothing but itself."""
        self.forget()
        process = self._start(attempt)
        time.sleep(self.random.uniform(0.05, 3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.seen["finished before" if process.returncode == 0 else "killed"] += 1
        deadline = time.monotonic() + 60
        while left := session(process.pid):
            assert time.monotonic() < deadline, f"programs live on: {left}"
            time.sleep(0.05)

    def at_once(self, number: int) -> None:
        """Start packs at once; each comes to the same rock."""
        self.forget()
        attempts = [self.project(f"at-once-{n}") for n in range(number)]
        running = [self._start(attempt) for attempt in attempts]
        for process in running:
            out, said = process.communicate(timeout=600)
            assert process.returncode == 0, said
            assert json.loads(out)["digest"] == self.expected
        rocks = {next(attempt.folder.glob("*.rock")).read_bytes() for attempt in attempts}
        assert len(rocks) == 1
        for attempt in attempts:
            shutil.rmtree(attempt.folder)

    def _start(self, attempt: Attempt) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "rockery", "pack", "--json"],
            cwd=attempt.folder,
            env=attempt.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def check(self, attempt: Attempt) -> None:
        """The next pack is right, and nothing is left of those that were killed."""
        assert self._digest(attempt) == self.expected
        assert list((self.store.root / "tmp").iterdir()) == []
        left = {path.name for path in attempt.folder.iterdir()}
        assert not [name for name in left if name.startswith(".")], left
        mounts = Path("/proc/self/mounts").read_text()
        assert str(self.folder) not in mounts
        _, damaged = tidying.verify(self.store)
        assert [name for name in damaged if not name.startswith("trees/")] == []


@pytest.mark.parametrize(
    ("kills", "at_once", "times"),
    [
        pytest.param(4, 3, 1, id="some"),
        pytest.param(200, 8, 1, id="many", marks=pytest.mark.soak),
    ],
)
def test_whatever_is_killed_the_rock_is_the_same(
    tmp_path: Path, store: Path, kills: int, at_once: int, times: int
) -> None:
    began = time.monotonic()
    rounds = Rounds(tmp_path, store)
    attempt = rounds.project("hello")
    for number in range(1, kills + 1):
        rounds.kill(attempt)
        if number % 20 == 0:
            rounds.check(attempt)
            print(f"soak: {number} kills, {time.monotonic() - began:.0f} s", flush=True)
    rounds.check(attempt)
    for _ in range(times):
        rounds.at_once(at_once)
    rounds.check(attempt)
    seconds = time.monotonic() - began
    print(
        f"\nsoak: {kills} kills ({dict(rounds.seen)}), {times} times {at_once} packs at once: "
        f"one digest, nothing left, {seconds:.0f} s",
        flush=True,
    )


def _flip(path: Path) -> None:
    """Flip a bit in the middle of a file, under the store's feet."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    times = path.stat()
    path.chmod(0o600)
    path.write_bytes(bytes(data))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


#: What is known of layers, and of packs.
_KNOWN = (
    *("layers/*/blob", "layers/*/layer.json", "layers/*/layout.json"),
    *("resolutions/*/*.json", "verdicts/*/*.json", "receipts/*/receipt.json", "answers/*/*"),
)

#: What layers are made of; to be used again, what was made of it must go.
_SOURCES = (
    *("packages/*/data.tar", "packages/*/members.json", "packages/*/control/*"),
    *("components/*/pebble", "components/*/statsd_exporter", "components/*/copyright"),
    *("trees/**/*", "pythons/**/*", "bytecode/**/*", "uv/*/archive-v0/**/*"),
)


@pytest.mark.parametrize(
    ("patterns", "gone"),
    [
        pytest.param(_KNOWN, (), id="known"),
        pytest.param(
            *(("layers/*/entries.jsonl",), ("verdicts", "receipts")),
            id="lists",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            *(_SOURCES, ("layers", "verdicts", "receipts")),
            id="sources",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_flipped_bits_never_reach_a_rock(
    tmp_path: Path, store: Path, patterns: Sequence[str], gone: Sequence[str]
) -> None:
    """Each kind of thing in turn is damaged: it is made anew, or the error says so."""
    rounds = Rounds(tmp_path, store)
    attempt = rounds.project("hello")
    rounds.check(attempt)
    for pattern in patterns:
        paths = [
            path
            for path in sorted(rounds.store.root.glob(pattern))
            if path.is_file() and not path.is_symlink() and path.stat().st_size
        ]
        assert paths, pattern
        for path in paths:
            if "seal" not in path.name:
                shutil.copy2(path, tmp_path / "copy")  # what is hard-linked stays as it is
                path.unlink()
                shutil.move(tmp_path / "copy", path)
                _flip(path)
        for kind in gone:
            for key in rounds.store.keys(kind):
                rounds.store.remove(kind, key)
        next(attempt.folder.glob("*.rock")).unlink()
        assert rounds._digest(attempt) == rounds.expected, pattern
        print(f"soak: a bit flipped in each of {len(paths)} {pattern}: one digest", flush=True)
        (attempt.folder / "app.py").touch()


def test_clean_finds_what_is_damaged(tmp_path: Path, store: Path) -> None:
    rounds = Rounds(tmp_path, store)
    attempt = rounds.project("hello")
    rounds.check(attempt)
    blobs = sorted(rounds.store.root.glob("layers/*/blob"))[:2]
    for path in blobs:
        _flip(path)
    done = attempt.run("clean", "--verify")
    assert done.returncode == 0, done.stderr
    for path in blobs:
        assert f"removed layers/{path.parent.name}: the disk has damaged it" in done.stderr
        assert not path.parent.exists()
    rounds.check(attempt)
