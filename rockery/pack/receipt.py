"""What a pack came to, kept with the state of all that it read.

A pack that finds everything in the store leaves a receipt. As long as nothing has changed,
the receipt answers the next pack: the project isn't read, and nothing is planned. It is a
short cut and never a source: whatever is in doubt, there is no receipt.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rockery.data import data_folder
from rockery.errors import Location, Problem, ProjectError
from rockery.image import HealthCheck, Image, ImageSettings, assemble
from rockery.layer import load
from rockery.project import build_source, source
from rockery.record import Record
from rockery.resolution import host_apt
from rockery.store import GRAIN, Store

if TYPE_CHECKING:
    from rockery.pack.options import Options
    from rockery.plan import Plan

#: Raise it when what is kept changes its form.
_FORMAT = 2

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
    """What all that a pack reads looks like: a digest, and the newest time in it.

    ``seen`` is the time before the look, both in nanoseconds.
    """

    digest: str
    newest: int
    seen: int

    @property
    def settled(self) -> bool:
        """Whether a later change will show: within a tick of the clock it would not."""
        return self.newest < self.seen - GRAIN


def state(options: Options, store: Store) -> State | None:
    """Look at what a pack with these options reads, by the file system's words alone.

    None where that isn't known: with ``--refresh``, or where apt is configured elsewhere.
    """
    if options.refresh or "APT_CONFIG" in os.environ:
        return None
    seen = time.time_ns()
    digest, newest = hashlib.sha256(), 0
    told = {n: v for n, v in os.environ.items() if n.startswith(_VARIABLES)}
    digest.update(json.dumps([_FORMAT, sys.version, sorted(told.items())]).encode())
    try:
        for path in _read(options, store):
            found = path.lstat()
            newest = max(newest, found.st_mtime_ns, found.st_ctime_ns)
            line = f"{path}\0{found.st_dev} {found.st_ino} {found.st_mode} {found.st_size} "
            line += f"{found.st_mtime_ns} {found.st_ctime_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    except (OSError, ProjectError):
        return None
    return State(digest.hexdigest(), newest, seen)


def _read(options: Options, store: Store) -> Iterator[Path]:
    """Give every file that a pack may read, links and their ends."""
    for folder in (Path(__file__).parents[1], *map(data_folder, _DATA)):
        for here, names, files in os.walk(folder):
            names[:] = sorted(name for name in names if name != "__pycache__")
            yield from (Path(here, name) for name in sorted(files))
    yield from host_apt.files()
    yield from options.binaries.given.values()
    # Whatever is resolved anew changes this folder.
    if (resolutions := store.root / "resolutions").is_dir():
        yield resolutions
    root = options.folder.absolute()
    if (lock := root / "rockery.lock").exists():
        yield lock
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
    folder = store.get("receipts", _key(options, every=every))
    if folder is None:
        return None
    try:
        kept = json.loads((folder / "receipt.json").read_text())
    except (OSError, ValueError):
        return None  # it is being replaced
    if kept["state"] != now.digest:
        return None
    layers = [load(store, key) for key in kept["layers"]]
    found = [layer for layer in layers if layer is not None and layer.blob.is_file()]
    if len(found) < len(layers):
        return None
    image = assemble(found, _settings(kept["settings"]), kept["mtime"])
    outcome = Outcome(image, kept["name"], kept["version"], kept["platform"], kept["document"])
    return outcome, tuple(_problem(raw) for raw in kept["notes"])


def keep(
    options: Options,
    store: Store,
    before: State,
    outcome: Outcome,
    plan: Plan,
    requirements: Iterable[str],
    notes: Iterable[Problem],
    *,
    every: bool,
) -> None:
    """Keep what a pack came to and said, where ``before`` tells of all that it read.

    ``requirements`` are the paths of the requirement files in the project's folder.
    """
    import dataclasses

    folder = options.folder.absolute()
    read = [folder / path for path in requirements]
    if not before.settled or not _is_known(plan, folder, read):
        return
    receipt = {
        "state": before.digest,
        "layers": [layer.key for layer in outcome.image.layers],
        "settings": dataclasses.asdict(outcome.image.settings),
        "mtime": plan.mtime,
        "name": outcome.name,
        "version": outcome.version,
        "platform": outcome.platform,
        "document": outcome.document,
        "notes": [dataclasses.asdict(note) for note in notes],
    }
    with store.put("receipts", _key(options, every=every), replace=True) as folder:
        (folder / "receipt.json").write_text(json.dumps(receipt))


def _is_known(plan: Plan, folder: Path, requirements: Iterable[Path]) -> bool:
    """Tell whether everything was in the store, and all that was read lies where we look."""
    from rockery.plan import BuiltSpec, DependenciesSpec, FilesSpec

    read = list(requirements)
    for layer in plan.layers:
        spec = layer.spec
        if not layer.cached or isinstance(spec, BuiltSpec):
            return False
        if isinstance(spec, DependenciesSpec) and not spec.resolution.wheels:
            return False  # the compiler counts too
        if isinstance(spec, FilesSpec):
            read += [file.source for file in spec.files if file.source is not None]
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
    }
    text = json.dumps(asked, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _settings(raw: dict[str, Any]) -> ImageSettings:
    health = raw["health"]
    lists = {name: tuple(raw[name]) for name in ("entrypoint", "command", "ports")}
    if health is not None:
        health = HealthCheck(**{**health, "command": tuple(health["command"])})
    return ImageSettings(**{**raw, **lists, "health": health})


def _problem(raw: dict[str, Any]) -> Problem:
    where = Location(**raw["where"]) if raw["where"] else None
    return Problem(**{**raw, "where": where, "details": tuple(raw["details"])})
