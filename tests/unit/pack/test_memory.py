"""What the store remembers of a project."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from rockery.layer import Ground, build, file
from rockery.layer.compression import GZIP
from rockery.pack.memory import forget, recall, remember
from rockery.plan import FilesSpec, Plan, PlannedLayer
from rockery.store import Store


def plan(store: Store, *keys: str, platform: str = "amd64") -> Plan:
    layers = []
    for key in keys:
        build(
            store,
            key,
            kind="part",
            title=key,
            entries=[file("x", key)],
            ground=Ground(),
            scheme=GZIP,
            mtime=0,
        )
        facts = {"x": key}
        layers.append(
            PlannedLayer("part", "app", key, FilesSpec(()), facts, True, "cached", key, GZIP)
        )
    made: Any = SimpleNamespace(layers=tuple(layers), platform=platform)
    return cast(Plan, made)


def test_facts_are_kept_by_folder_and_platform(tmp_path: Path) -> None:
    store, here, there = Store(tmp_path / "store"), tmp_path / "here", tmp_path / "there"
    assert recall(store, here, "amd64") == {}
    remember(store, here, plan(store, "one"))
    remember(store, here, plan(store, "two", platform="arm64"))
    assert recall(store, here, "amd64") == {"app": {"x": "one"}}
    assert recall(store, here, "arm64") == {"app": {"x": "two"}}
    assert recall(store, there, "amd64") == {}


def test_a_project_is_forgotten_and_others_are_not(tmp_path: Path) -> None:
    store, here, there = Store(tmp_path / "store"), tmp_path / "here", tmp_path / "there"
    remember(store, here, plan(store, "one"))
    remember(store, there, plan(store, "two"))
    layers, size = forget(store, here)
    assert layers == 1
    assert size > 0
    assert forget(store, here) == (0, 0)
    assert store.keys("layers") == ["two"]
    assert recall(store, here, "amd64") == {}
    assert recall(store, there, "amd64") == {"app": {"x": "two"}}


def test_a_folder_is_known_through_a_link(tmp_path: Path) -> None:
    store, here = Store(tmp_path / "store"), tmp_path / "here"
    here.mkdir()
    (tmp_path / "link").symlink_to("here")
    remember(store, here, plan(store, "one"))
    assert recall(store, tmp_path / "link", "amd64") == {"app": {"x": "one"}}
