"""What the maintainer scripts of a minimal system make: accounts, shells, PAM, apt's sources."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

from rockery.base import Base
from rockery.glob import matcher
from rockery.layer.composition import Composition, Member, listed, moved, text
from rockery.layer.entry import Entry, directory, file, symlink

#: uid and gid of ``_daemon_``, as rockcraft and the Juju charms know it.
DAEMON = 584792

_DAEMON_HOME = "/var/lib/pebble/default"


def add_daemon(composition: Composition, base: Base, below: Mapping[str, Entry]) -> None:
    """Write passwd and group with ``_daemon_``, after the accounts that are there or below."""
    texts = {
        name: text(composition.entries.get(f"etc/{name}") or below.get(f"etc/{name}"))
        for name in ("passwd", "group", "shadow", "gshadow")
    }
    if not texts["passwd"]:
        for name, user in base.rules.users.items():
            texts["passwd"] += f"{name}:x:{user.uid}:{user.gid}:{name}:{user.home}:{user.shell}\n"
            texts["group"] += f"{user.group or name}:x:{user.gid}:\n"
    texts["passwd"] += f"_daemon_:x:{DAEMON}:{DAEMON}::{_DAEMON_HOME}:/usr/bin/false\n"
    texts["group"] += f"_daemon_:x:{DAEMON}:\n"
    composition.add(file("etc/passwd", texts["passwd"]))
    composition.add(file("etc/group", texts["group"]))
    for name, line in (("shadow", "_daemon_:!:1::::::\n"), ("gshadow", "_daemon_:!::\n")):
        if texts[name]:
            composition.add(file(f"etc/{name}", texts[name] + line, 0o640, 0, 42))


def add_system(
    composition: Composition, base: Base, architecture: str, members: Sequence[Member]
) -> None:
    """Make what a full base needs beside the files of its packages."""
    _accounts(composition)
    rules = base.rules.system
    for target, source in rules.copies.items():
        if source in composition.entries:
            composition.add(moved(composition.entries[source], target))
    for path, plain in rules.directories.items():
        composition.add_missing(directory(path, plain.mode, 0, plain.gid))
    for path, plain in rules.files.items():
        composition.add_missing(file(path, b"", plain.mode, 0, plain.gid))
    _shells(composition)
    _pam(composition)
    _sources(composition, base, architecture, members)
    composition.add(symlink("etc/localtime", "/usr/share/zoneinfo/Etc/UTC"))
    composition.add(file("etc/timezone", "Etc/UTC\n"))
    if "usr/bin/sh" not in composition.entries:
        shell = "dash" if "usr/bin/dash" in composition.entries else "bash"
        composition.add(symlink("usr/bin/sh", shell))


def _accounts(composition: Composition) -> None:
    """Make passwd and group as base-passwd does, and their shadows."""
    names = {}
    for name in ("passwd", "group"):
        master = text(composition.entries.get(f"usr/share/base-passwd/{name}.master"))
        composition.add(file(f"etc/{name}", master.replace(":*:", ":x:")))
        names[name] = [line.split(":")[0] for line in master.splitlines() if line]
    # Day 1: the day an account was made would be another one tomorrow.
    shadow = listed(f"{name}:*:1:0:99999:7:::" for name in names["passwd"])
    composition.add(file("etc/shadow", shadow, 0o640, 0, 42))
    gshadow = listed(f"{name}:*::" for name in names["group"])
    composition.add(file("etc/gshadow", gshadow, 0o640, 0, 42))


def _shells(composition: Composition) -> None:
    """Make ``/etc/shells`` and its state as update-shells(8) does."""
    entries = composition.entries
    template = text(entries.get("usr/share/debianutils/shells"))
    template = template or text(entries.get("usr/share/base-files/shells"))
    template = template or "# /etc/shells: valid login shells\n/bin/sh\n"
    folder = "usr/share/debianutils/shells.d"
    given = [line for line in template.splitlines() if line.startswith("/")]
    for path in sorted(p for p in entries if posixpath.dirname(p) == folder):
        given += [x for x in text(entries[path]).splitlines() if x.startswith("/")]
    shells: dict[str, None] = {}
    for shell in given:
        shells[shell] = None
        shells[f"/{composition.ground.resolve(shell.lstrip('/'))}"] = None
    comments = [line for line in template.splitlines() if line.startswith("#")]
    composition.add(file("etc/shells", listed([*comments, *shells])))
    composition.add(file("var/lib/shells.state", listed(shells)))


_STACKS = ("account", "auth", "password", "session", "session-noninteractive")
_NO_MODULE = "[default=1]\t\t\tpam_permit.so"


def _pam(composition: Composition) -> None:
    """Make ``/etc/pam.d/common-*`` with pam_unix alone, as pam-auth-update(8) does.

    Its state is written too, so that it doesn't take the files for changed by hand.
    """
    profile = text(composition.entries.get("usr/share/pam-configs/unix"))
    if not profile:
        return
    for stack in _STACKS:
        template = text(composition.entries.get(f"usr/share/pam/common-{stack}"))
        kind = stack.split("-")[0]
        module = _module(profile, kind)
        primary = not kind.startswith("session")
        # It writes a space after the module, also where no option follows.
        spaced = module if " " in module.split("\t")[-1] else module + " "
        first = spaced.replace("end", "1", 1) if primary else _NO_MODULE
        variable = stack.replace("interactive", "int").replace("-", "_")
        more = "" if primary else spaced
        lines = {f"${variable}_primary": first, f"${variable}_additional": more}
        filled = []
        for line in template.splitlines():
            if line not in lines:
                filled.append(line)
            elif lines[line]:
                filled.append(f"{kind}\t{lines[line]}")
        composition.add(file(f"etc/pam.d/common-{stack}", listed(filled)))
        state = [] if primary else ["Module: null", _NO_MODULE]
        composition.add(file(f"var/lib/pam/{stack}", listed([*state, "Module: unix", module])))
    known = [p for p in composition.entries if p.startswith("usr/share/pam-configs/")]
    ordered = sorted(
        (posixpath.basename(p) for p in known), key=lambda name: (name != "unix", name)
    )
    composition.add(file("var/lib/pam/seen", listed(ordered)))


def _module(profile: str, kind: str) -> str:
    """Return the line of a PAM profile for the first module of a stack."""
    found = re.search(rf"^{kind.capitalize()}-Initial:\n\s+(.+)$", profile, re.MULTILINE)
    return found[1].rstrip() if found else "required\tpam_unix.so"


def _sources(
    composition: Composition, base: Base, architecture: str, members: Sequence[Member]
) -> None:
    """Write apt's sources with the distribution's own address of each archive.

    apt's package brings the addresses, in its examples; the mirror that packed the rock stays
    out of it.
    """
    example = matcher(["usr/share/doc/apt/examples/*.list", "usr/share/doc/apt/examples/*.sources"])
    examples = "\n".join(
        text(entry)
        for member in members
        if member.package.name == "apt"
        for entry in member.contents.entries()
        if example(entry.path)
    )
    keyring = f"usr/share/keyrings/{base.distribution}-archive-keyring.gpg"
    signed = f"Signed-By: /{keyring}\n" if keyring in composition.entries else ""
    stanzas = []
    for archive in base.archives:
        names = [archive.name]
        if base.distribution == "ubuntu" and architecture != "amd64":
            names.insert(0, "ubuntu-ports")
        url = next((u for name in names if (u := _address(examples, name))), None)
        if url is not None:
            stanzas.append(
                f"Types: deb\nURIs: {url}\nSuites: {' '.join(archive.suites)}\n"
                f"Components: {' '.join(archive.components)}\n{signed}"
            )
    if stanzas:
        name = f"etc/apt/sources.list.d/{base.distribution}.sources"
        composition.add(file(name, "\n".join(stanzas)))


def _address(examples: str, archive: str) -> str | None:
    found = re.search(rf"https?://\S+/{re.escape(archive)}(?=[/\s]|$)", examples)
    return found[0] if found else None
