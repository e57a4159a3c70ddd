"""Acting: makes the layers that a plan lacks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from rockery import sbom
from rockery.amount import Amount
from rockery.layer import (
    Entry,
    Ground,
    Inline,
    Layer,
    Stored,
    adopt,
    build,
    compressed_key,
    load,
    recompress,
    tree,
)
from rockery.layer import key as layer_key
from rockery.layer import runtime as composing
from rockery.layer.compression import FAMILIAR
from rockery.layer.ground import PLAIN
from rockery.pack import packages
from rockery.pack.built import craft, files_of
from rockery.pack.conflicts import changed, check_conflicts, check_unchanged
from rockery.pack.host import host_architecture
from rockery.pack.jobs import Job, Jobs
from rockery.pack.options import Options, Watcher
from rockery.pack.packages import Packages
from rockery.pack.python import PythonPackages
from rockery.part import Built
from rockery.plan import (
    NOT_MADE,
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
    base_layers,
)
from rockery.plan.parts import Parts
from rockery.project.schema import Part, RockFile
from rockery.sbom.writer import Writer
from rockery.store import Store
from rockery.store.damage import SIGNS


class Workshop:
    """Makes layers of one rock in the store; everything in them has the time ``mtime``."""

    def __init__(
        self,
        store: Store,
        options: Options,
        parts: Parts,
        architecture: str,
        watcher: Watcher,
        found: Packages,
        mtime: int,
        writer: Writer | None = None,
    ) -> None:
        self.store = store
        self.options = options
        self.parts = parts
        self.architecture = architecture
        self.watcher = watcher
        self.ground = composing.ground(parts.base, architecture)
        self.packages = found
        self.python = PythonPackages(
            store, options, parts, architecture, watcher, found, self._native_layers, self._craft
        )
        self._writer = writer or Writer()
        self._mtime = mtime
        self._made: dict[str, Layer] = {}

    def build(
        self, plan: Plan, jobs: Jobs, beside: Callable[[Sequence[Layer]], None]
    ) -> list[Layer]:
        """Return the plan's layers, making those the store lacks, side by side where that can be.

        The bill of materials comes last; ``beside`` is called meanwhile, with all others.

        Raises:
            ProjectError: a package doesn't build, or a file changed meanwhile.
            SurroundingsError: the network, the disk or a tool is at fault.
        """
        lacking: list[int] = []
        bills: list[int] = []
        for index, planned in enumerate(plan.layers):
            found = load(self.store, planned.key, planned.title)
            if found is not None:
                self._made[planned.title] = found
            elif isinstance(planned.spec, BillSpec):
                bills.append(index)
                self._writer.start()
            else:
                lacking.append(index)
        making = [
            Job(
                functools.partial(self._keep_made, plan.layers[index]),
                [lacking.index(other) for other in plan.needed_by(index) if other in lacking],
            )
            for index in lacking
        ]
        with self.python.shared():
            for _ in jobs.together(making):
                pass
        layers = [
            (planned, self._made[planned.title])
            for planned in plan.layers
            if not isinstance(planned.spec, BillSpec)
        ]
        for index, (planned, _) in enumerate(layers):
            ground = self._differing_ground([layer for _, layer in layers], index)
            if ground is not None:
                layers[index] = (planned, self._make(planned, ground))
        check_conflicts(self.store, layers, dict.fromkeys(sbom.DOCUMENTS, sbom.TITLE))
        last = [functools.partial(self._keep_made, plan.layers[index]) for index in bills]
        last.append(functools.partial(beside, [layer for _, layer in layers]))
        for _ in jobs.together([Job(one) for one in last]):
            pass
        others = iter(layers)
        return [
            self._made[planned.title] if isinstance(planned.spec, BillSpec) else next(others)[1]
            for planned in plan.layers
        ]

    def version(self, plan: Plan, name: str) -> str | None:
        """Return the version that the script of the part ``name`` sets, building the part.

        What is planned below it is made first: its script may see that.
        """
        for planned in plan.layers:
            self._made[planned.title] = self._make(planned, self.ground)
            if planned.title == name:
                folder = self.store.get("verdicts", layer_key("version", 1, planned.content))
                return (folder / "version").read_text() if folder else None
        return None

    def _native_layers(self) -> list[Layer]:
        """Make the layers that hold a Python of this base which runs on this host."""
        own = host_architecture()
        workshop = self if self.architecture == own else self._native(own)
        resolution = workshop.packages.resolution
        planned = base_layers(
            *(workshop.parts, own, resolution, self.store, self._mtime),
            self.options.compression,
        )
        return [workshop._make(layer, workshop.ground) for layer in planned]

    def _native(self, architecture: str) -> Workshop:
        """Return a workshop for a bare runtime of this base on the host's own architecture."""
        base = self.parts.base
        plain = RockFile.model_validate(
            {"name": "x", "base": "bare", "platforms": {architecture: None}}
        )
        parts = Parts(plain, {}, base, self.parts.folder, self.parts.where)
        found = packages.resolve(
            self.store, base, architecture, parts.words, self.options, self.watcher, bare=True
        )
        return Workshop(
            self.store, self.options, parts, architecture, self.watcher, found, self._mtime
        )

    def _keep_made(self, planned: PlannedLayer) -> None:
        """Make a layer for all that is made after it, which may begin before anybody looks."""
        self._made[planned.title] = self._make(planned, self.ground)

    def _make(self, planned: PlannedLayer, ground: Ground) -> Layer:
        key, content = planned.key, planned.content
        if ground is not self.ground:
            places = [dict(ground.directories), dict(ground.links)]
            content = layer_key("grounded", 1, [content, *places])
            key = compressed_key(content, planned.scheme)
        found = load(self.store, key, planned.title)
        if found is not None:
            return found
        with self.store.lock(f"layer-{key}"):
            found = load(self.store, key, planned.title)
            if found is not None:
                return found
            amount = Amount()
            self.watcher.step(planned.title, amount)
            found = self._recompressed(planned, content, key, amount)
            if found is not None:
                self.watcher.done(planned.title, "compressed anew")
                return found
            with self.store.temporary() as scratch:
                other = self._meaning(planned, ground, scratch)
                found = self._adopted(planned, key, other)
                if found is not None:
                    self.watcher.done(planned.title, "the same as before")
                    return found
                installed = isinstance(planned.spec, DependenciesSpec)
                entries = self._entries(planned, scratch)
                entries = list(entries) if installed else entries
                try:
                    made = build(
                        self.store,
                        other or key,
                        kind=planned.kind,
                        title=planned.title,
                        entries=entries,
                        ground=ground,
                        scheme=planned.scheme,
                        mtime=self._mtime,
                        amount=amount,
                    )
                except EOFError as error:
                    raise changed(str(error)) from error
                if installed:
                    # The import of the application and the bill want it at once.
                    tree.lay_out(self.store, made, entries)
            if other is not None:
                made = adopt(self.store, key, made)
            if isinstance(planned.spec, FilesSpec):
                files = planned.spec.files
                read = {file.sha256: file.source for file in files if file.source is not None}
                check_unchanged(self.store, made, read)
            why = "" if planned.reason == NOT_MADE else f", {planned.reason}"
            self.watcher.done(planned.title, f"made{why}")
            return made

    def _meaning(self, planned: PlannedLayer, ground: Ground, scratch: Path) -> str | None:
        """Return the key under which a layer with these very files is stored, if there is one.

        A package in a layer of its own is planned anew with each change of the others, since
        what they read of it decides what is left out.
        """
        spec = planned.spec
        if not isinstance(spec, DependenciesSpec) or not spec.only:
            return None
        inputs = [self.python.content(spec, scratch), self._mtime]
        inputs += [dict(ground.directories), dict(ground.links)]
        return compressed_key(layer_key("distribution", 1, inputs), planned.scheme)

    def _adopted(self, planned: PlannedLayer, key: str, other: str | None) -> Layer | None:
        found = load(self.store, other, planned.title) if other is not None else None
        if found is None:
            return None
        try:
            return adopt(self.store, key, found)
        except SIGNS:
            self.store.remove("layers", found.key)
            return None

    def _recompressed(
        self, planned: PlannedLayer, content: str, key: str, amount: Amount
    ) -> Layer | None:
        """Return the layer from its tar as it is stored in another scheme, or None."""
        for other in FAMILIAR:
            found = load(self.store, compressed_key(content, other), planned.title)
            if found is not None:
                try:
                    return recompress(self.store, key, found, planned.scheme, amount)
                except SIGNS:
                    self.store.remove("layers", found.key)  # it is made from its parts instead
        return None

    def _entries(self, planned: PlannedLayer, scratch: Path) -> Iterable[Entry]:
        match planned.spec:
            case BaseSpec():
                return self.packages.full_base().finished()
            case RuntimeSpec() as spec:
                return self.packages.runtime(spec, composing.Bench(scratch / "bench", self._mtime))
            case ComponentSpec() as spec:
                binaries, component = self.options.binaries, spec.component
                key = layer_key("program", 1, binaries.inputs(component, spec.architecture))
                which = (self.store, component, spec.architecture, key)
                if binaries.builds(*which):
                    self.watcher.say(f"building {planned.title}, once on this machine")
                return binaries.program(*which).entries(component)
            case DependenciesSpec() as spec:
                return self.python.dependencies(spec, scratch)
            case ProjectSpec() as spec:
                return self.python.project(spec, scratch)
            case BuiltSpec() as spec:
                return self._built(planned.content, spec, scratch)
            case BillSpec() as spec:
                return self._bill(spec)
            case FilesSpec() as spec if spec.compiled_for is not None:
                return [*_planned_entries(spec), *self.python.bytecode(spec, scratch)]
            case FilesSpec() as spec:
                return _planned_entries(spec)

    def _bill(self, spec: BillSpec) -> list[Entry]:
        from rockery.sbom.gather import knows
        from rockery.sbom.material import Bill
        from rockery.sbom.writer import Order

        resolution = self.packages.resolution
        everything = (*resolution.base, *resolution.runtime)
        checksums = [package.sha256 for package in everything]
        distribution, _, release = spec.base.name.partition("@")
        system = (distribution, release)
        packages = None
        if not knows(self.store, checksums, system):
            packages = [(m.package, m.contents) for m in self.packages.members(everything)]
        bill = Bill(
            *(spec.name, spec.version, spec.licence, spec.architecture, system),
            materials=(),
            mtime=self._mtime,
        )
        layers = [self._made[title] for title in spec.after]
        order = Order(self.store.root, bill, checksums, packages, layers)
        return sbom.entries(self._writer.write(order))

    def _built(self, key: str, spec: BuiltSpec, scratch: Path) -> list[Entry]:
        """Build a part; return its files as its filesets and permissions have them."""
        made = self._craft(spec, None, scratch)
        if made.version is not None:
            with self.store.put("verdicts", layer_key("version", 1, key)) as folder:
                (folder / "version").write_text(made.version)
        kept = Part.model_validate({"permissions": spec.keys.get("permissions", [])})
        return list(files_of(made.folder, kept if made.finished else spec.part))

    def _craft(self, spec: BuiltSpec, installed: Path | None, scratch: Path) -> Built:
        return craft(
            self.store,
            spec,
            project=self.parts.rock.name,
            below=[
                tree.unpacked(self.store, self._made[title], checked=True)
                for title in spec.after
                if title in self._made
            ],
            installed=installed,
            scratch=scratch,
            where=self.parts.where("parts", spec.name),
        )

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
            for path in own.folders & layout.links.keys():
                links[path] = layout.links[path]
        directories = {
            path: attributes
            for path, attributes in directories.items()
            if self.ground.directories.get(path, PLAIN) != attributes
        }
        if not directories and not links:
            return None
        return self.ground.extended(directories, links)


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
