"""A pack of a project in which nothing but files of the app has changed since a receipt.

The rock is then what it was but for the layers that hold these files. They are made anew, and the
application is imported; nothing is resolved, and nothing planned. Whether more would change is not
guessed: the project is expanded, and comes to the same ``rockcraft.yaml``; no path came or went,
no mode changed, no other layer has one of the changed files' paths, and none of these is of a
kind that a plan reads. Whatever is in doubt is packed the long way.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from rockery import sbom
from rockery.amount import Amount
from rockery.errors import Problem, ProjectError
from rockery.image import Image, assemble
from rockery.layer import Entry, Ground, Layer, Stored, build, compressed_key, load
from rockery.layer import key as layer_key
from rockery.pack import memory, receipt, verification
from rockery.pack.conflicts import changed as changed_meanwhile
from rockery.pack.conflicts import check_unchanged
from rockery.plan.reason import COMPRESSION, EPOCH, reason
from rockery.record import Record
from rockery.store.digests import digest_of

if TYPE_CHECKING:
    from rockery.extension import Expansion
    from rockery.pack.options import Options, Watcher
    from rockery.pack.pack import Prepared
    from rockery.plan import Plan, PlannedLayer
    from rockery.store import Store

#: The endings of files whose content only their layer holds: none that a plan reads.
_PLAIN = {".py", ".html", ".jinja", ".j2", ".css", ".js", ".svg", ".md", ".json", ".sql", ".po"}
_READ = {"setup.py", "package.json", "package-lock.json"}

#: More files than this in a layer are not listed once more in a receipt.
_MOST = 20_000


class _Part(Record):
    """A layer of files of the project, as a receipt has it.

    ``files`` are all that its key is made of, ``sources`` the files' paths below the project, by
    their places in it.
    """

    index: int
    kind: str
    title: str
    scheme: str
    recipe: int
    files: list[list[Any]]
    sources: dict[str, str]


def basis(
    plan: Plan, image: Image, prepared: Prepared, ground: Ground, notes: Iterable[Problem]
) -> Mapping[str, Any] | None:
    """Return what of a pack is needed to amend it, as JSON data; None where that isn't for sure."""
    from rockery.plan import ProjectSpec

    if prepared.version is None or any(isinstance(x.spec, ProjectSpec) for x in plan.layers):
        return None
    folder = Path(os.path.abspath(prepared.options.folder))  # noqa: PTH100
    parts = [
        part
        for index, layer in enumerate(plan.layers)
        if (part := _part(index, layer, image.layers[index], folder, plan.mtime)) is not None
    ]
    own = {place for part in parts for place in part.sources}
    shared: set[str] = set()
    for layer in image.layers:
        here = {entry["path"] for entry in layer.entries() if entry["path"] in own}
        shared |= here - own
        own -= here
    import dataclasses

    told = [note for note in notes if note not in prepared.notes]
    told = [note for note in told if note.code not in verification.NOTES]
    return {
        "expansion": _digest(prepared.data),
        "parts": [vars(part) for part in parts],
        "shared": sorted(shared),
        "ground": [dict(ground.directories), dict(ground.links)],
        "notes": [dataclasses.asdict(note) for note in told],
        "mtime": plan.mtime,
        "python": prepared.parts.base.python,
    }


def _part(index: int, layer: PlannedLayer, made: Layer, folder: Path, mtime: int) -> _Part | None:
    """Return the layer where it holds files of the project, and nothing else."""
    from rockery.plan import FilesSpec
    from rockery.plan.plan import FILES_RECIPE

    spec = layer.spec
    if not isinstance(spec, FilesSpec) or spec.compiled_for or made.key != layer.key:
        return None
    files = [file for file in spec.files if file.kind == "file"]
    if not files or len(spec.files) > _MOST:
        return None
    # The plan has the folder as it was given, maybe relative to where we are.
    lie = {f.path: Path(os.path.abspath(f.source)) for f in files if f.source is not None}  # noqa: PTH100
    if len(lie) < len(files) or not all(path.is_relative_to(folder) for path in lie.values()):
        return None
    sources = {place: str(path.relative_to(folder)) for place, path in lie.items()}
    listed = [[file.path, *file.identity] for file in spec.files]
    part = _Part(index, layer.kind, layer.title, layer.scheme, FILES_RECIPE, listed, sources)
    return part if _content(part, listed, mtime) == layer.content else None


def _content(part: _Part, files: list[list[Any]], mtime: int) -> str:
    """Return the key of the layer's tar, as a plan makes it."""
    return layer_key(part.kind, part.recipe, [files, mtime])


def _digest(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def amend(
    options: Options, store: Store, now: receipt.State, watcher: Watcher, *, every: bool
) -> receipt.Outcome | None:
    """Pack what a receipt tells of with the files that have changed since; None if that won't do.

    Raises:
        ProjectError: the application can't be imported, or a file changed meanwhile.
    """
    found = receipt.basis(options, store, now, every=every)
    if found is None:
        return None
    before, kept = found
    folder = options.folder.absolute()
    changed = _changed(kept["files"], now.files, folder)
    parts = [_Part(**part) for part in kept["parts"]]
    held = {path for part in parts for path in part.sources.values()}
    shared = {part.sources.get(place) for part in parts for place in kept["shared"]}
    if not changed or not changed <= held or changed & shared:
        return None
    expansion = _expanded(options)
    if expansion is None or _digest(expansion.data) != kept["expansion"]:
        return None
    for note in (*expansion.notes, *map(receipt.problem, kept["notes"])):
        watcher.note(note)
    places, links = kept["ground"]
    ground = Ground({path: tuple(owner) for path, owner in places.items()}, links)
    layers = list(before.image.layers)
    said = {"layers": list(before.document["layers"])}
    facts = memory.recall(store, options.folder, before.platform)
    made = {}
    for part in parts:
        if not changed & {*part.sources.values()}:
            continue
        files = _files(part, folder, changed)
        content = _content(part, files, kept["mtime"])
        own = {path: sha256 or target for path, kind, *_, target, sha256 in files
               if kind != "directory"}  # fmt: skip
        own |= {EPOCH: str(kept["mtime"]), COMPRESSION: part.scheme}
        key = compressed_key(content, part.scheme)
        cached = load(store, key) is not None
        why = "cached" if cached else reason(own, facts.get(part.title))
        layer = _layer(part, files, key, folder, ground, store, kept["mtime"], watcher, why)
        layers[part.index] = layer
        action = "reuse" if cached else "make"
        told = {"key": key, "action": action, "reason": why}
        said["layers"][part.index] = {**said["layers"][part.index], **told}
        made[part.title] = (key, own)
    image = assemble(layers, before.image.settings, kept["mtime"])
    if options.verify:
        subject = verification.Subject(
            expansion.data.get("services", {}),
            options.environment,
            options.folder,
            expansion.where,
            kept["python"],
            watcher,
        )
        others = [layer for layer in layers if layer.title != sbom.TITLE]
        verification.verify(others, image.settings, subject, store, programs=False)
    memory.amend(store, options.folder, before.platform, made)
    document = {**before.document, **said}
    return receipt.Outcome(image, before.name, before.version, before.platform, document)


def _changed(before: Mapping[str, str], now: Mapping[str, str], folder: Path) -> set[str]:
    """Return the files that are others now, below the project; nothing if there is more to it."""
    if before.keys() != now.keys():
        return set()
    changed = set()
    for name, words in now.items():
        if words == before[name]:
            continue
        path = PurePath(name)
        same_mode = words.partition(" ")[0] == before[name].partition(" ")[0]
        plain = path.suffix in _PLAIN and path.name not in _READ and path.is_relative_to(folder)
        if not (same_mode and plain):
            return set()
        changed.add(str(path.relative_to(folder)))
    return changed


def _expanded(options: Options) -> Expansion | None:
    from rockery import extension, project

    try:
        read = project.load(options.folder, base=options.base, build_base=options.build_base)
        return extension.expand(read)
    except ProjectError:
        return None  # said the long way, with all else


def _files(part: _Part, folder: Path, changed: set[str]) -> list[list[Any]]:
    """Return the part's files, those that have changed with their digests as they are now."""
    files = []
    for file in part.files:
        source = part.sources.get(file[0])
        if source in changed:
            file = [*file[:-1], digest_of(folder / source)]
        files.append(file)
    return files


def _layer(
    part: _Part,
    files: list[list[Any]],
    key: str,
    folder: Path,
    ground: Ground,
    store: Store,
    mtime: int,
    watcher: Watcher,
    why: str,
) -> Layer:
    """Return the layer of these files, making it where it isn't stored."""
    found = load(store, key, part.title)
    if found is not None:
        return found
    with store.lock(f"layer-{key}"):
        found = load(store, key, part.title)
        if found is not None:
            return found
        amount = Amount()
        watcher.step(part.title, amount)
        entries = []
        read = {}
        for path, kind, mode, uid, gid, target, sha256 in files:
            content = None
            if kind == "file":
                source = read[sha256] = str(folder / part.sources[path])
                content = Stored(source, os.stat(source).st_size)  # noqa: PTH116
            entries.append(Entry(path, kind, mode, uid, gid, target, content))
        try:
            made = build(
                *(store, key),
                kind=part.kind,
                title=part.title,
                entries=entries,
                ground=ground,
                scheme=part.scheme,
                mtime=mtime,
                amount=amount,
            )
        except EOFError as error:
            raise changed_meanwhile(str(error)) from error
        check_unchanged(store, made, read)
        watcher.done(part.title, f"made, {why}")
        return made
