"""The Python packages of a rock: resolved, installed and laid out for its own Python."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import threading
import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rockery.errors import Problem, ProjectError, RockeryError, SurroundingsError
from rockery.layer import (
    Entry,
    Layer,
    Stored,
    bytecode,
    dependencies,
    file,
    pkg_resources,
    tree,
    unused,
)
from rockery.layer.checksums import Checksums, altered
from rockery.layer.dependencies import InstallRequest, UnusableWheelError
from rockery.pack.built import files_of
from rockery.pack.host import host_architecture
from rockery.pack.options import Options, Watcher
from rockery.pack.packages import Packages
from rockery.part import Built
from rockery.plan import BuiltSpec, DependenciesSpec, FilesSpec, ProjectSpec
from rockery.plan.parts import Parts
from rockery.project import build_source
from rockery.project.fileset import passes
from rockery.project.schema import Part
from rockery.resolution import indexes, python
from rockery.resolution.python import PythonRequest, PythonResolution, PythonTarget
from rockery.store import Store, disk

#: uv's names of architectures.
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class _Installation:
    """What was installed for ``target``, and the files that belong to no distribution."""

    installed: dependencies.Installed
    target: PythonTarget
    others: list[Entry]


class PythonPackages:
    """Resolves and installs for the Python in the layers that ``runs_from`` makes.

    ``runs_from`` gives the unpacked rock's layers below the dependencies, for this host's
    architecture; ``craft`` builds a part with scripts around an installation.
    """

    def __init__(
        self,
        store: Store,
        options: Options,
        parts: Parts,
        architecture: str,
        watcher: Watcher,
        packages: Packages,
        runs_from: Callable[[], list[Layer]],
        craft: Callable[[BuiltSpec, Path | None, Path], Built],
    ) -> None:
        self._store = store
        self._options = options
        self._parts = parts
        self._architecture = architecture
        self._watcher = watcher
        self._packages = packages
        self._runs_from = runs_from
        self._craft = craft
        self._shared: contextlib.ExitStack | None = None
        self._common: _Installation | None = None
        self._lock = threading.Lock()
        self._program: Path | None = None
        self._whole: Future[bool] | None = None
        self._mended = False
        self._looking = threading.Lock()

    def target(self, *, checked: bool = True) -> PythonTarget:
        """Return the rock's Python as a program of this host.

        For another architecture it is the same release's Python for this one, told to choose
        packages for the other. Unless it is ``checked``, the disk may have damaged it: who knows
        that later must not keep what it said.
        """
        version = self._parts.base.python
        own = host_architecture()
        with self._looking:
            program = self._interpreter(own, version, checked=checked)
        cache = self._store.root / "uv" / f"{self._parts.base.name}-{self._architecture}"
        self._store.touch(cache)
        platform = None
        if self._architecture != own:
            major, minor = self._packages.libc()
            platform = f"{_MACHINES[self._architecture]}-manylinux_{major}_{minor}"
        return PythonTarget(program, version, cache, platform)

    def _interpreter(self, architecture: str, version: str, *, checked: bool) -> Path:
        if self._program is None:
            layers = self._runs_from()
            self._program = tree.interpreter(self._store, layers, architecture, version)
            # Beside what it is first used for.
            pool = ThreadPoolExecutor(1)
            self._whole = pool.submit(tree.is_whole, self._program)
            pool.shutdown(wait=False)
        if checked and self._whole is not None:
            if not self._whole.result():
                layers = self._runs_from()
                self._program = tree.whole_interpreter(self._store, layers, architecture, version)
                self._mended = True
            self._whole = None
        return self._program

    def resolve(self, request: PythonRequest, key: str) -> PythonResolution:
        """Resolve the packages; the runtime is made first, whose Python does it."""
        if self._options.offline:
            raise SurroundingsError(
                Problem(
                    "cannot resolve the Python packages offline: it was never done for these "
                    "requirements",
                    "offline",
                    remedy="run once without --offline",
                )
            )
        missing = [path for path, digest in request.digests.items() if digest == "missing"]
        if missing:
            raise ProjectError(
                *(
                    Problem(
                        f"cannot read the requirements: there is no file {path}",
                        "missing-requirements",
                        request.where,
                        "add it, or correct its name",
                    )
                    for path in missing
                )
            )
        target = self.target(checked=False)
        self._watcher.step("resolving Python packages")
        found, failed = None, None
        try:
            found = self._resolved(request, key, target)
        except RockeryError as error:
            failed = error
        target = self.target()
        if self._mended:  # what a damaged Python said counts for nothing
            found = self._resolved(request, key, target)
        elif failed is not None:
            raise failed
        assert found is not None
        self._watcher.done("resolving Python packages", f"{len(found.names)} packages")
        return found

    def _resolved(self, request: PythonRequest, key: str, target: PythonTarget) -> PythonResolution:
        if not _names_local(request, self._parts.folder):
            return python.resolve(self._store, key, request, self._parts.folder, target)
        with self._store.temporary() as scratch:
            build_source.copy(self._parts.folder, scratch / "copy")
            return python.resolve(self._store, key, request, scratch / "copy", target)

    def pin_builds(
        self, resolution: PythonResolution, build_packages: Sequence[str]
    ) -> PythonResolution:
        """Return the resolution with what its packages are built with; all are built once."""
        projects = [*resolution.local, *self._parts.python_projects]
        if resolution.wheels and not projects:
            return resolution
        target = self.target()
        sysroot = None if resolution.wheels else self._packages.sysroot(build_packages)
        title = "building what has no wheel"
        self._watcher.step(title)
        with self._store.temporary() as scratch:
            build_source.copy(self._parts.folder, scratch / "copy")
            build = dependencies.build_requirements(
                InstallRequest(
                    *(resolution, scratch / "copy", projects, target, scratch, sysroot),
                    indexes.named(self._parts.python_request, self._parts.folder),
                )
            )
        self._watcher.done(title, f"with {build.count('==')} packages")
        return dataclasses.replace(resolution, build=build)

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Install what several layers are made from once, and keep it for as long as this lasts."""
        with contextlib.ExitStack() as kept:
            self._shared = kept
            try:
                yield
            finally:
                self._shared, self._common = None, None

    def dependencies(self, spec: DependenciesSpec, scratch: Path) -> Iterator[Entry]:
        """Give the files of a layer of packages that come from an index."""
        made = self._installation(spec, scratch)
        found = made.installed.entries(
            lambda name: name == spec.only if spec.only else name not in spec.apart
        )
        for entry in found:
            if passes(spec.part.stage, entry.path) and passes(spec.part.prime, entry.path):
                yield entry
        if not spec.only:
            yield from made.others

    def content(self, spec: DependenciesSpec, scratch: Path) -> list[object]:
        """Return what decides the files of the layer of ``spec.only``, whatever else there is."""
        made = self._installation(spec, scratch)
        rules = [dependencies.RECIPE, spec.keep, spec.part.stage, spec.part.prime]
        return [made.installed.identity(spec.only), str(made.target.interpreter), rules]

    def _installation(self, spec: DependenciesSpec, scratch: Path) -> _Installation:
        """Install the packages, unless they are there for another layer of theirs."""
        if not spec.apart or self._shared is None:
            return self._install(spec, scratch)
        with self._lock:
            if self._common is None:
                folder = self._shared.enter_context(self._store.temporary())
                self._common = self._install(spec, folder)
            return self._common

    def _install(self, spec: DependenciesSpec, scratch: Path) -> _Installation:
        target = self.target()
        sysroot = None if spec.resolution.wheels else self._packages.sysroot(spec.build_packages)
        folder, local = self._parts.folder, spec.resolution.local
        if local:
            build_source.copy(folder, scratch / "copy")
            folder = scratch / "copy"
        resolution = spec.resolution
        others: list[Entry] = []
        checksums = Checksums()
        site = self._site(
            InstallRequest(
                *(resolution, folder, local, target, scratch, sysroot),
                indexes.named(self._parts.python_request, self._parts.folder),
            ),
            checksums,
        )
        if importing := pkg_resources.importers(site, self._store):
            self._watcher.note(pkg_resources.note(importing, resolution))
            resolution = pkg_resources.provide(site, resolution, target, scratch)
        if spec.script is None:
            others += unused.remove(site, spec.keep, self._store)
        else:  # what the user's own script leaves is what ships
            extra = scratch / "extra"
            site = self._scripted(spec.script, site, extra, scratch, target.version)
            others += files_of(extra, Part())
        self._compile(site, target)
        # The list of packages is rockery's own, not a file of the part.
        others.append(file(".rock/python-packages.txt", resolution.text))
        return _Installation(
            dependencies.Installed(site, target.version, checksums), target, others
        )

    def project(self, spec: ProjectSpec, scratch: Path) -> Iterator[Entry]:
        """Give the files of a local project that is installed itself."""
        target = self.target()
        build_source.copy(spec.folder, scratch / "copy")
        nothing = PythonResolution("", wheels=True, local=(), made="", build=spec.build)
        folder = scratch / "copy"
        checksums = Checksums()
        site = self._site(InstallRequest(nothing, folder, (spec.path,), target, scratch), checksums)
        self._compile(site, target)
        yield from dependencies.Installed(site, target.version, checksums).entries(lambda _: True)

    def bytecode(self, spec: FilesSpec, scratch: Path) -> Iterator[Entry]:
        """Give the bytecode of the modules among the files of ``spec``."""
        for planned in spec.files:
            if planned.source is not None and planned.path.endswith(".py"):
                copy = scratch / "modules" / planned.path
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(planned.source, copy)
        bytecode.compiled(scratch / "modules", self.target().interpreter, "/")
        for path in sorted((scratch / "modules").rglob("*.pyc")):
            place = path.relative_to(scratch / "modules").as_posix()
            yield Entry(place, "file", 0o644, content=Stored(path, path.stat().st_size))

    def _site(self, request: InstallRequest, checksums: Checksums) -> Path:
        """Install with uv, and return where; from new downloads where its cache is damaged.

        uv checks what it downloads, and not what a disk has done to it since.
        """
        site, damaged = None, {}
        with contextlib.suppress(UnusableWheelError):
            site = dependencies.install(request)
            damaged = altered(site, checksums)
            if not damaged:
                return site
        again = request.scratch / "again"
        again.mkdir()
        cache = request.target.cache
        fresh = dataclasses.replace(request.target, cache=again / "cache")
        anew = dependencies.install(dataclasses.replace(request, target=fresh, scratch=again))
        if site is not None and altered(anew, checksums) == damaged:
            return site  # this is how their authors ship them
        self._watcher.note(
            Problem(
                "the disk has damaged what uv keeps of the Python packages: they are fetched anew",
                "damaged-cache",
                details=tuple(sorted(damaged)[:5]),
            )
        )
        for damaged_one in cache.parent.glob(f"{cache.name}*"):
            disk.remove_tree(damaged_one)
        return anew

    def _compile(self, site: Path, target: PythonTarget) -> None:
        dependencies.check_architecture(site, self._architecture)
        place = f"/usr/local/lib/python{target.version}/dist-packages"
        bytecode.installed(self._store, site, target.interpreter, place)

    def _scripted(
        self, spec: BuiltSpec, site: Path, extra: Path, scratch: Path, version: str
    ) -> Path:
        """Run the scripts of the Python part around the installation in ``site``.

        They find the packages where a virtual environment has them, in ``lib/pythonX.Y/
        site-packages`` and ``bin``, and what they make elsewhere lands in ``extra``.
        """
        usual = scratch / "installed"
        packages = f"lib/python{version}/site-packages"
        (usual / packages).parent.mkdir(parents=True)
        if (site / "bin").is_dir():
            (site / "bin").rename(usual / "bin")
        site.rename(usual / packages)
        made = self._craft(spec, usual, scratch).folder
        changed = scratch / "changed"
        (made / packages).rename(changed)
        if (made / "bin").is_dir():
            (made / "bin").rename(changed / "bin")
        made.rename(extra)
        return changed


def _names_local(request: PythonRequest, folder: Path) -> bool:
    """Tell whether a requirement file may name a project by its path: uv then builds there."""
    if any(_is_dynamic(folder / project / "pyproject.toml") for project in request.projects):
        return True
    for path in request.digests:
        if path.endswith((".toml", ".lock")):
            continue
        text = (folder / path).read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            word = line.strip().removeprefix("-e ").removeprefix("--editable ").strip()
            if word.startswith((".", "/", "file:")) or " @ file:" in line or line.startswith("-e"):
                return True
    return False


def _is_dynamic(pyproject: Path) -> bool:
    """Tell whether only a build knows what the project needs."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("project", {})
    return bool({"dependencies", "version"} & set(project.get("dynamic", ())))
