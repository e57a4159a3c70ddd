"""The union of a rock's layers as a plain folder, for hosts that forbid views.

Nothing confines what runs on it: it sees the host's files and network, and a library that
the rock lacks may be found on the host. The layers themselves stay as they are: what a
program might write to in place is copied.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

# Nobody changes these in place (installers replace them), so they are linked where the
# file system allows, which is most of the bytes. Elsewhere under the application's own
# folder everything is copied.
_CODE = re.compile(r".+\.(py|pyc|pyi|so(\.[\w.]+)?|h|a)")


def merge(trees: Sequence[Path], root: Path, application: str) -> None:
    """Fill the empty folder ``root`` with the union of ``trees``, bottom to top.

    ``application`` is a folder of the rock of which everything is copied. Absolute links
    lead to their targets below ``root``.
    """
    own = str(root) + application.rstrip("/") + "/"
    for tree in trees:
        for folder, folders, files in os.walk(tree):
            target = root / Path(folder).relative_to(tree)
            _clear(target, folder=True)
            target.mkdir(exist_ok=True)
            for name in [*files, *(name for name in folders if (Path(folder) / name).is_symlink())]:
                _place(Path(folder) / name, target / name, root, own)


def command(root: Path, python: str) -> list[str] | None:
    """Return the words that start ``python`` of the rock at ``root``; None if it has none.

    It is started through the rock's own dynamic loader, so that it runs with the rock's
    C library whatever the host's is.
    """
    program = _resolved(root, python)
    if program is None:
        return None
    words = [str(root) + python]
    interpreter = _interpreter(program)
    loader = _resolved(root, interpreter) if interpreter else None
    if loader is None:
        return words  # linked statically
    return [
        str(loader),
        "--inhibit-cache",
        "--library-path",
        ":".join(_libraries(root)),
        "--argv0",
        *words,
        str(program),
    ]


def environment(root: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a command on ``root``: ``given``, with paths led there."""
    changed = {"HOME": str(root), "TMPDIR": str(root / "tmp"), **given}
    if "PYTHONPATH" in given:
        entries = given["PYTHONPATH"].split(":")
        changed["PYTHONPATH"] = ":".join(
            str(root) + entry if entry.startswith("/") else entry for entry in entries
        )
    (root / "tmp").mkdir(exist_ok=True)
    return changed


def _place(source: Path, target: Path, root: Path, own: str) -> None:
    _clear(target, folder=False)
    mode = source.lstat().st_mode
    if stat.S_ISLNK(mode):
        leads = str(source.readlink())
        target.symlink_to(str(root) + leads if leads.startswith("/") else leads)
    elif stat.S_ISREG(mode):
        if _CODE.fullmatch(source.name) and not str(target).startswith(own):
            try:
                target.hardlink_to(source)
            except OSError as error:
                # Another file system, too many links, or somebody else's file.
                if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                    raise
            else:
                return
        shutil.copy2(source, target)
        target.chmod(stat.S_IMODE(mode) | stat.S_IWUSR)


def _clear(target: Path, *, folder: bool) -> None:
    """Remove what stands at ``target`` and isn't to be merged with."""
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir() and not folder:
        shutil.rmtree(target)


def _resolved(root: Path, path: str) -> Path | None:
    """Follow ``path`` of the rock; links were led below ``root`` by :func:`merge`."""
    resolved = Path(str(root) + path).resolve()
    return resolved if resolved.is_file() and resolved.is_relative_to(root.resolve()) else None


def _interpreter(program: Path) -> str | None:
    """Return the dynamic loader that an ELF program asks for (its PT_INTERP)."""
    with program.open("rb") as file:
        header = file.read(64)
        if header[:4] != b"\x7fELF" or len(header) < 64:
            return None
        wide, order = header[4] == 2, "<" if header[5] == 1 else ">"
        (table,) = struct.unpack_from(order + ("32xQ" if wide else "28xI"), header)
        size, count = struct.unpack_from(f"{order}HH", header, 54 if wide else 42)
        for number in range(count):
            file.seek(table + number * size)
            entry = file.read(size)
            if struct.unpack_from(f"{order}I", entry)[0] != 3:
                continue
            if wide:
                start, length = struct.unpack_from(f"{order}Q16xQ", entry, 8)
            else:
                start, length = struct.unpack_from(f"{order}I8xI", entry, 4)
            file.seek(start)
            return os.fsdecode(file.read(length).rstrip(b"\0"))
    return None


def _libraries(root: Path) -> list[str]:
    """Return the folders in which the rock's loader would look, as they lie on the host."""
    folders: list[str] = []
    for configuration in sorted((root / "etc/ld.so.conf.d").glob("*.conf")):
        lines = configuration.read_text(errors="replace").splitlines()
        folders += [line.strip() for line in lines if line.strip().startswith("/")]
    for parent in ("/usr/local/lib", "/lib", "/usr/lib"):
        architectures = sorted(Path(str(root) + parent).glob("*-linux-gnu*"))
        folders += [f"{parent}/{architecture.name}" for architecture in architectures]
        folders.append(parent)
    folders += ["/lib64", "/usr/lib64"]
    found = (Path(str(root) + folder) for folder in dict.fromkeys(folders))
    return list(dict.fromkeys(str(folder.resolve()) for folder in found if folder.is_dir()))
