"""A rock of a few files, made in a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rockery.image import ImageSettings, assemble
from rockery.layer import Entry, Ground, build
from rockery.layer.compression import GZIP
from rockery.publish import archive
from rockery.store import Store

SETTINGS = ImageSettings(
    name="hello",
    version="1",
    architecture="amd64",
    user="",
    environment={"PATH": "/usr/bin"},
    entrypoint=("/usr/bin/pebble",),
    command=(),
    annotations={},
)


def small_rock(
    path: Path,
    layers: Mapping[str, Sequence[Entry]],
    settings: ImageSettings = SETTINGS,
    scheme: str = GZIP,
) -> Path:
    """Write a rock of these layers, entries by title, and return its path."""
    store = Store(path.parent / "store")
    made = [
        build(
            store,
            f"{path.stem}-{number}",
            kind="part",
            title=title,
            entries=list(entries),
            ground=Ground(),
            scheme=scheme,
            mtime=0,
        )
        for number, (title, entries) in enumerate(layers.items())
    ]
    archive.write(assemble(made, settings, 0), path)
    return path
