"""Gathers the materials of a rock from its layers.

What a layer consists of is kept in the store: where one of them changes, only that one is
read again, and only what reading it needs is imported.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from rockery.layer import Layer
from rockery.layer import key as layer_key
from rockery.layer.deb import PackageContents
from rockery.resolution.apt import Package
from rockery.sbom import RECIPE
from rockery.sbom.licence import Licence
from rockery.sbom.material import Material, distinct
from rockery.store import Store

#: The kinds of layers whose programs may be Go's.
_PROGRAMS = ("component", "part")

_COPYRIGHT = "usr/share/doc/{}/copyright"


def knows(store: Store, checksums: Iterable[str], system: tuple[str, str]) -> bool:
    """Tell whether the store has the materials of the distribution's packages."""
    return store.get("verdicts", _key(_of_packages(checksums, system))) is not None


def gather(
    store: Store,
    packages: Sequence[tuple[Package, PackageContents]] | None,
    checksums: Iterable[str],
    layers: Iterable[Layer],
    unpacked: Callable[[Layer], Path],
    system: tuple[str, str],
) -> tuple[Material, ...]:
    """Return all materials, each once.

    ``checksums`` are those of the ``packages``, which need be given only where the store doesn't
    know them. A layer's folder is asked for, where it is ``unpacked``, only if it isn't known.
    ``system`` is the distribution and its release ("debian", "12").
    """

    def of_packages() -> Iterator[Material]:
        from rockery.sbom import debian

        assert packages is not None
        return debian.materials(packages, system)

    found = _kept(store, _of_packages(checksums, system), of_packages)
    for layer in layers:

        def of_layer(layer: Layer = layer) -> Iterator[Material]:
            return _of_layer(layer, unpacked(layer))

        found += _kept(store, ["layer", layer.kind, layer.title, layer.diff_id], of_layer)
    return distinct(found)


def _of_packages(checksums: Iterable[str], system: tuple[str, str]) -> Sequence[object]:
    return ["packages", sorted(checksums), *system]


def _key(inputs: Sequence[object]) -> str:
    return layer_key("materials", RECIPE, list(inputs))


def _kept(
    store: Store, inputs: Sequence[object], make: Callable[[], Iterable[Material]]
) -> list[Material]:
    """Return the materials that the store has for ``inputs``, else those that are made."""
    key = _key(inputs)
    folder = store.get("verdicts", key)
    if folder is None:
        made = list(make())
        text = json.dumps([dataclasses.asdict(material) for material in made])
        with store.put("verdicts", key) as content:
            (content / "materials.json").write_text(text)
        return made
    raw = json.loads((folder / "materials.json").read_text())
    return [
        Material(
            **{**one, "licence": Licence(**one["licence"]), "contains": tuple(one["contains"])}
        )
        for one in raw
    ]


def _of_layer(layer: Layer, root: Path) -> Iterator[Material]:
    from rockery.sbom import golang, python

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
