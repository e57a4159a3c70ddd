"""Where a rock's bytes are, as boxes in boxes: the rock, its layers, their packages, files."""

from __future__ import annotations

import heapq
import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rockery.image.contents import Contents, File

#: How many files of a rock have a box of their own; one in a rock of 50,000 would have no pixel.
_FILES = 2000

#: How many packages or folders of a layer have one.
_GROUPS = 300

Kind = Literal["rock", "layer", "package", "folder", "file", "rest"]


@dataclass(frozen=True)
class Box:
    """A box of the map; ``size`` are its files' bytes before compression, ``files`` their number.

    A "rest" stands for what is too small for boxes of its own.
    """

    kind: Kind
    name: str
    size: int
    files: int
    parts: tuple[Box, ...] = ()

    def document(self) -> list[Any]:
        """Return this as JSON data, short: kind, name, size, files, and the parts if any."""
        flat: list[Any] = [self.kind, self.name, self.size, self.files]
        return [*flat, [part.document() for part in self.parts]] if self.parts else flat


def treemap(found: Contents) -> Box:
    """Return the boxes of a rock, the largest first."""
    files = [file for file in found.files if file.kind == "file"]
    drawn = {id(file) for file in heapq.nlargest(_FILES, files, key=lambda file: file.size)}
    layers: dict[str, dict[tuple[Kind, str], list[File]]] = {
        layer.title: {} for layer in found.report.layers
    }
    loose: dict[str, list[File]] = {title: [] for title in layers}
    for file in files:
        if owner := found.owner(file):
            layers[file.layer].setdefault(("package", owner), []).append(file)
        else:
            loose[file.layer].append(file)
    for title, groups in layers.items():
        groups |= _by_folder(loose[title])
    return _around("rock", found.report.name, [_layer(*one, drawn) for one in layers.items()])


def _by_folder(files: Sequence[File]) -> dict[tuple[Kind, str], list[File]]:
    """Group what no package owns by the first folder below the one that all of it is in."""
    if not files:
        return {}
    folders = [posixpath.dirname(f"/{file.path}") for file in files]
    common = os.path.commonpath(folders)
    groups: dict[tuple[Kind, str], list[File]] = {}
    for folder, file in zip(folders, files, strict=True):
        first = posixpath.relpath(folder, common).split("/")[0]
        name = posixpath.normpath(posixpath.join(common, first))
        groups.setdefault(("folder", name), []).append(file)
    return groups


def _layer(title: str, groups: Mapping[tuple[Kind, str], Sequence[File]], drawn: set[int]) -> Box:
    boxes = [_around(kind, name, _files(files, drawn)) for (kind, name), files in groups.items()]
    if len(boxes) == 1 and boxes[0].kind == "folder":
        return _around("layer", title, boxes[0].parts)
    boxes.sort(key=lambda box: (-box.size, box.name))
    if len(boxes) > _GROUPS + 1:
        boxes[_GROUPS:] = [_rest(boxes[_GROUPS:], "packages and folders")]
    return _around("layer", title, boxes)


def _files(files: Sequence[File], drawn: set[int]) -> list[Box]:
    boxes = [Box("file", f"/{file.path}", file.size, 1) for file in files if id(file) in drawn]
    small = [Box("file", f"/{file.path}", file.size, 1) for file in files if id(file) not in drawn]
    return [*boxes, *(small if len(small) == 1 else [_rest(small, "files")] if small else [])]


def _rest(boxes: Sequence[Box], what: str) -> Box:
    files = sum(box.files for box in boxes)
    return Box("rest", f"{len(boxes):,} smaller {what}", sum(box.size for box in boxes), files)


def _around(kind: Kind, name: str, parts: Iterable[Box]) -> Box:
    inside = tuple(sorted(parts, key=lambda box: (-box.size, box.name)))
    whole = Box(
        kind, name, sum(part.size for part in inside), sum(part.files for part in inside), inside
    )
    # What has but a rest in it has nothing to look into.
    if len(inside) == 1 and inside[0].kind == "rest":
        return Box(kind, name, whole.size, whole.files)
    return whole
