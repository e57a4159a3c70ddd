"""Receipts: nothing has changed, and every change is noticed."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rockery.component import Binaries
from rockery.errors import Location, Problem
from rockery.image import HealthCheck, ImageSettings, assemble
from rockery.layer import Ground, build, file
from rockery.layer.compression import GZIP
from rockery.pack import Options, Outcome, receipt
from rockery.plan import FilesSpec, Plan, PlannedFile, PlannedLayer
from rockery.resolution.apt import Mirrors
from rockery.store import Store

RESOLUTIONS = ("of-packages",)
NOTE = Problem("look", "odd", Location("app.py", 3), "do", ("this",))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def options(tmp_path: Path) -> Options:
    folder = tmp_path / "project"
    (folder / "templates").mkdir(parents=True)
    (folder / "app.py").write_text("app = 1\n")
    (folder / "templates/a.html").write_text("a")
    (tmp_path / "shared.txt").write_text("flask")
    (folder / "link.txt").symlink_to(tmp_path / "shared.txt")
    return Options(folder, mirrors=Mirrors({}), binaries=Binaries({}))


@pytest.fixture(autouse=True)
def _old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APT_CONFIG", raising=False)
    monkeypatch.setattr(receipt, "settles", lambda changed: changed - 3600 * 10**9)


def outcome(store: Store) -> Outcome:
    layer = build(
        store,
        "key",
        kind="part",
        title="app",
        entries=[file("x", "x")],
        ground=Ground(),
        scheme=GZIP,
        mtime=0,
    )
    health = HealthCheck(("/usr/bin/pebble", "health"))
    settings = ImageSettings(
        "hello", "0.1", "amd64", "1", {"A": "b"}, ("x", "y"), ("z",), {"k": "v"}, health=health
    )
    return Outcome(assemble([layer], settings, 7), "hello", "0.1", "amd64", {"layers": []})


def planned(*sources: Path, cached: bool = True) -> Plan:
    files = tuple(PlannedFile("x", "file", 0o644, 0, 0, source=str(path)) for path in sources)
    layer = PlannedLayer("part", "app", "key", FilesSpec(files), {}, cached, "cached", "", GZIP)
    made: Any = SimpleNamespace(layers=(layer,), mtime=7)
    return cast(Plan, made)


def keep(
    options: Options, store: Store, plan: Plan | None = None, read: tuple[str, ...] = ()
) -> None:
    made = outcome(store)
    before = receipt.state(options)
    assert before is not None
    known = receipt.Read(read, RESOLUTIONS)
    receipt.keep(options, store, before, made, plan or planned(), known, [NOTE], every=True)


def resolve(store: Store, key: str, what: str) -> None:
    with store.put("resolutions", key, replace=True) as folder:
        (folder / "python.json").write_text(what)


def found(options: Options, store: Store) -> bool:
    now = receipt.state(options)
    assert now is not None
    return receipt.find(options, store, now, every=True) is not None


def test_it_says_what_the_pack_came_to(options: Options, store: Store) -> None:
    keep(options, store, planned(options.folder / "app.py"), ("link.txt",))
    now = receipt.state(options)
    assert now is not None
    assert receipt.find(options, store, now, every=False) is None
    answer = receipt.find(options, store, now, every=True)
    assert answer is not None
    made = outcome(store)
    assert answer[0] == made
    assert answer[0].image.digest == made.image.digest
    assert answer[1] == (NOTE,)


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda folder: (folder / "app.py").write_text("app = 2\n"),
    "added": lambda folder: (folder / "templates/b.html").touch(),
    "removed": lambda folder: (folder / "app.py").unlink(),
    "renamed": lambda folder: (folder / "app.py").rename(folder / "main.py"),
    "executable": lambda folder: (folder / "app.py").chmod(0o755),
    "behind a link": lambda folder: (folder.parent / "shared.txt").write_text("django"),
    "link": lambda folder: (
        (folder / "link.txt").unlink(),
        (folder / "link.txt").symlink_to("app.py"),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_the_project_is_noticed(
    options: Options, store: Store, change: Callable[[Path], object]
) -> None:
    keep(options, store)
    assert found(options, store)
    change(options.folder)
    assert not found(options, store)


def test_a_rock_and_a_cache_are_no_change(options: Options, store: Store) -> None:
    keep(options, store)
    (options.folder / "hello_0.1_amd64.rock").touch()
    (options.folder / "hello_0.1_amd64.spdx.json").touch()
    (options.folder / "__pycache__").mkdir()
    assert found(options, store)


def test_other_wishes_have_receipts_of_their_own(
    options: Options, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(options, store)
    assert not found(Options(options.folder, platform="arm64"), store)
    assert not found(Options(options.folder, verify=False), store)
    assert receipt.state(Options(options.folder, refresh=True)) is None
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    assert not found(options, store)


def test_layers_have_the_titles_of_this_rock(options: Options, store: Store) -> None:
    made = outcome(store)
    (layer,) = made.image.layers
    shared = dataclasses.replace(layer, title="another")
    made = dataclasses.replace(made, image=assemble([shared], made.image.settings, 7))
    before = receipt.state(options)
    assert before is not None
    receipt.keep(
        options, store, before, made, planned(), receipt.Read((), RESOLUTIONS), (), every=True
    )
    answer = receipt.find(options, store, before, every=True)
    assert answer is not None
    assert answer[0].image.digest == made.image.digest


def test_a_store_that_lost_a_layer_or_resolved_anew(options: Options, store: Store) -> None:
    resolve(store, *RESOLUTIONS, "one")
    keep(options, store)
    resolve(store, "of another project", "one")
    assert found(options, store)
    resolve(store, *RESOLUTIONS, "another")
    assert not found(options, store)
    keep(options, store)
    assert found(options, store)
    shutil.rmtree(store.root / "layers/key")
    assert not found(options, store)


def test_what_is_in_doubt_leaves_none(
    options: Options, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(options, store, planned(tmp_path / "elsewhere"))
    keep(options, store, planned(options.folder / "node_modules/a.js"))
    keep(options, store, read=("../requirements.txt",))
    monkeypatch.setattr(receipt, "settles", lambda changed: changed + 3600 * 10**9)
    keep(options, store)  # a file was written a moment ago
    assert store.keys("receipts") == []
