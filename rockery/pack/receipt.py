"""What a pack came to, kept with the state of all that it read.

A pack leaves a receipt. As long as nothing has changed, the receipt answers the next pack: the
project isn't read, and nothing is planned. Where nothing but files of the app has changed, it is
what :mod:`rockery.pack.amendment` begins with. It is a short cut and never a source: whatever is
in doubt, there is no receipt.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rockery.data import data_folder
from rockery.errors import Location, Problem, ProjectError, SurroundingsError
from rockery.image import HealthCheck, Image, ImageSettings, assemble
from rockery.layer import load
from rockery.project import build_source, source
from rockery.record import Record
from rockery.resolution import host_apt
from rockery.store import Store, settles

if TYPE_CHECKING:
    from rockery.pack.options import Options
    from rockery.plan import Plan

#: Raise it when what is kept changes its form.
_FORMAT = 4

#: The variables that decide what is packed or how, by how they begin.
_VARIABLES = ("ROCKERY_", "CRAFT_", "UV_", "SOURCE_DATE_EPOCH", "PATH")

#: Rockery's own data, by folder; an installed one changes with the package.
_DATA = ("bases", "components", "extensions", "pebble", "server", "statsd-exporter")


class Outcome(Record):
    """A packed rock: its image, what it is, and the plan as JSON data.

    ``alone`` says whether no other platform was packed with it.
    """

    image: Image
    name: str
    version: str
    platform: str
    document: dict[str, Any]
    alone: bool = True

    @property
    def file_name(self) -> str:
        """The name of the rock's archive."""
        return f"{self.name}_{self.version}_{self.platform}.rock"


class State(Record):
    """What all that a pack reads looks like, but for resolutions.

    ``files`` are the project's, each with the file system's words for it; ``digest`` is that of
    all else. ``settled`` says whether a later change of any will show.
    """

    digest: str
    files: dict[str, str]
    settled: bool

    @property
    def words(self) -> str:
        """The digest of all that the file system says of the project."""
        text = json.dumps(self.files, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class Read(Record):
    """What a pack reads besides the sources of its layers.

    ``requirements`` are the paths of the requirement files in the project's folder,
    ``resolutions`` the keys of resolutions in the store.
    """

    requirements: tuple[str, ...]
    resolutions: tuple[str, ...]


def state(options: Options) -> State | None:
    """Look at what a pack with these options reads, by the file system's words alone.

    None where that isn't known: with ``--refresh``, or where apt is configured elsewhere.
    """
    if options.refresh or "APT_CONFIG" in os.environ:
        return None
    seen = time.time_ns()
    settled = 0
    told = {n: v for n, v in os.environ.items() if n.startswith(_VARIABLES)}

    def look(paths: Iterator[Path]) -> Iterator[tuple[str, str]]:
        nonlocal settled
        for path in paths:
            found = path.lstat()
            settled = max(settled, settles(max(found.st_mtime_ns, found.st_ctime_ns)))
            words = f"{found.st_mode} {found.st_dev} {found.st_ino} {found.st_size} "
            yield str(path), words + f"{found.st_mtime_ns} {found.st_ctime_ns}"

    try:
        around = [_FORMAT, sys.version, sorted(told.items()), list(look(_around(options)))]
        files = dict(look(_own(options)))
    except (OSError, ProjectError):
        return None
    digest = hashlib.sha256(json.dumps(around).encode()).hexdigest()
    return State(digest, files, settled < seen)


def _around(options: Options) -> Iterator[Path]:
    """Give every file that a pack may read, but for the project's."""
    for folder in (Path(__file__).parents[1], *map(data_folder, _DATA)):
        for here, names, files in os.walk(folder):
            names[:] = sorted(name for name in names if name != "__pycache__")
            yield from (Path(here, name) for name in sorted(files))
    yield from host_apt.files()
    yield from options.binaries.given.values()
    root = options.folder.absolute()
    if (lock := root / "rockery.lock").exists():
        yield lock


def _own(options: Options) -> Iterator[Path]:
    """Give every file of the project that a pack may read, links and their ends."""
    root = options.folder.absolute()
    for entry in source.walk(root, lambda path: not build_source.holds(path)):
        if entry.kind == "file":
            yield root / entry.path
        elif entry.kind == "link":
            yield root / entry.path
            end = Path(os.path.realpath(root / entry.path))
            if end.exists():
                yield end


def find(
    options: Options, store: Store, now: State, *, every: bool
) -> tuple[Outcome, tuple[Problem, ...]] | None:
    """Return what the last pack with these options came to and said, if it still holds.

    ``every`` says whether all platforms of the project were asked for.
    """
    kept = _kept(options, store, now, "receipt.json", every=every)
    if kept is None or kept["words"] != now.words:
        return None
    outcome = _outcome(kept, store)
    return None if outcome is None else (outcome, tuple(map(problem, kept["notes"])))


def basis(
    options: Options, store: Store, now: State, *, every: bool
) -> tuple[Outcome, dict[str, Any]] | None:
    """Return what a pack came to that read the same but for files of the project.

    With it is what :func:`keep` was given for this.
    """
    found = _kept(options, store, now, "basis.json", every=every)
    kept = _kept(options, store, now, "receipt.json", every=every) if found else None
    if found is None or kept is None or found["words"] != kept["words"]:
        return None
    outcome = _outcome(kept, store)
    return None if outcome is None else (outcome, found)


def _kept(
    options: Options, store: Store, now: State, name: str, *, every: bool
) -> dict[str, Any] | None:
    folder = store.get("receipts", _key(options, every=every))
    if folder is None:
        return None
    try:
        kept: dict[str, Any] = json.loads((folder / name).read_text())
    except (OSError, ValueError):
        return None  # it is being replaced, or has none
    if kept["state"] != now.digest or _resolved(store, kept["resolutions"]) != kept["resolutions"]:
        return None
    return kept


def _resolved(store: Store, keys: Iterable[str]) -> dict[str, str | None]:
    """Return what tells resolutions from newer ones, None for those that are gone."""
    return {key: store.seal("resolutions", key) for key in keys}


def _outcome(kept: Mapping[str, Any], store: Store) -> Outcome | None:
    """Return what a receipt tells of, unless the store has lost a layer of it."""
    layers = [load(store, key, title) for key, title in kept["layers"]]
    found = [layer for layer in layers if layer is not None and layer.blob.is_file()]
    if len(found) < len(layers):
        return None
    image = assemble(found, _settings(kept["settings"]), kept["mtime"])
    return Outcome(image, kept["name"], kept["version"], kept["platform"], kept["document"])


def keep(
    options: Options,
    store: Store,
    before: State,
    outcome: Outcome,
    plan: Plan,
    read: Read,
    notes: Iterable[Problem],
    *,
    every: bool,
    basis: Callable[[], Mapping[str, Any] | None] = lambda: None,
) -> None:
    """Keep what a pack came to and said, where ``before`` tells of all that it read.

    A store that can't be written stays as it is.

    ``basis`` gives what :func:`basis` is to return with it, as JSON data.
    """
    import dataclasses

    folder = options.folder.absolute()
    requirements = [folder / path for path in read.requirements]
    if not before.settled or not _is_known(plan, folder, requirements):
        return
    again = {"action": "reuse", "reason": "cached"}
    document = outcome.document
    document = {**document, "layers": [{**one, **again} for one in document["layers"]]}
    receipt = {
        "state": before.digest,
        "resolutions": _resolved(store, read.resolutions),
        "words": before.words,
        "layers": [[layer.key, layer.title] for layer in outcome.image.layers],
        "settings": dataclasses.asdict(outcome.image.settings),
        "mtime": plan.mtime,
        "name": outcome.name,
        "version": outcome.version,
        "platform": outcome.platform,
        "document": document,
        "notes": [dataclasses.asdict(note) for note in notes],
    }
    given = basis()
    key = _key(options, every=every)
    with (
        contextlib.suppress(SurroundingsError),
        store.put("receipts", key, replace=True) as content,
    ):
        (content / "receipt.json").write_text(json.dumps(receipt))
        if given is not None:
            named = {name: receipt[name] for name in ("state", "resolutions", "words")}
            named["files"] = before.files
            (content / "basis.json").write_text(json.dumps({**named, **given}))


def _is_known(plan: Plan, folder: Path, requirements: Iterable[Path]) -> bool:
    """Tell whether nothing was built by scripts, and all that was read lies where we look."""
    from rockery.plan import BuiltSpec, DependenciesSpec, FilesSpec

    read = list(requirements)
    for layer in plan.layers:
        spec = layer.spec
        if isinstance(spec, BuiltSpec):
            return False
        if isinstance(spec, DependenciesSpec) and not spec.resolution.wheels:
            return False  # the compiler counts too
        if isinstance(spec, FilesSpec):
            read += [Path(file.source) for file in spec.files if file.source is not None]
    own = [data_folder(name) for name in _DATA]
    return all(_is_looked_at(path, folder) or any(map(path.is_relative_to, own)) for path in read)


def _is_looked_at(path: Path, folder: Path) -> bool:
    path = Path(os.path.abspath(path))  # noqa: PTH100 - a link itself, not its end
    return path.is_relative_to(folder) and all(
        map(build_source.holds, path.relative_to(folder).parts)
    )


def _key(options: Options, *, every: bool) -> str:
    asked = {
        **vars(options),
        "folder": str(options.folder.resolve()),
        "every": every,
        # Without the network the same comes out, and with --refresh there is no receipt.
        "offline": False,
        "refresh": False,
        "jobs": 1,  # whatever their number
    }
    text = json.dumps(asked, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _settings(raw: dict[str, Any]) -> ImageSettings:
    health = raw["health"]
    lists = {name: tuple(raw[name]) for name in ("entrypoint", "command", "ports")}
    if health is not None:
        health = HealthCheck(**{**health, "command": tuple(health["command"])})
    return ImageSettings(**{**raw, **lists, "health": health})


def problem(raw: dict[str, Any]) -> Problem:
    """Return a problem that was kept as JSON data."""
    where = Location(**raw["where"]) if raw["where"] else None
    return Problem(**{**raw, "where": where, "details": tuple(raw["details"])})
