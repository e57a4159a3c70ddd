"""apt in a root directory of its own: a base's archives, keys and nothing of the host's.

The host gives three things: the mirrors it uses itself, its proxies and its credentials.
Hooks, pins and other sources of the host stay out. Works as an ordinary user.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rockery.errors import Problem, ProjectError, SurroundingsError, UsageError
from rockery.record import Record
from rockery.resolution.host_apt import PORTS, HostApt
from rockery.store import Store

if TYPE_CHECKING:
    from rockery.base import Base

#: Seconds for which a fetched index serves further resolutions.
INDEX_LIFETIME = 600

#: Bytes that must be free for apt to go on.
_LEAST_ROOM = 1 << 20

_ARCHIVES = ("debian", "debian-security", "ubuntu", PORTS)


class Package(Record):
    """One package of a distribution; ``control`` is its stanza in the archive's index."""

    name: str
    version: str
    architecture: str
    sha256: str
    size: int
    control: str

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the stanza, continuation lines joined."""
        return parse_stanza(self.control)


def parse_stanza(text: str) -> dict[str, str]:
    """Return the fields of one stanza of a control file (deb822)."""
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            fields[name] += "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    return fields


class Mirrors(Record):
    """Where archives are: ``given`` by the user (by archive name), else as the host has them."""

    given: Mapping[str, str]

    @classmethod
    def from_words(cls, words: Sequence[str]) -> Mirrors:
        """Read ``ARCHIVE=URL`` words, those of ``$ROCKERY_MIRRORS`` first.

        Raises:
            UsageError: a word is of another form, or no base has such an archive.
        """
        given = {}
        variable = "ROCKERY_MIRRORS"
        named = [(variable, word) for word in os.environ.get(variable, "").split()]
        for origin, word in [*named, *(("--mirror", word) for word in words)]:
            name, _, url = word.partition("=")
            if not re.match(r"(https?|file|copy|mirror(\+\w+)?|tor\+https?):/", url):
                reason = "it is not of the form ARCHIVE=URL"
            elif name not in _ARCHIVES:
                reason = f"no base has an archive {name!r}"
            else:
                given[name] = url.rstrip("/") + "/"
                continue
            raise UsageError(
                Problem(
                    f"cannot use {origin} {word!r}: {reason}",
                    code="bad-mirror",
                    remedy=f"the archives are {', '.join(_ARCHIVES)}",
                )
            )
        return cls(given)

    def locate(self, base: Base, architecture: str, host: HostApt) -> dict[str, str]:
        """Return the mirror of each of the base's archives; a missing security one is left out.

        What is not given ``host`` tells.

        Raises:
            SurroundingsError: no mirror is known for the base's main archive.
        """

        def given() -> Mapping[str, str]:
            return self.given

        found: dict[str, str] = {}
        # Each asks apt, which takes a moment: the next only where the one before doesn't know.
        for mirrors in (given, host.fetched_mirrors, host.configured_mirrors):
            if missing := [archive for archive in base.archives if archive.name not in found]:
                known = mirrors()
                for archive in missing:
                    names = [archive.name]
                    if base.distribution == "ubuntu" and architecture != "amd64":
                        names.insert(0, PORTS)
                    if url := next((known[name] for name in names if name in known), None):
                        found[archive.name] = url
        main = base.archives[0].name
        if main not in found:
            raise SurroundingsError(
                Problem(
                    f"cannot use base {base.name}: no mirror of the {main} archive is known here",
                    code="no-mirror",
                    remedy=f"name one with --mirror {main}=URL or ROCKERY_MIRRORS, or use a base "
                    "of this machine's own distribution",
                )
            )
        return found


class UnknownPackageError(ProjectError):
    """A base lacks packages; ``names`` stand in the order of the problems."""

    def __init__(self, base: str, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(
            *(
                Problem(
                    f"cannot stage {name}: {base} has no such package",
                    code="unknown-package",
                    remedy="correct the name under stage-packages; releases name some packages "
                    "differently",
                )
                for name in names
            )
        )


class Apt:
    """apt for one base and one architecture."""

    def __init__(self, store: Store, base: Base, architecture: str, mirrors: Mirrors) -> None:
        if shutil.which("apt-get") is None:
            raise SurroundingsError(
                Problem(
                    "cannot resolve packages: apt-get is not on PATH",
                    code="no-apt",
                    remedy="install apt; it works as an ordinary user and on any distribution",
                )
            )
        self.store = store
        self.base = base
        self.architecture = architecture
        self.locations = mirrors.locate(base, architecture, HostApt(store))
        identity = [base.name, architecture, sorted(self.locations.items())]
        identity.append(hashlib.sha256(base.keyring.read_bytes()).hexdigest())
        self.name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]

    @property
    def root(self) -> Path:
        """The private root directory, kept in the store."""
        return self.store.root / "indexes" / self.name

    def update(self, *, offline: bool = False, fresh: bool = False) -> None:
        """Fetch the archives' indexes, unless they were fetched a moment ago.

        Raises:
            SurroundingsError: an archive can't be reached, or its signature doesn't verify.
        """
        stamp = self.root / "updated"
        if stamp.exists() and not self._laid_out():
            self._lay_out()  # the store was copied or moved here; its indexes are still good
        if offline:
            if not stamp.exists():
                raise SurroundingsError(
                    Problem(
                        f"cannot resolve packages of {self.base.name} offline: its archive index "
                        "was never fetched",
                        code="offline",
                        remedy="run once without --offline",
                    )
                )
            return
        with self.store.lock(f"apt-{self.name}"):
            if (
                not fresh
                and stamp.exists()
                and time.time() - stamp.stat().st_mtime < INDEX_LIFETIME
            ):
                return
            self._lay_out()
            done = self._run("apt-get", "update", "--error-on=any")
            if done.returncode:
                raise self._archive_problem(done)
            stamp.touch()

    def resolve(self, wanted: Sequence[str]) -> tuple[Package, ...]:
        """Return what ``wanted`` and its dependencies come to, sorted by name.

        Nothing counts as installed and nothing recommended is taken.

        Raises:
            UnknownPackageError: a package doesn't exist.
            ProjectError: the set contradicts itself.
        """
        if not wanted:
            return ()
        with self.store.lock(f"apt-{self.name}"):
            done = self._run("apt-get", "install", "--yes", "--simulate", *wanted)
        if done.returncode:
            raise self._request_problem(done, wanted)
        pattern = re.compile(r"^Inst (\S+) (?:\[[^]]*\] )?\((\S+) .*?\[(\S+?)\]\)", re.MULTILINE)
        pins = [f"{name}={version}" for name, version, _ in pattern.findall(done.stdout)]
        return self._describe(pins)

    def download(self, packages: Sequence[Package], folder: Path) -> dict[str, Path]:
        """Fetch archives into ``folder``, verified by apt and once more by checksum.

        Returns:
            The path of each ``.deb``, by the package's SHA-256.

        Raises:
            SurroundingsError: a mirror doesn't answer, or no longer has the version.
        """
        words = [f"{p.name}:{p.architecture}={p.version}" for p in packages]
        words = [word.replace(":all=", "=") for word in words]
        done = self._run("apt-get", "download", *words, cwd=folder)
        if done.returncode:
            raise self._archive_problem(done)
        found = {}
        for deb in folder.glob("*.deb"):
            with deb.open("rb") as stream:
                found[hashlib.file_digest(stream, "sha256").hexdigest()] = deb
        missing = [p for p in packages if p.sha256 not in found]
        if missing:
            names = ", ".join(f"{p.name} {p.version}" for p in missing)
            raise SurroundingsError(
                Problem(
                    f"cannot download {names}: what came has another checksum",
                    code="download-failed",
                    remedy="run again with --refresh",
                )
            )
        return found

    def _describe(self, pins: Sequence[str]) -> tuple[Package, ...]:
        shown = self._run("apt-cache", "show", "--no-all-versions", *pins)
        packages = []
        for stanza in shown.stdout.split("\n\n"):
            fields = parse_stanza(stanza)
            if "Package" not in fields:
                continue
            packages.append(
                Package(
                    fields["Package"],
                    fields["Version"],
                    fields["Architecture"],
                    fields["SHA256"],
                    int(fields["Size"]),
                    stanza.strip("\n"),
                )
            )
        assert len(packages) == len(pins), (len(packages), len(pins), shown.stderr)
        return tuple(sorted(packages, key=lambda p: (p.name, p.architecture)))

    def _laid_out(self) -> bool:
        """Tell whether apt's configuration is there and names this place."""
        conf = self.root / "apt.conf"
        return conf.is_file() and conf.read_text().startswith(f'Dir "{self.root}";')

    def _lay_out(self) -> None:
        for folder in (
            "etc/apt/sources.list.d",
            "etc/apt/preferences.d",
            "etc/apt/apt.conf.d",
            "etc/apt/trusted.gpg.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg",
            "var/log/apt",
        ):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "var/lib/dpkg/status").touch()
        # Not by Signed-By, whose paths can't have spaces: this root trusts these keys alone.
        keys = self.root / "etc/apt/trusted.gpg.d" / self.base.keyring.name
        shutil.copyfile(self.base.keyring, keys)
        stanzas = [
            f"Types: deb\nURIs: {self.locations[archive.name]}\n"
            f"Suites: {' '.join(archive.suites)}\nComponents: {' '.join(archive.components)}\n"
            for archive in self.base.archives
            if archive.name in self.locations
        ]
        sources = self.root / "etc/apt/sources.list.d/base.sources"
        sources.write_text("\n".join(stanzas))
        (self.root / "apt.conf").write_text(self._configuration())

    def _configuration(self) -> str:
        lines = [
            f'Dir "{self.root}";',
            f'Dir::State::status "{self.root}/var/lib/dpkg/status";',
            f'APT::Architecture "{self.architecture}";',
            f'APT::Architectures {{ "{self.architecture}"; }};',
            'APT::Install-Recommends "false";',
            'APT::Install-Suggests "false";',
            'APT::Get::List-Cleanup "true";',
            'Acquire::Languages "none";',
            'Acquire::Retries "3";',
            'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";',
            'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";',
        ]
        if os.geteuid() == 0:
            # The unprivileged user that apt would switch to can't reach a private folder.
            lines.append('APT::Sandbox::User "root";')
        return "\n".join([*lines, *_carried_over()]) + "\n"

    def _run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run one of apt's programs.

        Raises:
            SurroundingsError: the disk is full. apt's http method waits for ever then (seen
                with 2.6), so the room is looked at while it runs.
        """
        with subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, "APT_CONFIG": str(self.root / "apt.conf"), "LC_ALL": "C"},
        ) as process:
            try:
                while True:
                    try:
                        out, said = process.communicate(timeout=2)
                        break
                    except subprocess.TimeoutExpired:
                        if self.root.exists() and shutil.disk_usage(self.root).free < _LEAST_ROOM:
                            raise self._full() from None
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(command, process.returncode, out, said)

    def _full(self) -> SurroundingsError:
        return SurroundingsError(
            Problem(
                f"cannot fetch packages of {self.base.name}: the disk is full",
                code="disk-full",
                remedy="free some space, or set ROCKERY_STORE",
            )
        )

    def _archive_problem(self, done: subprocess.CompletedProcess[str]) -> SurroundingsError:
        said = _complaints(done)
        text = "\n".join(said)
        main = self.base.archives[0].name
        if "No space left" in text or "enough free space" in text:
            return self._full()
        if re.search(r"NO_PUBKEY|not signed|signature|public key is not available", text, re.I):
            what = "its archive's signature does not verify with the keys of this base"
            code = "archive-signature"
            remedy = f"use the distribution's own mirror (--mirror {main}=URL)"
        elif gone := re.search(r"Version '(\S+)' for '(\S+?)(?::\w+)?' was not found", text):
            what = f"the archive no longer has {gone[2]} {gone[1]}"
            code, remedy = "superseded-package", "resolve again with --refresh"
        elif (gone := re.search(r"Failed to fetch (\S+\.deb)", text)) and re.search(
            r"\b404\b|File not found", text
        ):
            what = f"the mirror no longer has {gone[1].rpartition('/')[2]}"
            code, remedy = "superseded-package", "resolve again with --refresh"
        else:
            what, code = "the archive can't be reached", "archive-unreachable"
            remedy = (
                f"check the network and the proxy, name another mirror (--mirror {main}=URL or "
                "ROCKERY_MIRRORS), or use a base of this machine's own distribution"
            )
        return SurroundingsError(
            Problem(
                f"cannot fetch packages of {self.base.name}: {what}",
                code=code,
                remedy=remedy,
                details=said,
            )
        )

    def _request_problem(
        self, done: subprocess.CompletedProcess[str], wanted: Sequence[str]
    ) -> ProjectError:
        said = _complaints(done)
        unknown = re.findall(
            r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate"
            r"|Version '\S+' for '(\S+)' was not found",
            "\n".join(said),
        )
        names = sorted({name for found in unknown for name in found if name})
        if names:
            return UnknownPackageError(self.base.name, names)
        return ProjectError(
            Problem(
                f"cannot resolve {', '.join(wanted)} on {self.base.name}: the packages "
                "contradict each other",
                code="package-conflict",
                remedy="leave out one of those that apt names",
                details=said + tuple(done.stdout.splitlines()[-20:]),
            )
        )


def _complaints(done: subprocess.CompletedProcess[str]) -> tuple[str, ...]:
    lines = (done.stderr + "\n" + done.stdout).splitlines()
    return tuple(dict.fromkeys(x.strip() for x in lines if x.startswith(("E:", "W:", "Err:"))))


def _carried_over() -> list[str]:
    """Return the host's proxies and credentials as configuration lines."""
    with contextlib.suppress(OSError):
        dumped = subprocess.run(["apt-config", "dump"], capture_output=True, text=True).stdout
        carried = [
            line
            for line in dumped.splitlines()
            if re.match(r"Acquire::(\w+::)?(Proxy|https?::|Check-Date|Check-Valid)", line, re.I)
            and '""' not in line
        ]
        return [
            *carried,
            'Dir::Etc::netrc "/etc/apt/auth.conf";',
            'Dir::Etc::netrcparts "/etc/apt/auth.conf.d/";',
        ]
    return []
