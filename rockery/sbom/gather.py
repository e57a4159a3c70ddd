"""Gathers the materials of a rock from its layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rockery.layer import Layer
from rockery.layer.deb import PackageContents
from rockery.resolution.apt import Package
from rockery.sbom import debian, golang, python
from rockery.sbom.material import Material, distinct

#: The kinds of layers whose programs may be Go's.
_PROGRAMS = ("component", "part")

_COPYRIGHT = "usr/share/doc/{}/copyright"


def gather(
    packages: Sequence[tuple[Package, PackageContents]],
    layers: Iterable[tuple[Layer, Path]],
    system: tuple[str, str],
) -> tuple[Material, ...]:
    """Return all materials, each once.

    ``layers`` come with the folders they are unpacked in; ``system`` is the distribution and
    its release ("debian", "12"), to which ``packages`` belong.
    """
    found = list(debian.materials(packages, system))
    for layer, root in layers:
        found += _of_layer(layer, root)
    return distinct(found)


def _of_layer(layer: Layer, root: Path) -> Iterator[Material]:
    entries = [entry for entry in layer.entries() if entry["kind"] == "file"]
    yield from python.materials(root, [entry["path"] for entry in entries])
    if layer.kind not in _PROGRAMS:
        return
    name = layer.title.partition(" ")[0]
    paper = root / _COPYRIGHT.format(name)
    text = paper.read_text(encoding="utf-8", errors="replace") if paper.is_file() else ""
    for entry in entries:
        path = root / entry["path"]
        # A component is named even where it is a program that records nothing of itself.
        if entry["mode"] & 0o111 and (layer.kind == "component" or golang.build_info(path)):
            yield from golang.materials(path, path.name, text)
