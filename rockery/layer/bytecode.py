"""Bytecode: of what a rock ships, and of what is started on this host again and again."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rockery.errors import Problem, SurroundingsError
from rockery.layer import tree
from rockery.layer.layer import Layer, key
from rockery.layer.recorded import listed
from rockery.store import Store, is_sound, is_unpacked

_RECIPE = 1

#: Where the standard library's bytecode lies in its folder, whose seal must not show in a rock.
_ROOT = "root"

#: What compileall says where the system refuses something, and Python of a fault of its own.
_REFUSED = re.compile(r"^.*\[Errno \d+\].*$", re.MULTILINE)
_FAILED = "Traceback (most recent call last)"

#: Modules so few that one process compiles them sooner than several have begun.
_FEW = 100

#: More processes would need more memory than a pack may: each is a Python, of some 15 MB.
_MOST_PROCESSES = 4


def compiled(site: Path, interpreter: Path, packages: str) -> None:
    """Compile all modules below ``site`` as if they lay in ``packages``.

    The files name no time and are never checked against their source (PEP 552): a layer's
    files don't change.
    """
    _compiled(site, interpreter, packages, str(site))


def installed(store: Store, site: Path, interpreter: Path, packages: str) -> None:
    """Do as :func:`compiled`; what was compiled of a distribution before is taken from ``store``.

    One is known by its RECORD, which has the checksums of its modules. Of scikit-learn's 16
    packages compiling takes longer than installing them.
    """
    new: dict[str, list[Path]] = {}
    owned: set[Path] = set()
    for record in sorted(site.glob("*.dist-info/RECORD")):
        names = (path for path in listed(record) if path.endswith(".py"))
        modules = [path for path in map(site.joinpath, names) if path.is_file()]
        owned.update(modules)
        # Which modules ship is a matter of rules and wishes too.
        there = sorted(str(path.relative_to(site)) for path in modules)
        digest = hashlib.sha256(record.read_bytes()).hexdigest()
        inputs = [digest, there, packages, str(interpreter)]
        name = key("bytecode of a distribution", _RECIPE, inputs)
        made = store.get("bytecode", name)
        if made is None:
            new[name] = modules
            continue
        for path in made.rglob("*.pyc"):
            _link(path, site / path.relative_to(made))
    wanted = [module for modules in new.values() for module in modules]
    wanted += [path for path in site.rglob("*.py") if path not in owned]
    if not wanted:
        return
    given = "\n".join(map(str, wanted))
    _compiled(site, interpreter, packages, "-i", "-", given=given, alone=len(wanted) < _FEW)
    for name, modules in new.items():
        with store.put("bytecode", name) as content:
            for module in modules:
                for path in (module.parent / "__pycache__").glob(f"{module.stem}.cpython-*.pyc"):
                    _link(path, content / path.relative_to(site))


def _compiled(
    site: Path, interpreter: Path, packages: str, *what: str, given: str = "", alone: bool = False
) -> None:
    jobs = 1 if alone else min(os.cpu_count() or 1, _MOST_PROCESSES)
    done = subprocess.run(
        [
            *(str(interpreter), "-B", "-m", "compileall", "-q", "-j", str(jobs)),
            *("--invalidation-mode", "unchecked-hash", "-s", str(site), "-p", packages, *what),
        ],
        input=given,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0"},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
    )
    _check(done)


def _check(done: subprocess.CompletedProcess[str]) -> None:
    """Raise where compiling came to an end before its time.

    A module that this Python can't read is told of and has no bytecode: that's its author's.
    """
    told = (*_REFUSED.findall(done.stdout), *done.stderr.splitlines()[-5:])
    if "No space left" in "".join(told):
        raise SurroundingsError(
            Problem(
                "cannot compile the Python modules: the disk is full",
                code="disk-full",
                remedy="free some space, or set ROCKERY_STORE",
                details=told,
            )
        )
    if _REFUSED.search(done.stdout) or _FAILED in done.stderr or done.returncode not in (0, 1):
        raise SurroundingsError(
            Problem(
                "cannot compile the Python modules: the rock's own Python fails on this machine",
                code="python-failed",
                remedy="'rockery clean --verify' finds and removes what the disk has damaged",
                details=told,
            )
        )


def _link(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    os.link(path, target)


def startable(
    store: Store, layers: Sequence[Layer], architecture: str, *, at_once: bool = False
) -> list[Path]:
    """Return the folders of the unpacked layers, bottom to top, to start something from.

    Above those of the system lies one with the standard library's bytecode. A rock has none of
    it, for its size; without it importing Flask took 0.69 s instead of 0.25, and compiling all
    of it takes 1.4 s. So it is made ``at_once`` or, since the first start is often the only one,
    at the second asking. ``architecture`` is the layers' and this host's.
    """
    folders = [tree.unpacked(store, layer) for layer in layers]
    system = [layer for layer in layers if layer.kind in ("base", "runtime")]
    library = _library([tree.unpacked(store, layer) for layer in system])
    if library is None:
        return folders
    name = _library_name(store, system)
    made = store.get("pythons", name)
    if made is None and not at_once and store.get("verdicts", name) is None:
        with store.put("verdicts", name) as asked:
            (asked / "none").touch()
        return folders
    if made is None:
        version = library.name.removeprefix("python")
        python = tree.whole_interpreter(store, system, architecture, version)
        source = python.parents[2] / library
        with store.put("pythons", name) as content:
            _compile(source, content / _ROOT / library, python)
        made = store.get("pythons", name)
        assert made is not None
    last = max(index for index, layer in enumerate(layers) if layer in system)
    return [*folders[: last + 1], made / _ROOT, *folders[last + 1 :]]


def forget_damaged(store: Store, layers: Sequence[Layer]) -> bool:
    """Remove what the disk has damaged of what is started; tell whether there was anything."""
    trees = {layer.diff_id.removeprefix("sha256:"): layer for layer in layers}
    damaged = [
        ("trees", name)
        for name, layer in trees.items()
        if (folder := store.get("trees", name)) and not is_unpacked(folder, layer.folder)
    ]
    system = [layer for layer in layers if layer.kind in ("base", "runtime")]
    name = _library_name(store, system)
    if (folder := store.get("pythons", name)) and not is_sound(folder, thorough=True):
        damaged.append(("pythons", name))
    for kind, name in damaged:
        store.remove(kind, name)
    return bool(damaged)


def _library_name(store: Store, system: Sequence[Layer]) -> str:
    return key("bytecode", _RECIPE, [[layer.diff_id for layer in system], str(store.root)])


def _library(folders: Sequence[Path]) -> Path | None:
    """Return where the standard library lies: ``usr/lib/python3.11``, or None without Python."""
    for folder in folders:
        for found in sorted(folder.glob("usr/lib/python3.*/os.py")):
            return found.parent.relative_to(folder)
    return None


def _compile(source: Path, target: Path, python: Path) -> None:
    """Leave the bytecode of the modules in ``source``, and nothing else, in ``target``."""
    modules = [path.relative_to(source) for path in source.rglob("*.py")]
    for module in modules:
        (target / module).parent.mkdir(parents=True, exist_ok=True)
        os.link(source / module, target / module)
    compiled(target, python, f"/{target.relative_to(target.parents[2])}")
    for module in modules:
        (target / module).unlink()
