"""The package database: what dpkg and apt know in a rock, and what scanners read in a bare one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from rockery.layer.composition import Composition, Member, listed
from rockery.layer.entry import directory, file, read
from rockery.layer.ground import parents
from rockery.resolution.apt import Package

_INFO = ("md5sums", "conffiles", "shlibs", "symbols", "templates", "triggers")
_SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")

#: Fields that only an archive's index has.
_INDEX_ONLY = frozenset(
    ("Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Description-md5", "Tag")
)


def describe(composition: Composition, members: Sequence[Member]) -> None:
    """Write ``status.d``, the readable list of a bare rock: a stanza and checksums a package."""
    for member in members:
        name = member.package.name
        stanza = f"{_control(member.package)}Status: install ok installed\n"
        composition.add(file(f"var/lib/dpkg/status.d/{name}", stanza))
        if sums := _md5sums(composition, member):
            composition.add(file(f"var/lib/dpkg/status.d/{name}.md5sums", sums))


def register(composition: Composition, everything: Sequence[Member], new: Sequence[Member]) -> None:
    """Write dpkg's database, so that apt and dpkg work in the rock.

    ``everything`` is installed, in this layer and below; files of their own get the packages
    in ``new``.
    """
    ordered = sorted(everything, key=lambda m: (m.package.name, m.package.architecture))
    stanzas = []
    for member in ordered:
        first, rest = _control(member.package).split("\n", 1)
        stanzas.append(f"{first}\nStatus: install ok installed\n{rest}{_conffiles(member)}")
    composition.add(file("var/lib/dpkg/status", "\n".join(stanzas)))
    for path in ("var/lib/dpkg/available", "var/lib/dpkg/diversions"):
        composition.add(file(path, b""))
    composition.add(file("var/lib/dpkg/info/format", "1\n"))
    composition.add(directory("var/lib/dpkg/updates"))
    _interests(composition, ordered)
    for member in new:
        stem = f"var/lib/dpkg/info/{_stem(member.package)}"
        paths = {"/."}
        for entry in member.contents.entries():
            paths.add(f"/{entry.path}")
            paths.update(f"/{parent}" for parent in parents(entry.path))
        composition.add(file(f"{stem}.list", listed(sorted(paths))))
        for name in member.contents.control_names():
            if name in (*_INFO, *_SCRIPTS):
                mode = 0o755 if name in _SCRIPTS else 0o644
                composition.add(file(f"{stem}.{name}", member.contents.control(name), mode))


def _interests(composition: Composition, members: Sequence[Member]) -> None:
    """Write who waits for which trigger (dpkg's triggers.txt): ``File`` by path, else by name."""
    folder = "var/lib/dpkg/triggers"
    composition.add(directory(folder))
    by_path: list[str] = []
    by_name: dict[str, list[str]] = {}
    for member in members:
        for line in member.contents.control("triggers").splitlines():
            match = re.match(r"\s*interest(-noawait|-await)?\s+(\S+)", line)
            if match is None:
                continue
            who = _stem(member.package) + ("/noawait" if match[1] == "-noawait" else "")
            if match[2].startswith("/"):
                by_path.append(f"{match[2]} {who}")
            else:
                by_name.setdefault(match[2], []).append(who)
    composition.add(file(f"{folder}/File", listed(sorted(by_path))))
    composition.add(file(f"{folder}/Unincorp", b""))
    for name, waiting in by_name.items():
        composition.add(file(f"{folder}/{name}", listed(waiting)))


def _stem(package: Package) -> str:
    """Return how dpkg names a package's files: with the architecture where several may be."""
    same = package.fields.get("Multi-Arch") == "same"
    return package.name + (f":{package.architecture}" if same else "")


def _control(package: Package) -> str:
    """Return a stanza as dpkg keeps it: without what only an archive's index says."""
    lines, keep = [], True
    for line in package.control.splitlines():
        if not line.startswith((" ", "\t")):
            keep = line.partition(":")[0] not in _INDEX_ONLY
        if keep:
            lines.append(line)
    return listed(lines)


def _md5sums(composition: Composition, member: Member) -> str:
    """Return the checksums of what the package has in the rock, by path as it lies there."""
    lines = []
    for line in member.contents.control("md5sums").splitlines():
        path = composition.ground.resolve(line[34:])
        if composition.owner.get(path) == member.package.name:
            lines.append(f"{line[:34]}{path}")
    return listed(lines)


def _conffiles(member: Member) -> str:
    names = member.contents.control("conffiles").split("\n")
    wanted = {name.strip().lstrip("/") for name in names if name.startswith("/")}
    if not wanted:
        return ""
    lines = ["Conffiles:"]
    for entry in member.contents.entries():
        if entry.path in wanted and entry.content is not None:
            digest = hashlib.md5(read(entry.content), usedforsecurity=False).hexdigest()
            lines.append(f" /{entry.path} {digest}")
    return listed(lines) if len(lines) > 1 else ""
