"""All files of a rock: where its bytes are, and what two rocks have differently."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rockery.image.report import LayerReport, Member, Report, report

#: How many of the largest files and packages are told.
_LARGEST = 20

#: How many differences of a layer are told one by one.
_MOST = 50


@dataclass(frozen=True)
class File:
    """An entry of a layer; ``size`` in bytes, ``sha256`` of a file's content."""

    layer: str
    path: str
    kind: str
    mode: int
    owner: tuple[int, int]
    size: int
    target: str
    sha256: str


@dataclass(frozen=True)
class Contents:
    """A rock's report and every entry of its layers; ``owners`` are packages by path."""

    report: Report
    files: tuple[File, ...]
    owners: dict[str, str]

    def package(self, file: File) -> str:
        """Return which package a file belongs to: of the distribution, of Python, or none."""
        if owner := self.owners.get(file.path):
            return owner
        if found := re.match(r"usr/local/lib/python[^/]+/dist-packages/([^/]+)", file.path):
            return re.sub(r"(-[^-]*\.dist-info|\.py|\.[^/]*\.so|\.libs)$", "", found[1]).lower()
        return file.layer


def contents(path: Path) -> Contents:
    """Read all of the rock at ``path``.

    Raises:
        UsageError: it isn't a rock, or not a whole one.
    """
    files: list[File] = []
    owners: dict[str, str] = {}

    def visit(layer: LayerReport, member: Member) -> None:
        info = member.info
        kinds = {"file": info.isreg(), "directory": info.isdir(), "link": info.issym()}
        kind = next((name for name, fits in kinds.items() if fits), "hard link")
        files.append(
            File(
                layer.title,
                info.name,
                kind,
                info.mode,
                (info.uid, info.gid),
                info.size,
                info.linkname,
                member.sha256() if info.isreg() else "",
            )
        )
        listed = re.fullmatch(r"var/lib/dpkg/(?:status\.d|info)/([^/:]+).*\.md5sums", info.name)
        if listed:
            for line in member.text().splitlines():
                name = listed[1].removesuffix(".md5sums")
                owners[re.sub(r"^(s?bin|lib(?:64)?)/", r"usr/\1/", line[34:])] = name

    found = report(path, visit)
    return Contents(found, tuple(files), owners)


def size_document(found: Contents) -> dict[str, Any]:
    """Return where the bytes are, as JSON data: by layer, package and file, largest first."""
    packages: dict[str, int] = {}
    for file in found.files:
        name = found.package(file)
        packages[name] = packages.get(name, 0) + file.size
    by_size = sorted(packages.items(), key=lambda item: (-item[1], item[0]))
    largest = sorted(found.files, key=lambda file: (-file.size, file.path))[:_LARGEST]
    seen: dict[str, str] = {}
    twice = []
    for file in found.files:
        if file.kind == "file" and file.size >= 4096:
            if file.sha256 in seen:
                twice.append({"path": file.path, "same_as": seen[file.sha256], "size": file.size})
            else:
                seen[file.sha256] = file.path
    return {
        "schema_version": 1,
        "archive_size": found.report.archive_size,
        "layers": [
            {"title": layer.title, "size": layer.size, "content_size": layer.content_size}
            for layer in sorted(found.report.layers, key=lambda layer: -layer.size)
        ],
        "packages": [{"name": name, "size": size} for name, size in by_size if size],
        "files": [{"path": file.path, "size": file.size, "layer": file.layer} for file in largest],
        "twice": twice,
    }


def size_rows(document: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], list[tuple[Any, ...]]]]:
    """Give tables of :func:`size_document`, each its heads and rows; sizes are numbers."""
    yield (
        ("layer", "compressed", "files' sizes"),
        [(one["title"], one["size"], one["content_size"]) for one in document["layers"]],
    )
    packages = [(one["name"], one["size"]) for one in document["packages"][:_LARGEST]]
    yield ("package", "files' sizes"), packages
    yield (
        ("largest file", "size", "layer"),
        [(f"/{one['path']}", one["size"], one["layer"]) for one in document["files"]],
    )
    if document["twice"]:
        yield (
            ("file that is there twice", "size", "the same as"),
            [(f"/{o['path']}", o["size"], f"/{o['same_as']}") for o in document["twice"][:_MOST]],
        )


def differences(one: Contents, other: Contents) -> list[str]:
    """Explain in sentences what two rocks have differently; none where their digests are equal."""
    if one.report.digest == other.report.digest:
        return []
    said = []
    for key in sorted({*one.report.config["config"], *other.report.config["config"]}):
        pair = [found.report.config["config"].get(key) for found in (one, other)]
        if pair[0] != pair[1]:
            said.append(f"configuration: {key}: {pair[0]!r}, {pair[1]!r}")
    for key in ("architecture", "created"):
        pair = [found.report.config.get(key) for found in (one, other)]
        if pair[0] != pair[1]:
            said.append(f"configuration: {key}: {pair[0]}, {pair[1]}")
    for kind in ("distribution", "python", "go"):
        mine, theirs = (vars(found.report)[kind] for found in (one, other))
        for name in sorted({*mine, *theirs}):
            if mine.get(name) != theirs.get(name):
                pair = [found.get(name, "absent") for found in (mine, theirs)]
                said.append(f"package {name}: {pair[0]}, {pair[1]}")
    layers = [{layer.title: layer for layer in found.report.layers} for found in (one, other)]
    for title in dict.fromkeys([*layers[0], *layers[1]]):
        first, second = (known.get(title) for known in layers)
        if first is None or second is None:
            said.append(f"layer {title}: only in the {'second' if first is None else 'first'}")
        elif first.digest != second.digest:
            found = _of_layer(
                *([file for file in rock.files if file.layer == title] for rock in (one, other))
            )
            why = found or ["the same files: times or compression differ"]
            said += [f"layer {title}: {line}" for line in why[:_MOST]]
            if len(why) > _MOST:
                said.append(f"layer {title}: and {len(why) - _MOST} more")
    orders = [[layer.title for layer in rock.report.layers] for rock in (one, other)]
    if orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]):
        said.append("the layers lie in another order")
    return said or ["the manifests differ, and nothing that they name"]


def _of_layer(one: Sequence[File], other: Sequence[File]) -> list[str]:
    mine, theirs = ({file.path: file for file in files} for files in (one, other))
    said = []
    for path in sorted({*mine, *theirs}):
        first, second = mine.get(path), theirs.get(path)
        if first is None or second is None:
            said.append(f"/{path}: only in the {'second' if first is None else 'first'}")
            continue
        words = []
        if first.kind != second.kind:
            words.append(f"{first.kind}, {second.kind}")
        if first.mode != second.mode:
            words.append(f"mode {first.mode:04o}, {second.mode:04o}")
        if first.owner != second.owner:
            words.append(f"owner {first.owner}, {second.owner}")
        if first.target != second.target:
            words.append(f"leads to {first.target}, {second.target}")
        if first.sha256 != second.sha256:
            words.append(f"content ({first.size} bytes, {second.size} bytes)")
        if words:
            said.append(f"/{path}: {'; '.join(words)}")
    return said
