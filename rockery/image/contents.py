"""All files of a rock: where its bytes are, and what two rocks have differently."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
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

    def owner(self, file: File) -> str:
        """Return which package a file belongs to: of the distribution, of Python, or "": none."""
        source = re.sub(r"__pycache__/([^/]+)\.[^/.]+\.pyc$", r"\1.py", file.path)
        if owner := self.owners.get(file.path) or self.owners.get(source):
            return owner
        if found := re.match(r"usr/local/lib/python[^/]+/dist-packages/([^/]+)", file.path):
            return re.sub(r"(-[^-]*\.dist-info|\.py|\.[^/]*\.so|\.libs)$", "", found[1]).lower()
        return ""

    def package_sizes(self) -> Counter[str]:
        """Return the bytes of each package's files; those of none count for their layer."""
        sizes: Counter[str] = Counter()
        for file in self.files:
            sizes[self.owner(file) or file.layer] += file.size
        return sizes


@dataclass(frozen=True)
class Difference:
    """One thing that two rocks have differently, and what.

    ``secret`` tells that the text has values of the environment, which aren't for everybody.
    """

    subject: str
    text: str
    secret: bool = False

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


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
        elif info.isreg() and info.name.endswith(".dist-info/RECORD"):
            site, metadata = posixpath.split(posixpath.dirname(info.name))
            named = metadata.removesuffix(".dist-info").rpartition("-")[0]
            name = re.sub(r"[-_.]+", "-", named).lower()
            for line in member.text().splitlines():
                path = line.rsplit(",", 2)[0].strip('"')
                owners.setdefault(posixpath.normpath(posixpath.join(site, path)), name)

    found = report(path, visit)
    return Contents(found, tuple(files), owners)


def size_document(found: Contents) -> dict[str, Any]:
    """Return where the bytes are, as JSON data: by layer, package and file, largest first."""
    by_size = sorted(found.package_sizes().items(), key=lambda item: (-item[1], item[0]))
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
        "left_out": [
            {"package": name, "kind": kind, "files": files, "size": size}
            for name, kinds in sorted(found.report.left_out.items())
            for kind, (files, size) in kinds.items()
        ],
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
    if document["left_out"]:
        largest = sorted(document["left_out"], key=lambda one: -one["size"])[:_LARGEST]
        yield (
            ("left out of Python packages", "files' sizes", "what"),
            [(one["package"], one["size"], one["kind"]) for one in largest],
        )


def differences(one: Contents, other: Contents) -> list[Difference]:
    """Explain what two rocks have differently; none where their digests are equal."""
    if one.report.digest == other.report.digest:
        return []
    said = []
    settings = [_settings(found.report.config) for found in (one, other)]
    for name in sorted({*settings[0], *settings[1]}):
        pair = [known.get(name) for known in settings]
        if pair[0] != pair[1]:
            text = f"{name}: {pair[0]!r}, {pair[1]!r}"
            said.append(Difference("configuration", text, secret=name.startswith("Env ")))
    for kind in ("distribution", "python", "go"):
        mine, theirs = (vars(found.report)[kind] for found in (one, other))
        for name in sorted({*mine, *theirs}):
            if mine.get(name) != theirs.get(name):
                pair = [found.get(name, "absent") for found in (mine, theirs)]
                said.append(Difference(f"package {name}", f"{pair[0]}, {pair[1]}"))
    layers = [{layer.title: layer for layer in found.report.layers} for found in (one, other)]
    for title in dict.fromkeys([*layers[0], *layers[1]]):
        first, second = (known.get(title) for known in layers)
        if first is None or second is None:
            where = "second" if first is None else "first"
            said.append(Difference(f"layer {title}", f"only in the {where}"))
        elif first.digest != second.digest:
            found = _of_layer(
                *([file for file in rock.files if file.layer == title] for rock in (one, other))
            )
            why = found or ["the same files: times or compression differ"]
            if len(why) > _MOST:
                why[_MOST:] = [f"and {len(why) - _MOST} more"]
            said += [Difference(f"layer {title}", line) for line in why]
    orders = [[layer.title for layer in rock.report.layers] for rock in (one, other)]
    if orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1]):
        said.append(Difference("layers", "in another order"))
    return said or [Difference("manifest", "differs, and nothing that it names")]


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return what an image's configuration says, each variable and label by itself."""
    flat: dict[str, Any] = {key: config[key] for key in ("architecture", "created")}
    flat |= config["config"]
    for line in flat.pop("Env", None) or ():
        name, _, value = str(line).partition("=")
        flat[f"Env {name}"] = value
    for name, value in (flat.pop("Labels", None) or {}).items():
        flat[f"label {name}"] = value
    return flat


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
