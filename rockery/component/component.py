"""Pebble and the StatsD exporter: Go modules, pinned and verified by Go itself.

A component's folder holds ``go.mod`` with a ``tool`` line, ``go.sum``, and
``component.yaml`` for what Go's own files don't say.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rockery.component.toolchain import build
from rockery.data import data_folder
from rockery.errors import Problem, SurroundingsError
from rockery.layer import Entry, Stored, file
from rockery.record import Record
from rockery.store import Store

#: The data folders that are components.
_FOLDERS = ("pebble", "statsd-exporter")

#: Raise it when the code below makes other bytes from the same inputs.
RECIPE = 1


class Component(Record):
    """What ``component.yaml`` says; ``folder`` is where it lies."""

    name: str
    version: str
    package: str
    toolchain: str
    ldflags: str
    binary: str
    path: str
    license: str
    folder: Path
    go_source: str | None = None

    def identity(self) -> dict[str, Any]:
        """Return all that decides the program's bytes, but for the architecture."""
        pins = {
            name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
            for name in ("go.mod", "go.sum")
        }
        said = {name: value for name, value in vars(self).items() if name != "folder"}
        return {"definition": said, **pins}


@functools.cache
def component(name: str) -> Component:
    """Return the component in the data folder ``name``."""
    import yaml

    folder = data_folder(name)
    raw = yaml.safe_load((folder / "component.yaml").read_text(encoding="utf-8"))
    return Component(folder=folder, **{key.replace("-", "_"): raw[key] for key in raw})


def components() -> tuple[Component, ...]:
    """Return all components."""
    return tuple(component(name) for name in _FOLDERS)


class Program(Record):
    """A component's program as it goes into a rock."""

    binary: Path
    copyright: bytes

    def entries(self, component: Component) -> list[Entry]:
        """Return the files of the component's layer."""
        program = Stored(self.binary, self.binary.stat().st_size)
        return [
            Entry(component.path, "file", 0o755, content=program),
            file(f"usr/share/doc/{component.name}/copyright", self.copyright),
        ]


class Binaries(Record):
    """Where programs come from: given by the user, shipped with rockery, or built.

    ``given`` maps a component's name to a program; the environment variables
    ``ROCKERY_PEBBLE`` and ``ROCKERY_STATSD_EXPORTER`` name one too.
    """

    given: Mapping[str, Path]

    def inputs(self, component: Component, architecture: str) -> dict[str, Any]:
        """Return what decides the program's bytes: the pin, or the given file's digest.

        Raises:
            SurroundingsError: a given program isn't there.
        """
        path = self._given(component)
        if path is None:
            return {"architecture": architecture, **component.identity()}
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise SurroundingsError(
                Problem(
                    f"cannot read the {component.name} program {path}: {error.strerror}",
                    code="missing-component",
                    remedy=f"correct --component or {_variable(component)}",
                )
            ) from error
        return {"architecture": architecture, "given": digest, "path": component.path}

    def builds(self, store: Store, component: Component, architecture: str, key: str) -> bool:
        """Tell whether :meth:`program` has to build, which takes a minute."""
        return (
            self._given(component) is None
            and not _shipped(component, architecture).is_dir()
            and store.get("components", key) is None
        )

    def program(self, store: Store, component: Component, architecture: str, key: str) -> Program:
        """Return the program, building it into the store as ``key`` where that must be."""
        path = self._given(component)
        if path is not None:
            return Program(path, b"A program given by the user.\n")
        shipped = _shipped(component, architecture)
        if shipped.is_dir():
            return Program(shipped / component.binary, (shipped / "copyright").read_bytes())
        folder = store.get("components", key)
        if folder is None:
            with store.lock(f"component-{key}"):
                if store.get("components", key) is None:
                    build(store, component, architecture, key, variable=_variable(component))
            folder = store.get("components", key)
            assert folder is not None
        return Program(folder / component.binary, (folder / "copyright").read_bytes())

    def _given(self, component: Component) -> Path | None:
        if component.name in self.given:
            return self.given[component.name]
        value = os.environ.get(_variable(component))
        return Path(value) if value else None


def _shipped(component: Component, architecture: str) -> Path:
    return data_folder("components") / architecture / component.name


def _variable(component: Component) -> str:
    return "ROCKERY_" + component.name.upper().replace("-", "_")
