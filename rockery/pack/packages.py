"""The distribution's packages of a rock: resolved, fetched, composed."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rockery.amount import Amount
from rockery.base import Base
from rockery.errors import Problem, SurroundingsError
from rockery.layer import Entry, Ground, deb
from rockery.layer import key as layer_key
from rockery.layer import runtime as composing
from rockery.layer.dependencies import Sysroot
from rockery.layer.entry import chunks
from rockery.pack.host import host_architecture
from rockery.pack.options import Options, Watcher
from rockery.plan import RuntimeSpec
from rockery.project.fileset import select
from rockery.project.schema import Part
from rockery.resolution import distribution
from rockery.resolution.apt import Apt, Package
from rockery.resolution.distribution import DistributionResolution
from rockery.store import Store, is_sound

#: What compiles C for a target, beside the compiler of the host.
_SYSROOT = ("libc6-dev", "python3-dev")

#: Archives that are unpacked at once: each may take the 64 MiB that xz -9 wants for its dictionary.
_AT_ONCE = 2


class Packages:
    """A rock's packages of a distribution: fetched when they are needed, then composed."""

    def __init__(
        self,
        apt: Apt,
        resolution: DistributionResolution,
        store: Store,
        architecture: str,
        options: Options,
        watcher: Watcher,
        pinned_sysroot: Sequence[Package] | None = None,
        key: str = "",
    ) -> None:
        self.resolution = resolution
        #: The resolution's key in the store, "" where a lock has it.
        self.key = key
        self._pinned_sysroot = pinned_sysroot
        self._apt = apt
        self._base = apt.base
        self._store = store
        self._architecture = architecture
        self._options = options
        self._watcher = watcher
        self._ground = composing.ground(apt.base, architecture)
        self._full: composing.Composition | None = None
        self._composing = threading.Lock()

    def libc(self) -> tuple[str, str]:
        """Return the numbers of the C library's version: ("2", "36")."""
        everything = (*self.resolution.base, *self.resolution.runtime)
        libc = next(package for package in everything if package.name == "libc6")
        major, minor = libc.version.partition("-")[0].split(".")[:2]
        return major, minor

    def members(self, packages: Sequence[Package]) -> list[composing.Member]:
        """Return packages with their contents, fetching and reading those the store lacks."""
        if self._missing(packages):
            with self._store.lock("packages-fetched"):
                # Another pack may have fetched them while we waited.
                if missing := self._missing(packages):
                    self._fetch(missing)
        members = []
        for package in packages:
            found = deb.contents(self._store, package.sha256, package.name, package.architecture)
            assert found is not None
            members.append(composing.Member(package, found))
        return members

    def _missing(self, packages: Sequence[Package]) -> list[Package]:
        """Return the packages that the store lacks, or has in a damaged form."""
        missing = []
        for package in packages:
            folder = self._store.get("packages", package.sha256)
            if folder is not None and not is_sound(folder, thorough=True):
                self._store.remove("packages", package.sha256)
                folder = None
            if folder is None:
                missing.append(package)
        return missing

    def _fetch(self, packages: Sequence[Package]) -> None:
        if self._options.offline:
            raise SurroundingsError(
                Problem(
                    f"cannot fetch {len(packages)} packages offline: the store lacks "
                    f"{packages[0].name} {packages[0].version}",
                    "offline",
                    remedy="run once without --offline",
                )
            )
        title, size = f"fetching {len(packages)} packages", sum(p.size for p in packages)
        with self._store.temporary() as folder:
            self._watcher.step(title, _Fetched(folder, size))
            self._apt.update()
            try:
                archives = self._apt.download(packages, folder)
            except SurroundingsError as error:
                raise self._of_the_lock(error) from error

            took = self._watcher.ended(title)
            unpacking = f"unpacking {len(packages)} packages"
            self._watcher.step(unpacking)

            def unpack(package: Package) -> None:
                deb.unpack(self._store, package.sha256, archives[package.sha256])

            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(unpack, packages))
        took += self._watcher.ended(unpacking)
        self._watcher.done(title, f"{size / 1e6:.1f} MB", took)

    def _of_the_lock(self, error: SurroundingsError) -> SurroundingsError:
        """Return the error with what helps where a lock names the packages."""
        if self._pinned_sysroot is None:
            return error
        remedy = "'rockery lock' takes what there is now; or name a snapshot of the archive that "
        remedy += "still has it (--mirror ARCHIVE=URL)"
        return SurroundingsError(
            *(
                dataclasses.replace(problem, remedy=remedy)
                if problem.code == "superseded-package"
                else problem
                for problem in error.problems
            )
        )

    def full_base(self) -> composing.Composition:
        """Return the composition of the full base."""
        with self._composing:  # the layers of the base and of the runtime both want it
            if self._full is None:
                members = self.members(self.resolution.base)
                self._full = composing.compose_full(self._base, self._architecture, members)
                self._say(self._full)
            return self._full

    def runtime(self, spec: RuntimeSpec, bench: composing.Bench) -> list[Entry]:
        """Return the files of the runtime layer; the target's tools run on ``bench``."""
        members = self.members(spec.packages)
        filters: dict[str, composing.Filter] = {}
        for part, names in spec.filtered:
            filters |= self._filters(part, [m for m in members if m.package.name in names])
        base, architecture, words = spec.base, spec.architecture, spec.words
        if spec.below:
            below = self.full_base()
            made = composing.compose_above(
                base, architecture, below, self.members(spec.below), members, words, filters, bench
            )
        else:
            made = composing.compose_bare(base, architecture, members, words, filters, bench)
        self._say(made)
        return made.finished()

    def _filters(
        self, part: Part, members: Sequence[composing.Member]
    ) -> dict[str, composing.Filter]:
        """Return what a part's filesets make of the files of its packages."""
        paths = {
            self._ground.resolve(entry.path) + ("/" if entry.kind == "directory" else "")
            for member in members
            for entry in member.contents.entries()
        }
        moved = {origin: place for place, origin in select(part, sorted(paths)).items() if origin}
        return {member.package.name: moved.get for member in members}

    def _say(self, composition: composing.Composition) -> None:
        for note in composition.notes:
            self._watcher.note(Problem(note, "alternatives"))

    def sysroot(self, build_packages: Sequence[str]) -> Sysroot | None:
        """Return what compiles C for the target, or None where the host has no compiler."""
        if self._architecture != host_architecture():
            return None  # what comes out compiled is refused anyway
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            self._watcher.note(
                Problem(
                    "no C compiler is on PATH: packages that want one fail or come out slower",
                    "no-compiler",
                    remedy="apt-get install gcc",
                )
            )
            return None
        wanted = self.compiled_against(build_packages)
        key = layer_key("sysroot", 1, sorted(package.sha256 for package in wanted))
        folder = self._store.get("sysroots", key)
        if folder is None:
            members = self.members(wanted)
            with self._store.put("sysroots", key) as content:
                for member in members:
                    _lay_out(member, content, self._ground)
            folder = self._store.get("sysroots", key)
            assert folder is not None
        return Sysroot(folder, compiler)

    def compiled_against(self, build_packages: Sequence[str]) -> tuple[Package, ...]:
        """Return the packages that C is compiled against: those of a lock, or the newest."""
        if self._pinned_sysroot:
            return tuple(self._pinned_sysroot)
        self._apt.update(offline=self._options.offline)
        return self._apt.resolve((*_SYSROOT, *build_packages))


class _Fetched(Amount):
    """How much of ``total`` bytes has come into a folder."""

    def __init__(self, folder: Path, total: int) -> None:
        super().__init__(total)
        self._folder = folder

    def look(self) -> int:
        """Return how many are done now."""
        with contextlib.suppress(OSError):  # a file is being renamed
            return min(self.total, sum(path.stat().st_size for path in self._folder.iterdir()))
        return 0


def resolve(
    store: Store,
    base: Base,
    architecture: str,
    words: Sequence[str],
    options: Options,
    watcher: Watcher,
    *,
    bare: bool,
) -> Packages:
    """Return the packages that ``words`` come to on the base.

    A stored answer is used until the words, the base or the mirrors change, or
    ``options.refresh`` asks for a new one.

    Raises:
        ProjectError: a package doesn't exist, or the set contradicts itself.
        SurroundingsError: an archive can't be reached.
    """
    apt = Apt(store, base, architecture, options.mirrors)
    store.touch(apt.root)
    key = distribution.identity(base, architecture, words, bare=bare)
    key = hashlib.sha256(f"{key} {apt.name}".encode()).hexdigest()
    found = None if options.refresh else distribution.stored(store, key)
    if found is None:
        title = f"resolving packages of {base.name}"
        watcher.step(title)
        apt.update(offline=options.offline, fresh=options.refresh)
        found = distribution.resolve(store, key, apt, words, bare=bare)
        watcher.done(title, f"{len(found.base) + len(found.runtime)} packages")
    return Packages(apt, found, store, architecture, options, watcher, key=key)


def _lay_out(member: composing.Member, folder: Path, ground: Ground) -> None:
    """Write a package's files below ``folder``, which a compiler reads as its root."""
    for entry in member.contents.entries():
        path = folder / ground.resolve(entry.path)
        if entry.kind == "directory":
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or path.exists():
            continue
        if entry.kind == "symlink":
            # An absolute link would lead to the host's own files.
            target = entry.target
            if target.startswith("/"):
                target = str(folder / ground.resolve(target.lstrip("/")))
            path.symlink_to(target)
        elif entry.kind == "hardlink":
            path.hardlink_to(folder / ground.resolve(entry.target))
        elif entry.content is not None:
            with path.open("wb") as stream:
                for piece in chunks(entry.content):
                    stream.write(piece)
            path.chmod((entry.mode & 0o777) | 0o600)
