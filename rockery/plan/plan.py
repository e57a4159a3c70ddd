"""Planning: which layers a rock has, under which keys, and what is to be done about each.

Reads the project and the store, and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from rockery import sbom
from rockery.component import Binaries, components
from rockery.component.component import RECIPE as COMPONENT_RECIPE
from rockery.layer import configuration, dependencies, runtime, tree
from rockery.layer.compression import Compression
from rockery.layer.layer import compressed_key, load
from rockery.layer.layer import key as layer_key
from rockery.plan.parts import PYTHON_PACKAGES, Parts
from rockery.plan.reason import COMPILER, COMPRESSION, EPOCH, FILTERS, OTHERS, PYTHON, reason
from rockery.plan.spec import (
    BaseSpec,
    BillSpec,
    BuiltSpec,
    ComponentSpec,
    DependenciesSpec,
    FilesSpec,
    PlannedFile,
    ProjectSpec,
    RuntimeSpec,
    Spec,
)
from rockery.project.schema import Part, RockFile
from rockery.resolution.distribution import DistributionResolution, reachable, request
from rockery.resolution.python import PythonResolution
from rockery.store import Store

#: Raise it when files of parts become other bytes from the same inputs.
FILES_RECIPE = 1

Kind = Literal["base", "runtime", "component", "dependencies", "part", "configuration"]


@dataclass(frozen=True)
class PlannedLayer:
    """One layer of the plan.

    ``reason`` is "cached", "not made yet", or what changed since the last pack. ``facts`` are
    the names of its inputs with what stands for their content. ``content`` is the key of its
    tar, which is packed by ``scheme``.
    """

    kind: Kind
    title: str
    key: str
    spec: Spec
    facts: Mapping[str, str]
    cached: bool
    reason: str
    content: str
    scheme: str


@dataclass(frozen=True)
class Plan:
    """The layers of a rock from the bottom up."""

    rock: RockFile
    version: str
    platform: str
    architecture: str
    layers: tuple[PlannedLayer, ...]
    mtime: int

    def needed_by(self, position: int) -> tuple[int, ...]:
        """Return the positions of the layers that making the one at ``position`` wants there.

        The rock's own Python installs and compiles, from the base and the runtime; scripts see
        what the parts before theirs made, and a bill tells what the layers hold.
        """
        spec = self.layers[position].spec
        scripts = spec.script if isinstance(spec, DependenciesSpec) else spec
        titles = scripts.after if isinstance(scripts, BuiltSpec | BillSpec) else ()
        by_python = isinstance(spec, DependenciesSpec | ProjectSpec) or (
            isinstance(spec, FilesSpec) and spec.compiled_for is not None
        )
        kinds = ("base", "runtime") if by_python else ()
        return tuple(
            below
            for below, layer in enumerate(self.layers[:position])
            if layer.title in titles or layer.kind in kinds
        )

    def document(self) -> dict[str, Any]:
        """Return the plan as JSON data, for ``--json`` and for the next plan's reasons."""
        return {
            "schema_version": 1,
            "name": self.rock.name,
            "version": self.version,
            "platform": self.platform,
            "layers": [
                {
                    "kind": layer.kind,
                    "title": layer.title,
                    "key": layer.key,
                    "action": "reuse" if layer.cached else "make",
                    "reason": layer.reason,
                }
                for layer in self.layers
            ],
        }


@dataclass(frozen=True)
class Resolutions:
    """What resolving found out."""

    distribution: DistributionResolution
    python: PythonResolution | None


def plan(
    parts: Parts,
    data: Mapping[str, Any],
    *,
    version: str,
    platform: str,
    architecture: str,
    resolutions: Resolutions,
    binaries: Binaries,
    store: Store,
    mtime: int,
    previous: Mapping[str, Mapping[str, str]],
    compression: Compression,
) -> Plan:
    """Plan the layers of a rock.

    ``data`` is the ordinary ``rockcraft.yaml``; ``previous`` holds the facts of the last pack
    of this project by layer title, for the reasons.
    """
    specs = _specs(parts, data, version, architecture, resolutions)
    found = resolutions.distribution
    layers: list[PlannedLayer] = []
    for kind, title, spec in specs:
        before = {
            layer.title: layer.content
            for layer in layers
            if isinstance(spec, BuiltSpec | BillSpec) and layer.title in spec.after
        }
        layers.append(
            _planned(
                *(kind, title, spec, found, binaries, store, mtime, previous, compression),
                before=before,
            )
        )
    return Plan(parts.rock, version, platform, architecture, tuple(layers), mtime)


def base_layers(
    parts: Parts,
    architecture: str,
    found: DistributionResolution,
    store: Store,
    mtime: int,
    compression: Compression,
) -> list[PlannedLayer]:
    """Plan what Python runs from: the base, if any, and the runtime."""
    specs = _below(parts, architecture, found)
    return [_planned(*spec, found, Binaries({}), store, mtime, {}, compression) for spec in specs]


def _planned(
    kind: Kind,
    title: str,
    spec: Spec,
    found: DistributionResolution,
    binaries: Binaries,
    store: Store,
    mtime: int,
    previous: Mapping[str, Mapping[str, str]],
    compression: Compression,
    before: Mapping[str, str] = MappingProxyType({}),
) -> PlannedLayer:
    recipe, inputs, facts = _inputs(spec, found, binaries)
    # The layers before a built part or a bill are its inputs too; nothing else has any.
    facts = {**facts, **before}
    content = layer_key(kind, recipe, [inputs, mtime, *before.values()])
    scheme = compression.scheme(kind)
    key = compressed_key(content, scheme)
    facts = {**facts, EPOCH: str(mtime), COMPRESSION: scheme}
    cached = load(store, key) is not None
    why = "cached" if cached else reason(facts, previous.get(title))
    return PlannedLayer(kind, title, key, spec, facts, cached, why, content, scheme)


def _below(
    parts: Parts, architecture: str, found: DistributionResolution
) -> Iterable[tuple[Kind, str, Spec]]:
    base = parts.base
    if found.base:
        yield "base", f"base {base.name}", BaseSpec(base, architecture, found.base)
    filtered = tuple(
        (part, _own_packages(part, parts, found)) for part in parts.filtering_packages()
    )
    yield (
        "runtime",
        f"runtime of {base.name}",
        RuntimeSpec(base, architecture, found.runtime, found.base, parts.words, filtered),
    )


def _specs(
    parts: Parts,
    data: Mapping[str, Any],
    version: str,
    architecture: str,
    resolutions: Resolutions,
) -> Iterable[tuple[Kind, str, Spec]]:
    made, own = parts.files(architecture)
    base = list(_below(parts, architecture, resolutions.distribution))
    base += _components(parts, architecture)
    # What an engine has it has as a chain from the bottom: what changes less often lies lower,
    # so rockery's own files below the packages of the project.
    given = [one for one in made if isinstance(one[1], FilesSpec)]
    built = [one for one in made if not isinstance(one[1], FilesSpec)]
    below = [
        *base,
        *(("part", name, of_part) for name, of_part in given),
        *_packages(parts, architecture, resolutions),
        *(("part", name, of_part) for name, of_part in built),
    ]
    yield from below
    rock = parts.rock
    # Files of rockery's own data are no packages.
    titles = tuple(title for _, title, spec in below if not isinstance(spec, FilesSpec))
    bill = BillSpec(rock.name, version, rock.license or "", parts.base, architecture, titles)
    yield "configuration", sbom.TITLE, bill
    generated = configuration.entries(data, architecture, version)
    yield (
        "configuration",
        "configuration",
        FilesSpec(tuple(PlannedFile.generated(entry) for entry in generated)),
    )
    for name, of_part in own:
        yield "part", name, of_part


def _components(parts: Parts, architecture: str) -> Iterable[tuple[Kind, str, Spec]]:
    for component in components():
        if component.name == "pebble" or component.name in parts.component_parts():
            title = f"{component.name} {component.version}"
            yield "component", title, ComponentSpec(component, architecture)


def _packages(
    parts: Parts, architecture: str, resolutions: Resolutions
) -> Iterable[tuple[Kind, str, Spec]]:
    """Give the Python packages."""
    base = parts.base
    if resolutions.python is not None:
        script = parts.dependencies_script(architecture)
        # What a script of the user's makes of packages is one thing.
        apart = resolutions.python.large if script is None else ()
        for only in (*apart, ""):
            yield (
                "dependencies",
                f"Python package {only}" if only else PYTHON_PACKAGES,
                DependenciesSpec(
                    resolutions.python,
                    base,
                    architecture,
                    parts.build_packages(),
                    parts.python_fileset(),
                    parts.keep,
                    script,
                    apart,
                    only,
                ),
            )
        for path in parts.python_projects:
            yield (
                "dependencies",
                f"project {path}",
                ProjectSpec(
                    *(parts.folder, path, base, architecture, parts.project_facts(path)),
                    resolutions.python.build,
                ),
            )


def _own_packages(part: Part, parts: Parts, found: DistributionResolution) -> frozenset[str]:
    """Return the packages that are in the rock because of ``part`` alone."""
    base = parts.base
    # The base, or another part, may ask for the same ones.
    staged = [
        word
        for other in parts.rock.parts.values()
        if other is not part
        for word in (*other.stage_packages, *other.stage_slices)
    ]
    others = request(base, staged, bare=parts.bare)
    mine = reachable(found.runtime, (*part.stage_packages, *part.stage_slices), base)
    return frozenset(mine - reachable(found.runtime, others, base))


def _inputs(
    spec: Spec, found: DistributionResolution, binaries: Binaries
) -> tuple[int, Any, Mapping[str, str]]:
    """Return the recipe number, the inputs of the key, and the facts for the reason."""
    inputs: Any
    match spec:
        case BaseSpec():
            packages = {p.name: p.sha256 for p in spec.packages}
            inputs = [spec.base.identity, spec.architecture, sorted(packages.items())]
            return runtime.RECIPE, inputs, packages
        case RuntimeSpec():
            packages = {p.name: p.sha256 for p in spec.packages}
            filtered = [
                [part.stage, part.prime, dict(part.organize), sorted(names)]
                for part, names in spec.filtered
            ]
            below = sorted(p.sha256 for p in spec.below)
            inputs = [spec.base.identity, spec.architecture, sorted(packages.items()), below]
            inputs += [sorted(spec.words), filtered]
            facts = {**packages, FILTERS: _digest([sorted(spec.words), filtered])}
            return runtime.RECIPE, inputs, facts
        case ComponentSpec():
            inputs = binaries.inputs(spec.component, spec.architecture)
            return COMPONENT_RECIPE, inputs, {spec.component.name: json.dumps(inputs)}
        case DependenciesSpec():
            python = _python(spec.base.name, spec.architecture, found)
            inputs = [python, spec.resolution.text, spec.part.stage, spec.part.prime, spec.keep]
            facts = {PYTHON: _digest(python)}
            facts[FILTERS] = _digest([spec.part.stage, spec.part.prime, spec.keep])
            if not spec.resolution.wheels:
                # What is compiled depends on the headers and on the compiler.
                compiled_with = [dependencies.compiler_identity(), spec.build_packages]
                compiled_with += [sorted(p.sha256 for p in found.runtime)]
                inputs += compiled_with
                facts[COMPILER] = _digest(compiled_with)
            if spec.resolution.build:
                inputs.append(spec.resolution.build)
            if spec.script is not None:
                inputs.append(_built(spec.script))
            if spec.apart:
                inputs.append([spec.only, spec.apart])
            recipe = dependencies.RECIPE * 1000 + tree.RECIPE
            read = spec.script.facts if spec.script is not None else {}
            versions = spec.resolution.names
            if spec.only:
                # Of the others a layer holds nothing; but what they read of it has to stay.
                others = {name: found for name, found in versions.items() if name != spec.only}
                versions = {spec.only: versions[spec.only], OTHERS: _digest(others)}
            return recipe, inputs, {**facts, **read, **versions}
        case ProjectSpec():
            python = _python(spec.base.name, spec.architecture, found)
            inputs = [python, sorted(spec.facts.items()), *([spec.build] if spec.build else [])]
            return dependencies.RECIPE, inputs, {PYTHON: _digest(python), **spec.facts}
        case BuiltSpec():
            return FILES_RECIPE, _built(spec), spec.facts
        case BillSpec():
            inputs = [spec.name, spec.version, spec.licence, spec.base.name, spec.architecture]
            return sbom.RECIPE, inputs, {}
        case FilesSpec():
            files = [[file.path, *file.identity] for file in spec.files]
            if spec.compiled_for is None:
                return FILES_RECIPE, files, spec.facts
            # Bytecode is the same for every architecture.
            python = _python(spec.compiled_for.name, "any", found)
            facts = {PYTHON: _digest(python), **spec.facts}
            return dependencies.RECIPE, [python, files], facts


def _built(spec: BuiltSpec) -> list[Any]:
    """Return what decides what a built part makes, but for the parts before it."""
    keys = json.loads(json.dumps(dict(spec.keys), sort_keys=True, default=str))
    return [spec.name, keys, spec.architecture, sorted(spec.facts.items())]


def _python(base: str, architecture: str, found: DistributionResolution) -> list[Any]:
    """Return what identifies the rock's Python."""
    packages = (*found.base, *found.runtime)
    return [base, architecture, sorted(p.sha256 for p in packages if "python3" in p.name)]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
