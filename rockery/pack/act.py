"""Acting: makes the layers that a plan lacks."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rockery.errors import Location, Problem, ProjectError, SurroundingsError
from rockery.layer import Entry, Ground, Inline, Layer, Stored, build, deb, dependencies, load, tree
from rockery.layer import key as layer_key
from rockery.layer import runtime as composing
from rockery.layer.compression import GZIP
from rockery.layer.ground import PLAIN
from rockery.pack import packages
from rockery.pack.host import host_architecture
from rockery.pack.options import Options, Watcher
from rockery.part import Built, prepare_host
from rockery.part import build as build_part
from rockery.plan import (
    BaseSpec,
    BillSpec,
    BuiltSpec,
    ComponentSpec,
    DependenciesSpec,
    FilesSpec,
    Plan,
    PlannedLayer,
    ProjectSpec,
    RuntimeSpec,
)
from rockery.plan.parts import Parts, copied
from rockery.project import source
from rockery.project.fileset import passes, permissions_for, select
from rockery.project.schema import Part, RockFile
from rockery.resolution import python
from rockery.resolution.apt import Apt, Package
from rockery.resolution.distribution import DistributionResolution
from rockery.resolution.python import PythonRequest, PythonResolution, PythonTarget
from rockery.store import Store

#: What compiles C for a target, beside the compiler of the host.
_SYSROOT = ("libc6-dev", "python3-dev")


class Workshop:
    """Makes layers of one rock in the store."""

    def __init__(
        self, store: Store, options: Options, parts: Parts, architecture: str, watcher: Watcher
    ) -> None:
        self.store = store
        self.options = options
        self.parts = parts
        self.architecture = architecture
        self.watcher = watcher
        self.ground = composing.ground(parts.base, architecture)
        self._apt: Apt | None = None
        self._found: DistributionResolution | None = None
        self._full: composing.Composition | None = None
        self._made: dict[str, Layer] = {}

    def use(self, apt: Apt, found: DistributionResolution) -> None:
        """Take the distribution's packages from ``apt``, as they were resolved."""
        self._apt, self._found = apt, found

    def build(self, plan: Plan) -> list[Layer]:
        """Return the plan's layers, making those the store lacks.

        Raises:
            ProjectError: a package doesn't build, or a file changed meanwhile.
            SurroundingsError: the network, the disk or a tool is at fault.
        """
        layers = []
        for planned in plan.layers:
            layers.append(self._layer(planned, plan, self.ground))
            self._made[planned.title] = layers[-1]
        for index, planned in enumerate(plan.layers):
            ground = self._differing_ground(layers, index)
            if ground is not None:
                layers[index] = self._layer(planned, plan, ground)
        _check_conflicts(self.store, plan, layers)
        return layers

    def target(self, mtime: int) -> PythonTarget:
        """Return the rock's Python, run from the unpacked layers below the dependencies.

        For another architecture it is the same release's Python for this one, told to choose
        packages for the other.
        """
        version = self.parts.base.python
        own = host_architecture()
        maker = self if self.architecture == own else self._native(own)
        layers = maker._python_layers(mtime)
        program = tree.interpreter(self.store, layers, own, version)
        cache = self.store.root / "uv" / f"{self.parts.base.name}-{self.architecture}"
        platform = None if maker is self else self._uv_platform()
        return PythonTarget(program, version, cache, platform)

    def _native(self, architecture: str) -> Workshop:
        """Return a workshop for a bare runtime of this base on the host's own architecture."""
        base = self.parts.base
        plain = RockFile.model_validate(
            {"name": "x", "base": "bare", "platforms": {architecture: None}}
        )
        parts = Parts(plain, {}, base, self.parts.folder, self.parts.where)
        native = Workshop(self.store, self.options, parts, architecture, self.watcher)
        native.use(
            *packages.resolve(
                self.store,
                base,
                architecture,
                parts.words,
                self.options,
                self.watcher,
                bare=True,
            )
        )
        return native

    def _uv_platform(self) -> str:
        """Return the target's platform as uv names it: "aarch64-manylinux_2_36"."""
        assert self._found is not None
        everything = (*self._found.base, *self._found.runtime)
        libc = next(package for package in everything if package.name == "libc6")
        major, minor = libc.version.partition("-")[0].split(".")[:2]
        machine = {"amd64": "x86_64", "arm64": "aarch64"}[self.architecture]
        return f"{machine}-manylinux_{major}_{minor}"

    def resolve_python(self, request: PythonRequest, key: str, mtime: int) -> PythonResolution:
        """Resolve Python packages; makes the runtime first, whose Python does it."""
        if self.options.offline:
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
        target = self.target(mtime)
        self.watcher.step("resolving Python packages")
        if _names_local(request, self.parts.folder):
            with self.store.temporary() as scratch:
                copied(self.parts.folder, scratch / "copy")
                found = python.resolve(self.store, key, request, scratch / "copy", target)
        else:
            found = python.resolve(self.store, key, request, self.parts.folder, target)
        self.watcher.done("resolving Python packages", f"{len(found.names)} packages")
        return found

    def _python_layers(self, mtime: int) -> list[Layer]:
        """Make the layers that hold Python, before there is a plan."""
        from rockery.plan.plan import base_layers

        assert self._found is not None
        planned = base_layers(self.parts, self.architecture, self._found, self.store, mtime)
        return [self._make(layer, mtime, self.ground) for layer in planned]

    def _layer(self, planned: PlannedLayer, plan: Plan, ground: Ground) -> Layer:
        return self._make(planned, plan.mtime, ground)

    def _make(self, planned: PlannedLayer, mtime: int, ground: Ground) -> Layer:
        key = planned.key
        if ground is not self.ground:
            key = layer_key("grounded", 1, [key, dict(ground.directories), dict(ground.links)])
        found = load(self.store, key)
        if found is not None:
            return found
        with self.store.lock(f"layer-{key}"):
            found = load(self.store, key)
            if found is not None:
                return found
            self.watcher.step(planned.title)
            with self.store.temporary() as scratch:
                try:
                    made = build(
                        self.store,
                        key,
                        kind=planned.kind,
                        title=planned.title,
                        entries=self._entries(planned, scratch, mtime),
                        ground=ground,
                        scheme=GZIP,
                        mtime=mtime,
                    )
                except EOFError as error:
                    raise _changed(str(error)) from error
            if isinstance(planned.spec, FilesSpec):
                _check_unchanged(self.store, made, planned.spec)
            self.watcher.done(planned.title, planned.reason)
            return made

    def _entries(self, planned: PlannedLayer, scratch: Path, mtime: int) -> Iterable[Entry]:
        match planned.spec:
            case BaseSpec():
                return self._full_base().finished()
            case RuntimeSpec() as spec:
                return self._runtime(spec)
            case ComponentSpec() as spec:
                binaries = self.options.binaries
                key = layer_key("program", 1, binaries.inputs(spec.component, spec.architecture))
                program = binaries.program(self.store, spec.component, spec.architecture, key)
                return program.entries(spec.component)
            case DependenciesSpec() as spec:
                return self._dependencies(spec, scratch, mtime)
            case ProjectSpec() as spec:
                return self._project(spec, scratch, mtime)
            case BuiltSpec() as spec:
                return self._built(planned.key, spec, scratch)
            case BillSpec() as spec:
                return self._bill(spec, mtime)
            case FilesSpec() as spec:
                return _planned_entries(spec)

    # The distribution's packages.

    def _members(self, packages: Sequence[Package]) -> list[composing.Member]:
        """Return packages with their contents, fetching and reading those the store lacks."""
        missing = [p for p in packages if self.store.get("packages", p.sha256) is None]
        if missing:
            self._fetch(missing)
        members = []
        for package in packages:
            found = deb.contents(self.store, package.sha256, package.name, package.architecture)
            assert found is not None
            members.append(composing.Member(package, found))
        return members

    def _fetch(self, packages: Sequence[Package]) -> None:
        assert self._apt is not None
        if self.options.offline:
            raise SurroundingsError(
                Problem(
                    f"cannot fetch {len(packages)} packages offline: the store lacks "
                    f"{packages[0].name} {packages[0].version}",
                    "offline",
                    remedy="run once without --offline",
                )
            )
        self.watcher.step(f"fetching {len(packages)} packages")
        self._apt.update()
        with self.store.temporary() as folder:
            archives = self._apt.download(packages, folder)

            def unpack(package: Package) -> None:
                deb.unpack(self.store, package.sha256, archives[package.sha256])

            with ThreadPoolExecutor() as pool:
                list(pool.map(unpack, packages))
        size = sum(package.size for package in packages) / 1e6
        self.watcher.done(f"fetching {len(packages)} packages", f"{size:.1f} MB")

    def _full_base(self) -> composing.Composition:
        if self._full is None:
            assert self._found is not None
            members = self._members(self._found.base)
            self._full = composing.compose_full(self.parts.base, self.architecture, members)
            self._say(self._full)
        return self._full

    def _runtime(self, spec: RuntimeSpec) -> list[Entry]:
        members = self._members(spec.packages)
        filters: dict[str, composing.Filter] = {}
        for part, names in spec.filtered:
            filters |= self._filters(part, [m for m in members if m.package.name in names])
        base, architecture, words = spec.base, spec.architecture, spec.words
        if spec.below:
            below = self._full_base()
            made = composing.compose_above(
                base, architecture, below, self._members(spec.below), members, words, filters
            )
        else:
            made = composing.compose_bare(base, architecture, members, words, filters)
        self._say(made)
        return made.finished()

    def _filters(
        self, part: Part, members: Sequence[composing.Member]
    ) -> dict[str, composing.Filter]:
        """Return what a part's filesets make of the files of its packages."""
        paths = {
            self.ground.resolve(entry.path) + ("/" if entry.kind == "directory" else "")
            for member in members
            for entry in member.contents.entries()
        }
        moved = {origin: place for place, origin in select(part, sorted(paths)).items() if origin}
        return {member.package.name: moved.get for member in members}

    def _say(self, composition: composing.Composition) -> None:
        for note in composition.notes:
            self.watcher.note(Problem(note, "alternatives"))

    # Python packages.

    def _dependencies(self, spec: DependenciesSpec, scratch: Path, mtime: int) -> Iterator[Entry]:
        target = self.target(mtime)
        sysroot = None if spec.resolution.wheels else self._sysroot(spec.build_packages)
        folder, local = self.parts.folder, spec.resolution.local
        if local:
            copied(folder, scratch / "copy")
            folder = scratch / "copy"
        site = dependencies.install(spec.resolution, folder, local, target, scratch, sysroot)
        if spec.script is not None:
            extra = scratch / "extra"
            site = self._scripted(spec.script, site, extra, scratch, target.version)
            yield from self._files_of(extra, Part())
        yield from self._installed(site, spec.part, spec.resolution, target)

    def _project(self, spec: ProjectSpec, scratch: Path, mtime: int) -> Iterator[Entry]:
        target = self.target(mtime)
        copied(spec.folder, scratch / "copy")
        nothing = PythonResolution("", wheels=True, local=(), made="")
        folder = scratch / "copy"
        site = dependencies.install(nothing, folder, (spec.path,), target, scratch, None)
        for entry in self._installed(site, Part(), nothing, target):
            if entry.path != ".rock/python-packages.txt":
                yield entry

    def _installed(
        self, site: Path, part: Part, resolution: PythonResolution, target: PythonTarget
    ) -> Iterator[Entry]:
        dependencies.check_architecture(site, self.architecture)
        place = f"/usr/local/lib/python{target.version}/dist-packages"
        dependencies.compile_bytecode(site, target, place)
        for entry in dependencies.entries(site, target.version, resolution):
            # The list of packages is rockery's own, not a file of the part.
            own = entry.path.startswith(".rock/")
            if own or (passes(part.stage, entry.path) and passes(part.prime, entry.path)):
                yield entry

    # The bill of materials.

    def _bill(self, spec: BillSpec, mtime: int) -> list[Entry]:
        from rockery import sbom
        from rockery.sbom.gather import gather
        from rockery.sbom.material import Bill

        assert self._found is not None
        packages = (*self._found.base, *self._found.runtime)
        distribution, _, release = spec.base.name.partition("@")
        system = (distribution, release)
        materials = gather(
            self.store,
            lambda: [(member.package, member.contents) for member in self._members(packages)],
            [package.sha256 for package in packages],
            [self._made[title] for title in spec.after],
            lambda layer: tree.unpacked(self.store, layer),
            system,
        )
        bill = Bill(
            spec.name, spec.version, spec.licence, spec.architecture, system, materials, mtime
        )
        return sbom.entries(self.store, bill)

    # Parts that craft-parts builds.

    def _built(self, key: str, spec: BuiltSpec, scratch: Path) -> list[Entry]:
        """Build a part; return its files as its filesets and permissions have them."""
        made = self._craft(spec, None, scratch)
        if made.version is not None:
            with self.store.put("verdicts", layer_key("version", 1, key)) as folder:
                (folder / "version").write_text(made.version)
        kept = Part.model_validate({"permissions": spec.keys.get("permissions", [])})
        return list(self._files_of(made.folder, kept if made.finished else spec.part))

    def version(self, plan: Plan, name: str) -> str | None:
        """Return the version that the script of the part ``name`` sets, building the part.

        What is planned below it is made first: its script may see that.
        """
        for planned in plan.layers:
            self._made[planned.title] = self._layer(planned, plan, self.ground)
            if planned.title == name:
                folder = self.store.get("verdicts", layer_key("version", 1, planned.key))
                return (folder / "version").read_text() if folder else None
        return None

    def _craft(self, spec: BuiltSpec, installed: Path | None, scratch: Path) -> Built:
        where = self.parts.where("parts", spec.name)
        prepare_host(spec.name, spec.part.build_packages, spec.part.build_snaps, where)
        copy, work = scratch / "project", scratch / "craft"
        work.mkdir()
        copied(spec.folder, copy)
        below = [
            tree.unpacked(self.store, self._made[name]) for name in spec.after if name in self._made
        ]
        return build_part(
            spec.name,
            spec.keys,
            copy=copy,
            below=below,
            installed=installed,
            scratch=work,
            cache=self.store.root / "craft",
            architecture=spec.architecture,
            project=self.parts.rock.name,
            where=where,
        )

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

    def _files_of(self, folder: Path, part: Part) -> Iterator[Entry]:
        """Give the files below ``folder`` as the part's filesets and permissions have them."""
        found = {entry.path: entry for entry in source.walk(folder)}
        for place, origin in select(part, found).items():
            path = place.rstrip("/")
            owner = permissions_for(part.permissions, path)
            uid, gid = owner.owner or 0, owner.group or 0
            if place.endswith("/"):
                mode = owner.mode if owner.mode is not None else 0o755
                yield Entry(path, "directory", mode, uid, gid)
            elif found[origin].kind == "link":
                yield Entry(path, "symlink", 0o777, uid, gid, found[origin].target or "")
            elif found[origin].kind == "file":
                status = (folder / origin).stat()
                mode = 0o755 if status.st_mode & 0o100 else 0o644
                mode = owner.mode if owner.mode is not None else mode
                content = Stored(folder / origin, status.st_size)
                yield Entry(path, "file", mode, uid, gid, content=content)

    def _sysroot(self, build_packages: Sequence[str]) -> dependencies.Sysroot | None:
        """Return what compiles C for the target, or None where the host has no compiler."""
        if self.architecture != host_architecture():
            return None  # what comes out compiled is refused anyway
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            self.watcher.note(
                Problem(
                    "no C compiler is on PATH: packages that want one fail or come out slower",
                    "no-compiler",
                    remedy="apt-get install gcc",
                )
            )
            return None
        assert self._apt is not None
        self._apt.update(offline=self.options.offline)
        wanted = self._apt.resolve((*_SYSROOT, *build_packages))
        key = layer_key("sysroot", 1, sorted(package.sha256 for package in wanted))
        folder = self.store.get("trees", key)
        if folder is None:
            members = self._members(wanted)
            with self.store.put("trees", key) as content:
                for member in members:
                    _lay_out(member, content, self.ground)
            folder = self.store.get("trees", key)
            assert folder is not None
        return dependencies.Sysroot(folder, compiler)

    # What layers need of those below.

    def _differing_ground(self, layers: Sequence[Layer], index: int) -> Ground | None:
        """Return the ground of a layer where the layers below differ from what it assumed.

        A directory that the layer only implies must be repeated as it is below; a path that
        leads through a link below must go where the link goes.
        """
        own = layers[index].layout()
        directories: dict[str, tuple[int, int, int]] = {}
        links: dict[str, str] = {}
        for below in layers[:index]:
            layout = below.layout()
            for path in own.implied & layout.directories.keys():
                directories[path] = layout.directories[path]
            for path in own.implied & layout.links.keys():
                links[path] = layout.links[path]
        directories = {
            path: attributes
            for path, attributes in directories.items()
            if self.ground.directories.get(path, PLAIN) != attributes
        }
        if not directories and not links:
            return None
        return self.ground.extended(directories, links)


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
    import tomllib

    project = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("project", {})
    return bool({"dependencies", "version"} & set(project.get("dynamic", ())))


def _planned_entries(spec: FilesSpec) -> Iterator[Entry]:
    for planned in spec.files:
        content: Inline | Stored | None = None
        if planned.kind == "file":
            if planned.data is not None:
                content = Inline(planned.data)
            else:
                assert planned.source is not None
                content = Stored(planned.source, planned.size)
        yield Entry(
            planned.path,
            planned.kind,  # type: ignore[arg-type]
            planned.mode,
            planned.uid,
            planned.gid,
            planned.target,
            content,
        )


def _check_unchanged(store: Store, layer: Layer, spec: FilesSpec) -> None:
    """Raise, and forget the layer, where a file changed between planning and packing."""
    planned = {file.sha256: file for file in spec.files if file.source is not None}
    written = {entry["sha256"] for entry in layer.entries() if entry["kind"] == "file"}
    for digest, file in planned.items():
        if digest not in written:
            store.remove("layers", layer.key)
            raise _changed(str(file.source))


def _changed(path: str) -> ProjectError:
    return ProjectError(
        Problem(
            f"cannot pack {path}: it changed while it was being packed",
            "changed-file",
            Location(path),
            "run again",
        )
    )


def _lay_out(member: composing.Member, folder: Path, ground: Ground) -> None:
    """Write a package's files below ``folder``, which a compiler reads as its root."""
    from rockery.layer.entry import chunks

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


def _check_conflicts(store: Store, plan: Plan, layers: Sequence[Layer]) -> None:
    """Raise where two parts ship different files at one path; a base may be overridden."""
    key = layer_key("conflicts", 1, [layer.digest for layer in layers])
    if store.get("verdicts", key) is not None:
        return
    seen: dict[str, tuple[str, object]] = {}
    problems = []
    for planned, layer in zip(plan.layers, layers, strict=True):
        if planned.kind == "base":
            continue
        for entry in layer.entries():
            if entry["kind"] == "directory":
                continue
            what = entry.get("sha256") or entry.get("target")
            path = entry["path"]
            owner, before = seen.setdefault(path, (planned.title, what))
            if before != what and planned.kind != "configuration":
                problems.append(
                    Problem(
                        f"cannot pack /{path}: {owner!r} and {planned.title!r} ship different "
                        "files there",
                        "conflicting-files",
                        remedy=f"leave it out of one of them ('stage: [-{path}]')",
                    )
                )
    if problems:
        raise ProjectError(*problems[:20])
    with store.put("verdicts", key) as folder:
        (folder / "none").touch()
