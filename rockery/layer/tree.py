"""Layers unpacked in the store, for running something from them.

All files belong to the user who unpacks: no root is needed, and an overlay in a user
namespace accepts them as lower directories. The unpacked tree is shared and never written.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from rockery.amount import Amount
from rockery.layer.entry import Entry
from rockery.layer.layer import Layer, key
from rockery.store import Store, is_sound, is_unpacked
from rockery.store.damage import SIGNS, DamagedLayerError

RECIPE = 2


def has(store: Store, layer: Layer) -> bool:
    """Tell whether the layer's files are there."""
    return store.get("trees", _name(layer)) is not None


def unpacked(
    store: Store, layer: Layer, *, checked: bool = False, amount: Amount | None = None
) -> Path:
    """Return the folder with the layer's files, unpacking them where they aren't yet.

    Where another layer is made of them they must be ``checked``: what the disk has damaged is
    unpacked anew. ``amount`` tells of their tar's bytes while that lasts.

    Raises:
        DamagedLayerError: the blob isn't what it was.
    """
    name = _name(layer)
    folder = store.get("trees", name)
    if folder is not None and checked and not is_unpacked(folder, layer.folder):
        store.remove("trees", name)
        folder = None
    if folder is None:
        with store.lock(f"tree-{name}"):
            if store.get("trees", name) is None:
                with store.put("trees", name) as content:
                    try:
                        _unpack(layer, content, amount or Amount())
                    except SIGNS as error:
                        raise DamagedLayerError({layer.key: layer.title}) from error
        folder = store.get("trees", name)
        assert folder is not None
    return folder


def lay_out(store: Store, layer: Layer, entries: Iterable[Entry]) -> None:
    """Make the layer's folder from what it was just made of, as long as that is there.

    Nothing is linked: what damages a tree must damage nothing else. Where the layer's paths are
    others than the entries' there is no folder yet.
    """
    name = _name(layer)
    contents = {entry.path: entry.content for entry in entries if entry.content is not None}
    members = list(layer.entries())
    if not all(m["kind"] == "directory" or m["path"] in contents for m in members):
        return
    with store.lock(f"tree-{name}"):
        if store.get("trees", name) is not None:
            return
        with store.put("trees", name) as folder:
            for member in members:
                path = folder / member["path"]
                if member["kind"] == "directory":
                    path.mkdir(exist_ok=True)
                    continue
                with path.open("wb") as target, contents[member["path"]].open() as source:
                    shutil.copyfileobj(source, target, 1 << 20)
                path.chmod(_mode(member["mode"]))


def _mode(mode: int) -> int:
    """Return a file's mode in a tree, which is not the rock's: its owner can always read it."""
    return (mode & 0o777) | 0o600


def _name(layer: Layer) -> str:
    return layer.diff_id.removeprefix("sha256:")


def _unpack(layer: Layer, folder: Path, amount: Amount) -> None:
    amount.total = layer.plain_size
    with layer.plain() as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            amount.done = archive.offset - member.size if member.isreg() else archive.offset
            path = folder / member.name
            if member.isdir():
                path.mkdir(exist_ok=True)
            elif member.issym():
                path.symlink_to(member.linkname)
            elif member.islnk():
                path.hardlink_to(folder / member.linkname)
            else:
                source = archive.extractfile(member)
                assert source is not None
                with path.open("wb") as target:
                    while piece := source.read(1 << 20):
                        target.write(piece)
                        amount.done += len(piece)
                path.chmod(_mode(member.mode))


def interpreter(store: Store, layers: Sequence[Layer], architecture: str, version: str) -> Path:
    """Return a program that runs the rock's own Python on this host, whatever the host has.

    It lies in a tree of its own under the interpreter's name, so that Python finds its
    library there: a script that starts the real program, which was moved aside, through the
    rock's own loader. ``argv[0]`` is passed on, so virtual environments made from it work.
    What the disk has done to it since it was made :func:`is_whole` tells.
    """
    name = key("python", RECIPE, [[layer.diff_id for layer in layers], version, str(store.root)])
    python = Path("usr/bin") / f"python{version}"
    folder = store.get("pythons", name)
    if folder is None:
        with store.lock(f"interpreter-{name}"):
            if store.get("pythons", name) is None:
                with store.put("pythons", name) as content:
                    for layer in layers:  # their files are the same as those of the trees
                        _link(unpacked(store, layer, checked=True), content)
                    (content / python).rename(content / f"{python}.elf")
                    _wrap(content / python, content, python, architecture)
                    _warm(content / python)
                    _wrap(content / python, store.root / "pythons" / name, python, architecture)
        folder = store.get("pythons", name)
        assert folder is not None
    return folder / python


def is_whole(program: Path) -> bool:
    """Tell whether all files of an interpreter are what they were; this reads them."""
    return is_sound(program.parents[2], thorough=True)


def whole_interpreter(
    store: Store, layers: Sequence[Layer], architecture: str, version: str
) -> Path:
    """Do as :func:`interpreter`; one that the disk has damaged is made anew."""
    program = interpreter(store, layers, architecture, version)
    if is_whole(program):
        return program
    store.remove("pythons", program.parents[2].name)
    return interpreter(store, layers, architecture, version)


def _warm(program: Path) -> None:
    """Leave the bytecode of what a start needs: later, nothing is written there any more."""
    with contextlib.suppress(OSError):
        words = ("-c", "import compileall, concurrent.futures.process, multiprocessing.popen_fork")
        subprocess.run([program, *words], capture_output=True, env={}, stdin=subprocess.DEVNULL)


def _wrap(path: Path, root: Path, python: Path, architecture: str) -> None:
    """Write the script that starts the Python of the tree ``root``."""
    path.unlink(missing_ok=True)
    path.write_text(_wrapper(root, python, architecture))
    path.chmod(0o755)


def _wrapper(root: Path, python: Path, architecture: str) -> str:
    from rockery.layer.loader_cache import search_path, triplet

    loader = {"amd64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}[architecture]
    libraries = ":".join(str(root / folder) for folder in search_path(architecture))
    # First where the loader itself lies: elsewhere an absolute link leads to the host's own,
    # and another release's loader ends in "stack smashing detected".
    folders = (f"usr/lib/{triplet(architecture)}", "usr/lib64", "usr/lib")
    candidates = " ".join(f'"{root}/{folder}/{loader}"' for folder in folders)
    return (
        "#!/bin/sh\n"
        f"for loader in {candidates}; do\n"
        '  [ -e "$loader" ] && exec "$loader" --argv0 "$0" '
        f'--library-path "{libraries}" "{root / python}.elf" "$@"\n'
        "done\n"
        'echo "the loader of this tree is missing" >&2\n'
        "exit 127\n"
    )


def _link(source: Path, target: Path) -> None:
    """Merge a tree into another by hard links; later files win."""
    for folder, names, files in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(exist_ok=True)
        for name in [*files, *(n for n in names if (Path(folder) / n).is_symlink())]:
            path = here / name
            path.unlink(missing_ok=True)
            os.link(Path(folder) / name, path, follow_symlinks=False)
