"""The standard library's bytecode beside what is started here; the interpreter is this host's."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from rockery.layer import Layer, bytecode, tree
from rockery.store import Store

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"


def layer(kind: str) -> Layer:
    return Layer(kind, kind, kind, Path(), f"sha256:{kind}", f"sha256:{kind}", 0, 0, 0, "")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store in which each layer's tree is a folder of its own, and runtime's has Python."""

    def unpacked(_store: Store, layer: Layer) -> Path:
        return tmp_path / layer.kind

    def interpreter(*_: object) -> Path:
        program = tmp_path / "runtime/usr/bin" / VERSION
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        program.chmod(0o755)
        return program

    monkeypatch.setattr(tree, "unpacked", unpacked)
    monkeypatch.setattr(tree, "whole_interpreter", interpreter)
    library = tmp_path / "runtime/usr/lib" / VERSION
    (library / "json").mkdir(parents=True)
    for name in ("os.py", "json/__init__.py"):
        (library / name).write_text("value = 1\n")
    return Store(tmp_path / "store")


def test_it_lies_above_the_system_and_holds_nothing_else(store: Store, tmp_path: Path) -> None:
    layers = [layer("base"), layer("runtime"), layer("dependencies")]
    base, runtime, made, rest = bytecode.startable(store, layers, "amd64", at_once=True)
    assert [base.name, runtime.name, rest.name] == ["base", "runtime", "dependencies"]
    found = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    library = Path("usr/lib") / VERSION
    sources = [library / "json/__init__.py", library / "os.py"]
    cached = [Path(importlib.util.cache_from_source(str(source))) for source in sources]
    assert found == sorted(cached)
    # Never compared with its source, which has another time in every view.
    assert all((made / path).read_bytes()[4] & 0b11 == 0b01 for path in found)


def test_a_first_start_does_not_wait_for_it(store: Store) -> None:
    layers = [layer("runtime"), layer("project")]
    assert len(bytecode.startable(store, layers, "amd64")) == 2
    assert len(bytecode.startable(store, layers, "amd64")) == 3
    assert len(bytecode.startable(store, layers, "amd64")) == 3


def test_a_rock_without_python_needs_none(store: Store, tmp_path: Path) -> None:
    (tmp_path / "runtime").rename(tmp_path / "other")
    (tmp_path / "runtime").mkdir()
    assert len(bytecode.startable(store, [layer("runtime")], "amd64", at_once=True)) == 1
