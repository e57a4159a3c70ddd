"""The base and runtime layers, composed from the members of packages.

Nothing is installed and no maintainer script runs. What scripts would have made is
generated here by rules: links of the merged ``/usr``, certificates, users, alternatives,
the loader's cache, the package database. `bases/rules.yaml` holds the rules that are data.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rockery.base import Base
from rockery.layer.deb import PackageContents
from rockery.layer.entry import Entry, directory, file, read, symlink
from rockery.layer.glob import matcher
from rockery.layer.ground import PLAIN, Ground, parents
from rockery.layer.loader_cache import loader_cache
from rockery.resolution.apt import Package
from rockery.resolution.distribution import split_slice

#: Raise it when the code below makes other bytes from the same inputs.
RECIPE = 1

#: uid and gid of ``_daemon_``, as rockcraft and the Juju charms know it.
DAEMON = 584792

#: What a part's filesets make of a path of its packages: a path, or None to leave it out.
Filter = Callable[[str], str | None]


@dataclass(frozen=True)
class Member:
    """A package of the resolution with its contents."""

    package: Package
    contents: PackageContents


@dataclass
class Composition:
    """The entries of a layer by path, and what should be said about them."""

    entries: dict[str, Entry] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    directories: dict[str, Entry] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def finished(self) -> list[Entry]:
        """Return all entries, with the directories whose mode or owner is not the usual one."""
        implied = {parent for path in self.entries for parent in parents(path)}
        special = [
            entry
            for path, entry in self.directories.items()
            if path in implied - self.entries.keys() and (entry.mode, entry.uid, entry.gid) != PLAIN
        ]
        return [*special, *self.entries.values()]

    def add(self, entry: Entry) -> None:
        """Put a generated entry in, over what a package has there."""
        self.entries[entry.path] = entry


def ground(base: Base, architecture: str) -> Ground:
    """Return the links and directories that every layer above this base stands on."""
    rules = base.rules
    merged = (*rules.merged_usr, *rules.merged_usr_for.get(architecture, ()))
    links = {name: f"usr/{name}" for name in merged}
    links |= {"var/run": "/run", "var/lock": "/run/lock"}
    return Ground({path: (mode, 0, 0) for path, mode in rules.directories.items()}, links)


def compose_bare(
    base: Base,
    architecture: str,
    members: Sequence[Member],
    words: Sequence[str],
    filters: Mapping[str, Filter],
) -> Composition:
    """Compose the runtime of a bare rock.

    ``words`` are the names that were asked for, slices included; ``filters`` are what a
    part's filesets make of the files of its packages, by package name.
    """
    composition = Composition()
    _skeleton(composition, base, architecture)
    asked = _asked(words, base)
    for member in members:
        _take(composition, base, architecture, member, asked, filters)
    _generate_bare(composition, base, architecture)
    for member in members:
        name = member.package.name
        status = f"Status: install ok installed\n{_control(member.package)}\n"
        composition.add(file(f"var/lib/dpkg/status.d/{name}", status))
        if sums := _md5sums(composition, member):
            composition.add(file(f"var/lib/dpkg/status.d/{name}.md5sums", sums))
    return composition


def compose_above(
    base: Base,
    architecture: str,
    below: Composition,
    below_members: Sequence[Member],
    members: Sequence[Member],
    words: Sequence[str],
    filters: Mapping[str, Filter],
) -> Composition:
    """Compose the runtime that lies above a full base, whose composition is ``below``."""
    composition = Composition()
    asked = _asked(words, base)
    for member in members:
        _take(composition, base, architecture, member, asked, filters)
    _alternatives(composition, members)
    _python_links(composition, base, below.entries)
    _certificates(composition, {**below.entries, **composition.entries})
    union = {**below.entries, **composition.entries}
    composition.add(file("etc/ld.so.cache", loader_cache(union, architecture)))
    _users(composition, base, existing=below.entries)
    _database(composition, [*below_members, *members], members, architecture)
    return composition


def compose_full(base: Base, architecture: str, members: Sequence[Member]) -> Composition:
    """Compose a full base: what a container of the distribution has."""
    composition = Composition()
    _skeleton(composition, base, architecture)
    for member in members:
        _take(composition, base, architecture, member, None, {})
    _generate_full(composition, base, architecture, members)
    _database(composition, members, members, architecture)
    return composition


def _asked(words: Sequence[str], base: Base) -> dict[str, set[str] | None]:
    """Return what the user asked of each package: slice words, or None for all of it."""
    own = set(base.rules.runtime) | set(base.rules.bare)
    asked: dict[str, set[str] | None] = {}
    for word in words:
        name, meaning = split_slice(word)
        name = re.split("[:=/]", name)[0]
        if meaning is None and word in own:
            continue
        if meaning is None or asked.get(name, ()) is None:
            asked[name] = None
        else:
            chosen = asked.setdefault(name, set())
            assert chosen is not None
            chosen.add(meaning)
    return asked


def _selector(
    base: Base, name: str, asked: Mapping[str, set[str] | None] | None
) -> Callable[[str], bool]:
    """Return the test whether a path of the package ``name`` ships."""
    rules = base.rules
    kept, dropped = matcher(rules.keep), matcher(rules.drop)
    narrower: Callable[[str], bool] = lambda _path: True  # noqa: E731
    if asked is not None and name in asked:
        meanings = asked[name]
        if meanings is not None and all(meaning in rules.slices for meaning in meanings):
            narrower = matcher([glob for m in sorted(meanings) for glob in rules.slices[m]])
    elif asked is not None:
        trims = [trim for pattern, trim in rules.trim.items() if matcher([pattern])(name)]
        unwanted = matcher([glob for trim in trims for glob in trim.drop])
        only = [trim.only for trim in trims if trim.only is not None]
        wanted = matcher([glob for globs in only for glob in globs])
        narrower = lambda path: (not only or wanted(path)) and not unwanted(path)  # noqa: E731
    return lambda path: kept(path) or (narrower(path) and not dropped(path))


def _take(
    composition: Composition,
    base: Base,
    architecture: str,
    member: Member,
    asked: Mapping[str, set[str] | None] | None,
    filters: Mapping[str, Filter],
) -> None:
    name = member.package.name
    ships = _selector(base, name, asked)
    place = filters.get(name)
    here = ground(base, architecture)
    for entry in member.contents.entries():
        path = here.resolve(entry.path)
        if path in here.links:
            continue
        if entry.kind == "directory":
            composition.directories[path] = _moved(entry, path)
            # An empty directory may be what a package needs at run time; in the base's own
            # trimmed packages it is only what is left of the files that don't ship.
            if ships(path) and (asked is None or name in asked):
                composition.entries.setdefault(path, _moved(entry, path))
            continue
        if not ships(path):
            continue
        if place is not None:
            moved = place(path)
            if moved is None:
                continue
            path = moved
        target = here.resolve(entry.target) if entry.kind == "hardlink" else entry.target
        composition.entries[path] = _moved(entry, path, target)
        composition.owner[path] = name
    _mend_hard_links(composition, member, here)


def _moved(entry: Entry, path: str, target: str | None = None) -> Entry:
    return Entry(
        path,
        entry.kind,
        # No rock holds a set-uid or set-gid program; a directory's sticky bit stays.
        entry.mode & (0o7777 if entry.kind == "directory" else 0o777),
        entry.uid,
        entry.gid,
        entry.target if target is None else target,
        entry.content,
    )


def _mend_hard_links(composition: Composition, member: Member, here: Ground) -> None:
    """Make a file of each hard link whose target was left out: it would not load."""
    broken = [
        e
        for e in composition.entries.values()
        if e.kind == "hardlink"
        and composition.owner.get(e.path) == member.package.name
        and composition.entries.get(e.target, e).kind != "file"
    ]
    if not broken:
        return
    originals = {here.resolve(e.path): e for e in member.contents.entries()}
    for entry in broken:
        original = originals.get(entry.target)
        if original is not None:
            composition.add(_moved(original, entry.path))


# What scripts would have made.


def _skeleton(composition: Composition, base: Base, architecture: str) -> None:
    rules = base.rules
    for name in ("dev", "etc", "home", "opt", "proc", "run", "srv", "sys", "usr", "var"):
        composition.add(directory(name))
    for path in ("run/lock", "usr/local/bin", "usr/local/lib", "var/lib", "var/log", "var/cache"):
        composition.add(directory(path))
    for path, mode in rules.directories.items():
        composition.add(directory(path, mode))
    for name in (*rules.merged_usr, *rules.merged_usr_for.get(architecture, ())):
        composition.add(directory(f"usr/{name}"))
        composition.add(symlink(name, f"usr/{name}"))
    composition.add(symlink("var/run", "/run"))
    composition.add(symlink("var/lock", "/run/lock"))


def _generate_bare(composition: Composition, base: Base, architecture: str) -> None:
    _users(composition, base, existing={})
    composition.add(file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"))
    composition.entries.setdefault(
        "etc/ld.so.conf", file("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
    )
    if "usr/bin/bash" in composition.entries:
        composition.add(symlink("usr/bin/sh", "bash"))
    _alternatives(composition, ())
    _python_links(composition, base, {})
    _certificates(composition, composition.entries)
    composition.add(file("etc/ld.so.cache", loader_cache(composition.entries, architecture)))


def _users(composition: Composition, base: Base, existing: Mapping[str, Entry]) -> None:
    """Write passwd and group with ``_daemon_``; above a full base its own lines come first."""
    texts = {name: _text(existing.get(f"etc/{name}")) for name in ("passwd", "group", "shadow")}
    if not texts["passwd"]:
        for name, user in base.rules.users.items():
            texts["passwd"] += f"{name}:x:{user.uid}:{user.gid}:{name}:{user.home}:{user.shell}\n"
            texts["group"] += f"{user.group or name}:x:{user.gid}:\n"
    home = "/var/lib/pebble/default"
    texts["passwd"] += f"_daemon_:x:{DAEMON}:{DAEMON}::{home}:/usr/bin/false\n"
    texts["group"] += f"_daemon_:x:{DAEMON}:\n"
    composition.add(file("etc/passwd", texts["passwd"]))
    composition.add(file("etc/group", texts["group"]))
    if texts["shadow"]:
        composition.add(file("etc/shadow", texts["shadow"] + "_daemon_:!:1::::::\n", 0o640, 0, 42))


def _text(entry: Entry | None) -> str:
    return read(entry.content).decode() if entry is not None and entry.content else ""


def _python_links(composition: Composition, base: Base, below: Mapping[str, Entry]) -> None:
    """Give ``python3``, and lead ``site-packages`` to where the dependencies are."""
    version = base.python
    if f"usr/bin/python{version}" in composition.entries | dict(below):
        composition.entries.setdefault(
            "usr/bin/python3", symlink("usr/bin/python3", f"python{version}")
        )
    packages = f"usr/local/lib/python{version}/dist-packages"
    composition.add(directory(packages))
    composition.add(symlink(f"usr/lib/python{version}/site-packages", f"/{packages}"))


def _certificates(composition: Composition, visible: Mapping[str, Entry]) -> None:
    """Make the bundle that ``update-ca-certificates`` makes, and lead OpenSSL to it."""
    folder = "usr/share/ca-certificates/"
    names = sorted(p for p in visible if p.startswith(folder) and p.endswith(".crt"))
    if not names:
        return
    bundle = b""
    for name in names:
        content = visible[name].content
        assert content is not None
        text = read(content)
        bundle += text if text.endswith(b"\n") else text + b"\n"
    composition.add(file("etc/ssl/certs/ca-certificates.crt", bundle))
    listed = "".join(f"{name.removeprefix(folder)}\n" for name in names)
    composition.add(file("etc/ca-certificates.conf", listed))
    composition.entries.setdefault(
        "usr/lib/ssl/certs", symlink("usr/lib/ssl/certs", "/etc/ssl/certs")
    )
    composition.entries.setdefault(
        "usr/lib/ssl/cert.pem",
        symlink("usr/lib/ssl/cert.pem", "/etc/ssl/certs/ca-certificates.crt"),
    )


_INSTALL = re.compile(r"--install\s+(/\S+)\s+(\S+)\s+(/\S+)\s+(\d+)")
_SLAVE = re.compile(r"--slave\s+(/\S+)\s+(\S+)\s+(/\S+)")


@dataclass(frozen=True)
class _Alternative:
    link: str
    name: str
    path: str
    priority: int
    slaves: tuple[tuple[str, str, str], ...]


def _alternatives(composition: Composition, members: Sequence[Member]) -> None:
    """Make the links of ``update-alternatives --install`` lines that scripts spell out."""
    best: dict[str, _Alternative] = {}
    every: list[_Alternative] = []
    for member in members:
        script = member.contents.control("postinst").replace("\\\n", " ")
        for line in script.splitlines():
            if "update-alternatives" not in line or "--install" not in line:
                continue
            found = _INSTALL.search(line)
            if found is None or "$" in line:
                composition.notes.append(
                    f"{member.package.name} registers an alternative that can't be read from its "
                    "script; a command may be missing its usual name"
                )
                continue
            link, name, path, priority = found.groups()
            one = _Alternative(link, name, path, int(priority), tuple(_SLAVE.findall(line)))
            if path.lstrip("/") not in composition.entries:
                continue
            every.append(one)
            if name not in best or one.priority > best[name].priority:
                best[name] = one
    for name, chosen in sorted(best.items()):
        pairs = [(chosen.link, name, chosen.path), *chosen.slaves]
        for link, own_name, path in pairs:
            if path.lstrip("/") in composition.entries:
                composition.add(symlink(f"etc/alternatives/{own_name}", path))
                composition.add(symlink(link.lstrip("/"), f"/etc/alternatives/{own_name}"))
        composition.add(
            file(f"var/lib/dpkg/alternatives/{name}", _alternatives_record(name, every))
        )


def _alternatives_record(name: str, every: Iterable[_Alternative]) -> str:
    """Return dpkg's own record of an alternative (update-alternatives(1), "auto" mode)."""
    ours = sorted((a for a in every if a.name == name), key=lambda a: a.path)
    slaves = sorted({(own, link) for a in ours for link, own, _ in a.slaves})
    lines = ["auto", ours[0].link]
    for own, link in slaves:
        lines += [own, link]
    lines.append("")
    for a in ours:
        paths = {own: path for _, own, path in a.slaves}
        lines += [a.path, str(a.priority), *(paths.get(own, "") for own, _ in slaves)]
    return "\n".join([*lines, "", ""])


# The package database.


def _control(package: Package) -> str:
    """Return a stanza as dpkg keeps it: without what only an archive's index says."""
    skip = {"Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Description-md5", "Tag"}
    lines, keep = [], True
    for line in package.control.splitlines():
        if not line.startswith((" ", "\t")):
            keep = line.partition(":")[0] not in skip
        if keep:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _md5sums(composition: Composition, member: Member) -> str:
    lines = []
    for line in member.contents.control("md5sums").splitlines():
        path = line[34:]
        if composition.owner.get(path) == member.package.name:
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)


_INFO = ("md5sums", "conffiles", "shlibs", "symbols", "templates", "triggers")
_SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")


def _database(
    composition: Composition,
    all_members: Sequence[Member],
    new_members: Sequence[Member],
    architecture: str,
) -> None:
    """Write dpkg's database, so that apt and dpkg work in the rock."""
    stanzas = []
    for member in sorted(all_members, key=lambda m: (m.package.name, m.package.architecture)):
        text = _control(member.package)
        first, rest = text.split("\n", 1)
        stanza = f"{first}\nStatus: install ok installed\n{rest}"
        stanzas.append(stanza + _conffiles(member))
    composition.add(file("var/lib/dpkg/status", "\n".join(stanzas)))
    for path in ("var/lib/dpkg/available", "var/lib/dpkg/diversions"):
        composition.add(file(path, b""))
    composition.add(file("var/lib/dpkg/info/format", "1\n"))
    composition.add(directory("var/lib/dpkg/updates"))
    composition.add(directory("var/lib/dpkg/triggers"))
    for member in new_members:
        package = member.package
        same = package.fields.get("Multi-Arch") == "same"
        stem = f"var/lib/dpkg/info/{package.name}" + (f":{package.architecture}" if same else "")
        listed = {"/."}
        for entry in member.contents.entries():
            listed.add(f"/{entry.path}")
            listed.update(f"/{parent}" for parent in parents(entry.path))
        composition.add(file(f"{stem}.list", "".join(f"{path}\n" for path in sorted(listed))))
        for name in member.contents.control_names():
            if name in _INFO:
                composition.add(file(f"{stem}.{name}", member.contents.control(name)))
            elif name in _SCRIPTS:
                composition.add(file(f"{stem}.{name}", member.contents.control(name), 0o755))


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
    return "\n".join(lines) + "\n" if len(lines) > 1 else ""


def _generate_full(
    composition: Composition, base: Base, architecture: str, members: Sequence[Member]
) -> None:
    """Make what the maintainer scripts of a minimal system make."""
    entries = composition.entries
    masters = {
        "passwd": "usr/share/base-passwd/passwd.master",
        "group": "usr/share/base-passwd/group.master",
    }
    texts = {name: _text(entries.get(path)) for name, path in masters.items()}
    for name, text in texts.items():
        composition.add(file(f"etc/{name}", text.replace(":*:", ":x:")))
    accounts = [line.split(":")[0] for line in texts["passwd"].splitlines() if line]
    shadow = "".join(f"{name}:*:1:0:99999:7:::\n" for name in accounts)
    composition.add(file("etc/shadow", shadow, 0o640, 0, 42))
    groups = [line.split(":")[0] for line in texts["group"].splitlines() if line]
    composition.add(file("etc/gshadow", "".join(f"{name}:*::\n" for name in groups), 0o640, 0, 42))
    for target, source in (
        ("etc/nsswitch.conf", "usr/share/libc-bin/nsswitch.conf"),
        ("etc/profile", "usr/share/base-files/profile"),
        ("etc/shells", "usr/share/base-files/shells"),
        ("root/.profile", "usr/share/base-files/dot.profile"),
        ("root/.bashrc", "usr/share/base-files/dot.bashrc"),
    ):
        if source in entries:
            composition.add(_moved(entries[source], target))
    if "usr/share/base-files/shells" not in entries:
        composition.add(file("etc/shells", "/bin/sh\n/bin/bash\n/usr/bin/bash\n"))
    for name in ("account", "auth", "password", "session"):
        template = entries.get(f"usr/share/pam/common-{name}")
        if template is not None:
            composition.add(file(f"etc/pam.d/common-{name}", _pam(name, _text(template))))
    composition.add(symlink("etc/localtime", "/usr/share/zoneinfo/Etc/UTC"))
    composition.add(file("etc/timezone", "Etc/UTC\n"))
    for path in ("boot", "media", "mnt", "etc/apt/sources.list.d", "etc/opt"):
        entries.setdefault(path, directory(path))
    for path, mode, gid in (("var/mail", 0o2775, 8), ("var/local", 0o2775, 50)):
        composition.add(directory(path, mode, 0, gid))
    if "usr/bin/sh" not in entries:
        composition.add(symlink("usr/bin/sh", "dash" if "usr/bin/dash" in entries else "bash"))
    _alternatives(composition, members)
    _certificates(composition, entries)
    composition.add(file("etc/ld.so.cache", loader_cache(entries, architecture)))
    composition.add(file("var/lib/dpkg/arch", f"{architecture}\n"))


def _pam(name: str, template: str) -> str:
    """Fill a ``common-*`` template with pam_unix, as ``pam-auth-update`` does by default."""
    blocks = {
        "account": ("account\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so", ""),
        "auth": ("auth\t[success=1 default=ignore]\tpam_unix.so nullok", ""),
        "password": ("password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt", ""),
        "session": ("session\t[default=1]\tpam_permit.so", "session\trequired\tpam_unix.so"),
    }
    primary, additional = blocks[name]
    text = re.sub(rf"^\$({name})_primary$", primary, template, flags=re.MULTILINE)
    text = re.sub(rf"^\$({name})_additional$", additional, text, flags=re.MULTILINE)
    return re.sub(r"^\$\w+$\n?", "", text, flags=re.MULTILINE)
