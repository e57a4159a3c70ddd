"""The way of a pack: prepare, resolve, plan, act, verify."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rockery import base as bases
from rockery.errors import Location, Problem, ProjectError, UsageError
from rockery.image import Image, assemble
from rockery.layer import Ground, Layer
from rockery.pack import lock, remains, verification
from rockery.pack.act import Workshop
from rockery.pack.host import host_architecture
from rockery.pack.jobs import Jobs
from rockery.pack.memory import recall, remember
from rockery.pack.options import Options, Watcher
from rockery.pack.packages import Packages, resolve
from rockery.pack.receipt import Read
from rockery.pack.settings import settings
from rockery.plan import Plan
from rockery.plan.parts import Parts
from rockery.plan.plan import Resolutions, plan
from rockery.project import schema
from rockery.resolution import python
from rockery.resolution.apt import Apt, Package, UnknownPackageError
from rockery.sbom.writer import Writer
from rockery.store import Store, digest_of

if TYPE_CHECKING:
    from rockery.extension import Definition

#: The end of the year 9999: no later date can be written down.
_LAST_SECOND = 253_402_300_799


@dataclass(frozen=True)
class Prepared:
    """A project, expanded and validated, for one platform."""

    options: Options
    data: dict[str, Any]
    parts: Parts
    notes: tuple[Problem, ...]
    definitions: tuple[Definition, ...]
    platform: str
    architecture: str
    version: str | None

    @property
    def bare(self) -> bool:
        """Whether the rock has no base."""
        return self.parts.bare


@dataclass(frozen=True)
class Packed:
    """A finished image with the plan it came from, and the ground that its layers lie on.

    ``read`` is what was read besides the layers' sources.
    """

    image: Image
    plan: Plan
    ground: Ground
    read: Read


Digest = Callable[[Path], str]


def prepare(options: Options, digest: Digest = digest_of) -> Prepared:
    """Read the project, expand its extensions and validate the result, for one platform.

    It is the one asked for, else this machine's. ``digest`` tells the SHA-256 of a file when
    it comes to the plan.

    Raises:
        ProjectError: something in the project is wrong.
        UsageError: the platform asked for isn't one of the project's.
    """
    return _prepared(options, digest, lambda rock: [_platform(rock, options.platform)])[0]


def prepare_all(options: Options, digest: Digest = digest_of) -> tuple[Prepared, ...]:
    """Do as :func:`prepare`, for all platforms of the project where none is asked for."""
    if options.platform is not None:
        return (prepare(options, digest),)
    return _prepared(options, digest, lambda rock: list(rock.platforms))


def _prepared(
    options: Options, digest: Digest, chosen: Callable[[schema.RockFile], list[str]]
) -> tuple[Prepared, ...]:
    from rockery import extension, project
    from rockery.extension.settings import kept

    read = project.load(options.folder, base=options.base, build_base=options.build_base)
    expansion = extension.expand(read)
    rock = schema.validate(expansion.data, expansion.where)
    base = bases.load(rock.distribution)
    keep = tuple(sorted({*options.keep, *kept(options.folder)}))
    return tuple(
        Prepared(
            options,
            expansion.data,
            Parts(rock, expansion.data, base, options.folder, expansion.where, digest, keep),
            expansion.notes,
            expansion.definitions,
            name,
            rock.platforms[name].build_for,
            rock.version,
        )
        for name in chosen(rock)
    )


def _platform(rock: schema.RockFile, wanted: str | None) -> str:
    """Return the platform to pack: the one asked for by name or by what it is built for.

    Without a wish, the host's own.
    """
    if wanted is not None:
        built_for = [n for n, p in rock.platforms.items() if wanted in (n, p.build_for)]
        if not built_for:
            raise UsageError(
                Problem(
                    f'cannot pack for platform "{wanted}": rockcraft.yaml does not have it',
                    "unknown-platform",
                    remedy=f"use one of {', '.join(rock.platforms)}",
                )
            )
        return wanted if wanted in rock.platforms else built_for[0]
    own = host_architecture()
    fitting = [n for n, p in rock.platforms.items() if p.build_for == own]
    return fitting[0] if fitting else next(iter(rock.platforms))


def pin(prepared: Prepared, store: Store, watcher: Watcher) -> lock.Pinned:
    """Resolve a project anew and return all that a pack of it is made from.

    Raises:
        ProjectError, SurroundingsError: as :func:`planned`.
    """
    fresh = dataclasses.replace(prepared.options, refresh=True)
    prepared = dataclasses.replace(prepared, options=fresh)
    found = _resolve(prepared, store, watcher, None)
    parts, architecture = prepared.parts, prepared.architecture
    workshop = Workshop(store, fresh, parts, architecture, watcher, found, _mtime())
    resolved = _resolve_python(prepared, store, workshop, None)
    sysroot: tuple[Package, ...] = ()
    if resolved is not None:
        if not resolved.wheels and architecture == host_architecture():
            sysroot = found.compiled_against(parts.build_packages())
        resolved = workshop.python.pin_builds(resolved, parts.build_packages())
    return lock.Pinned(inputs_of(prepared), found.resolution, resolved, sysroot)


def inputs_of(prepared: Prepared) -> dict[str, str]:
    """Return what decides the resolution of a project for its platform."""
    return lock.inputs(prepared.parts, prepared.parts.base, prepared.architecture)


def _pinned(prepared: Prepared) -> lock.Pinned | None:
    """Return what the project's lock pins, None without one."""
    found = lock.read(prepared.options.folder)
    if found is None:
        return None
    if prepared.options.refresh:
        raise UsageError(
            Problem(
                f"cannot resolve anew: {lock.FILE} pins all packages",
                "refresh-under-lock",
                remedy="'rockery lock' resolves anew and writes it",
            )
        )
    return lock.check(found, prepared.platform, inputs_of(prepared))


def planned(
    prepared: Prepared, store: Store, watcher: Watcher, writer: Writer | None = None
) -> tuple[Plan, Workshop]:
    """Resolve what isn't resolved, then plan; of the disk only the store is written.

    A ``writer`` of the bill of materials is started as soon as it may be needed.
    """
    mtime = _mtime()
    pinned = _pinned(prepared)
    found = _resolve(prepared, store, watcher, pinned)
    options, parts, architecture = prepared.options, prepared.parts, prepared.architecture
    workshop = Workshop(store, options, parts, architecture, watcher, found, mtime, writer)
    resolved = _resolve_python(prepared, store, workshop, pinned, writer)
    resolutions = Resolutions(found.resolution, resolved)

    def planned_as(version: str) -> Plan:
        return plan(
            prepared.parts,
            prepared.data,
            version=version,
            platform=prepared.platform,
            architecture=prepared.architecture,
            resolutions=resolutions,
            binaries=prepared.options.binaries,
            store=store,
            mtime=mtime,
            previous=recall(store, prepared.options.folder, prepared.platform),
            compression=prepared.options.compression,
        )

    if prepared.version is not None:
        return planned_as(prepared.version), workshop
    return planned_as(_adopted(planned_as("0"), prepared, workshop)), workshop


def _adopted(plan: Plan, prepared: Prepared, workshop: Workshop) -> str:
    """Return the version that the part named by ``adopt-info`` sets."""
    name = prepared.parts.version_part() or ""
    version = workshop.version(plan, name)
    if version:
        return version
    raise ProjectError(
        Problem(
            f"cannot name the rock: part {name!r} sets no version",
            "missing-version",
            prepared.parts.where("adopt-info"),
            "have its script run 'craftctl set version=…', or add 'version:'",
        )
    )


def _mtime() -> int:
    """Return ``SOURCE_DATE_EPOCH``, else 0: seconds since the epoch for everything in a rock.

    Raises:
        UsageError: the variable is no number, or one that no date is.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH") or "0"
    if given.isascii() and given.isdecimal() and int(given) <= _LAST_SECOND:
        return int(given)
    raise UsageError(
        Problem(
            f'cannot use SOURCE_DATE_EPOCH="{given}": it is no number of seconds since 1970',
            "source-date-epoch",
            remedy="date +%s prints one; without the variable it is 0",
        )
    )


def _resolve(
    prepared: Prepared, store: Store, watcher: Watcher, pinned: lock.Pinned | None
) -> Packages:
    options, parts = prepared.options, prepared.parts
    if pinned is not None:
        apt = Apt(store, parts.base, prepared.architecture, options.mirrors)
        architecture = prepared.architecture
        return Packages(
            *(apt, pinned.distribution, store, architecture, options, watcher), pinned.sysroot
        )
    try:
        return resolve(
            store,
            parts.base,
            prepared.architecture,
            parts.words,
            options,
            watcher,
            bare=prepared.bare,
        )
    except UnknownPackageError as error:
        raise ProjectError(
            *(
                dataclasses.replace(problem, where=_staged(prepared, name))
                for problem, name in zip(error.problems, error.names, strict=True)
            )
        ) from error


def _resolve_python(
    prepared: Prepared,
    store: Store,
    workshop: Workshop,
    pinned: lock.Pinned | None,
    writer: Writer | None = None,
) -> python.PythonResolution | None:
    request = prepared.parts.python_request
    if not request:
        return None
    key = _python_key(prepared)
    resolved = pinned.python if pinned is not None else None
    if resolved is None and not prepared.options.refresh:
        resolved = python.stored(store, key)
    if resolved is None:
        if writer is not None:
            writer.start()  # other packages are another bill
        with store.lock(f"python-{key}"):
            # Another pack may have found it out while we waited.
            resolved = None if prepared.options.refresh else python.stored(store, key)
            resolved = resolved or workshop.python.resolve(request, key)
    _check_required(prepared, resolved)
    for note in remains.of_another_server(prepared, resolved):
        workshop.watcher.note(note)
    return resolved


def check_stored(prepared: Prepared, store: Store) -> tuple[Problem, ...]:
    """Check what only a resolution can tell, where one is stored; nothing is resolved.

    Returns notes of what a server that isn't declared has left behind.

    Raises:
        ProjectError: the resolved packages lack what an extension needs.
    """
    if not prepared.parts.python_request:
        return ()
    resolved = python.stored(store, _python_key(prepared))
    if resolved is None:
        return ()
    _check_required(prepared, resolved)
    return tuple(remains.of_another_server(prepared, resolved))


def _python_key(prepared: Prepared) -> str:
    base = prepared.parts.base
    identity = {
        "base": base.name,
        "architecture": prepared.architecture,
        "python": base.python,
    }
    return python.identity(prepared.parts.python_request, identity)


def _staged(prepared: Prepared, name: str) -> Location | None:
    """Return where a part stages the package ``name``."""
    for part_name, part in prepared.parts.rock.parts.items():
        for key, words in (
            ("stage-packages", part.stage_packages),
            ("stage-slices", part.stage_slices),
        ):
            for word in words:
                if re.split("[:=/_]", word)[0] == name:
                    return prepared.parts.where("parts", part_name, key, word)
    return None


def _check_required(prepared: Prepared, resolved: python.PythonResolution) -> None:
    """Raise where the resolved packages lack what an extension needs."""
    problems = []
    for definition in prepared.definitions:
        wanted = definition.requires.one_of
        if wanted and not set(wanted) & set(resolved.names):
            problems.append(
                Problem(
                    f"cannot serve the project with {definition.name}: nothing that is installed "
                    f"brings {' or '.join(wanted)}",
                    "missing-requirement",
                    prepared.parts.python_request.where,
                    f"add '{wanted[0]}' to the requirements",
                )
            )
    if problems:
        raise ProjectError(*problems)


def image(prepared: Prepared, store: Store, jobs: Jobs, writer: Writer | None = None) -> Packed:
    """Resolve and plan, make the layers that are missing, and verify the application.

    A ``writer`` of the bill of materials may be at work already; it is closed.

    Raises:
        ProjectError: there is no such package, two parts ship different files at one path, a
            program that a service names isn't in the rock, or the application can't be imported.
        SurroundingsError: the network, the disk or a tool is at fault.
    """
    with contextlib.closing(writer or Writer()) as writer:
        plan, workshop = planned(prepared, store, jobs, writer)
        return _packed(plan, prepared, workshop, store, jobs)


def _packed(plan: Plan, prepared: Prepared, workshop: Workshop, store: Store, jobs: Jobs) -> Packed:
    configuration = settings(plan.rock, plan.version, plan.architecture)
    options = prepared.options
    subject = verification.Subject(
        prepared.data.get("services", {}),
        options.environment,
        options.folder,
        prepared.parts.where,
        prepared.parts.base.python,
        workshop.watcher,
    )

    def verify(layers: Sequence[Layer]) -> None:
        if options.verify:
            verification.verify(layers, configuration, subject, store)

    layers = workshop.build(plan, jobs, verify)
    made = assemble(layers, configuration, plan.mtime)
    remember(store, options.folder, plan)
    request = prepared.parts.python_request
    resolutions = [workshop.packages.key] if workshop.packages.key else []
    if resolutions and request:
        resolutions.append(_python_key(prepared))
    read = Read(tuple(request.digests), tuple(resolutions))
    return Packed(made, plan, workshop.ground, read)
