"""Path triggers: caches and indexes that a tool of the target makes of several packages' files.

The rules are data (`triggers` in ``bases/rules.yaml``). A tool is run through the target's own
dynamic loader from a folder that holds it, its libraries and the files it reads; nothing of
the host takes part, and no privilege is needed.
"""

from __future__ import annotations

import os
import platform
import posixpath
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rockery.base import Base, TriggerRule
from rockery.glob import matcher
from rockery.layer.composition import Composition
from rockery.layer.entry import Entry, Inline, chunks, file
from rockery.layer.ground import Ground
from rockery.layer.loader_cache import LOADERS, library_folders, triplet

#: Seconds a tool may take.
_PATIENCE = 300
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Bench:
    """Where tools run: an empty folder, and the time that all files of the rock carry."""

    folder: Path
    mtime: int


def pull(
    composition: Composition,
    below: Mapping[str, Entry],
    base: Base,
    architecture: str,
    bench: Bench | None,
) -> None:
    """Run the tools whose files are in the composition, and add what they make.

    Without a bench, and for another architecture, a note says what is missing instead.
    """
    visible = {**below, **composition.entries}
    for name, template in base.rules.triggers.items():
        rule = _filled(template, triplet(architecture))
        asks = matcher(rule.files)
        files = sorted(path for path in composition.entries if asks(path))
        if not files or composition.ground.resolve(rule.tool) not in visible:
            continue
        if bench is None or platform.machine() != _MACHINES[architecture]:
            composition.notes.append(
                f"the {name} is not made for {architecture} on this machine; it is made at run "
                "time, or what needs it is missing"
            )
            continue
        said = _run(composition, visible, name, rule, files, architecture, bench)
        if said is not None:
            composition.notes.append(f"the {name} could not be made: {said}")


def _filled(rule: TriggerRule, multiarch: str) -> TriggerRule:
    def fill(text: str) -> str:
        return text.replace("{triplet}", multiarch)

    return TriggerRule(
        tool=fill(rule.tool),
        files=tuple(map(fill, rule.files)),
        needs=tuple(map(fill, rule.needs)),
        arguments=tuple(map(fill, rule.arguments)),
        environment={key: fill(value) for key, value in rule.environment.items()},
        makes=tuple(map(fill, rule.makes)),
        output=fill(rule.output) if rule.output else None,
    )


def _run(
    composition: Composition,
    visible: Mapping[str, Entry],
    name: str,
    rule: TriggerRule,
    files: list[str],
    architecture: str,
    bench: Bench,
) -> str | None:
    """Run one tool; return why it failed, or None."""
    root = bench.folder / name.replace(" ", "-").replace("/", "-")
    folders = set(library_folders(visible, architecture))
    wanted = matcher((*rule.files, *rule.needs, rule.tool))
    try:
        loader = composition.ground.resolve(LOADERS[architecture])
        chosen = [
            path
            for path in visible
            if wanted(path)
            or path == loader
            or (posixpath.dirname(path) in folders and ".so" in posixpath.basename(path))
        ]
        lay_out({path: visible[path] for path in chosen}, visible, composition.ground, root)
        for path in rule.makes:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
        _set_times(root, bench.mtime)
        before = set(_files(root))
        words = []
        for word in rule.arguments:
            given = [f"{root}/{path}" for path in files] if word == "{files}" else [word]
            words += [text.replace("{root}", str(root)) for text in given]
        libraries = ":".join(f"{root}/{folder}" for folder in folders)
        done = subprocess.run(
            [
                *(str(root / loader), "--inhibit-cache", "--library-path", libraries),
                *(str(root / composition.ground.resolve(rule.tool)), *words),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            env={
                "PATH": "/usr/bin:/bin",
                "LC_ALL": "C.UTF-8",
                "SOURCE_DATE_EPOCH": str(bench.mtime),
                **{k: v.replace("{root}", str(root)) for k, v in rule.environment.items()},
            },
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            return said[-1] if said else f"{rule.tool} ended with status {done.returncode}"
        if rule.output is not None:
            printed = done.stdout.replace(str(root).encode(), b"")
            composition.add(file(rule.output, printed))
        makes = matcher(rule.makes)
        for path in sorted(set(_files(root)) | before):
            if makes(path) and (path not in before or _differs(root / path, visible.get(path))):
                data = (root / path).read_bytes()
                if str(root).encode() in data:
                    return f"{path} names the folder it was made in"
                composition.add(file(path, data))
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error).replace(str(root), "")
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return None


def lay_out(
    entries: Mapping[str, Entry], visible: Mapping[str, Entry], ground: Ground, root: Path
) -> None:
    """Write files and links below ``root``; absolute links are made to stay in it."""
    root.mkdir(parents=True)
    for link, target in ground.links.items():
        if not link.startswith("var/"):
            (root / link).symlink_to(target)
            (root / target).mkdir(parents=True, exist_ok=True)
    for path, entry in sorted(entries.items()):
        place = root / path
        if entry.kind == "directory":
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind == "symlink":
            target = entry.target
            if target.startswith("/"):
                up = "../" * (len(Path(path).parts) - 1)
                target = up + ground.resolve(target.lstrip("/"))
            place.symlink_to(target)
            continue
        origin = visible[entry.target] if entry.kind == "hardlink" else entry
        with place.open("wb") as stream:
            for piece in chunks(origin.content or Inline(b"")):
                stream.write(piece)
        place.chmod(0o755 if entry.mode & 0o100 else 0o644)


def _set_times(root: Path, mtime: int) -> None:
    for folder, _, _ in os.walk(root, topdown=False):
        os.utime(folder, (mtime, mtime))


def _files(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if not path.is_symlink():
                yield str(path.relative_to(root))


def _differs(path: Path, entry: Entry | None) -> bool:
    if entry is None or entry.content is None:
        return True
    return path.read_bytes() != b"".join(chunks(entry.content))
