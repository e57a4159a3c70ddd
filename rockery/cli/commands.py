"""The commands: each takes the parsed options, prints its result and returns the status."""

from __future__ import annotations

import argparse
import contextlib
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from rockery import __version__
from rockery.cli import findings, result, rockcraft, wishes
from rockery.cli.exporting import export as export
from rockery.cli.inspecting import inspect as inspect
from rockery.cli.running import run as run
from rockery.cli.screen import Screen
from rockery.errors import Problem, ProjectError, SurroundingsError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from rockery.check import Report, Verdict
    from rockery.extension import Expansion
    from rockery.pack import Outcome, Prepared
    from rockery.store import Store

NAMES = (
    "init",
    "list-extensions",
    "check",
    "explain",
    "expand-extensions",
    "plan",
    "lock",
    "pack",
    "run",
    "inspect",
    "clean",
    "migrate",
    "export",
    "completion",
)


def init(options: Namespace, screen: Screen) -> int:
    """Write a ``rockcraft.yaml``."""
    from rockery import extension
    from rockery.resolution import trial

    def without_wheels(requirements: tuple[str, ...], python: str) -> frozenset[str] | None:
        return trial.without_wheels(options.folder, requirements, python)

    path = extension.initialise(
        options.folder,
        options.profile,
        options.name,
        trial=None if options.offline else without_wheels,
    )
    screen.say(f"wrote {path}; next: '{options.program} pack'")
    return 0


def list_extensions(options: Namespace, screen: Screen) -> int:
    """List the extensions, the project's own among them."""
    from rockery import extension

    rows = []
    for name in extension.names(options.folder):
        definition = extension.load_definition(name, options.folder)
        rows.append((name, ", ".join(definition.bases or ("any base",)), definition.summary))
    result.table(("extension", "bases", "what it is for"), rows)
    return 0


def check(options: Namespace, screen: Screen) -> int:
    """Say what is wrong with the project: what its files tell, and a stored resolution."""
    from rockery.check import check as checked
    from rockery.check import verdicts

    wishes.check_bases(options)
    report = checked(options.folder, base=options.base, build_base=options.build_base)
    tried = list(verdicts(report.project)) if screen.verbose and report.project else []
    form = "json" if options.json else options.format
    if form == "json":
        result.document(findings.document(report, tried if screen.verbose else None))
    elif form == "sarif":
        result.document(findings.sarif(report, options.folder))
    elif form == "github":
        for line in findings.github(report, options.folder):
            result.text(line)
    else:
        _tell(report, tried, screen)
        if options.files and report.expansion:
            _list_files(options.folder, report.expansion)
    return ProjectError.exit_status if report.problems else 0


def _tell(report: Report, tried: list[Verdict], screen: Screen) -> None:
    """Tell of a check to a person."""
    for extension, found in report.findings.items():
        for finding in found:
            place = f" ({finding.where})" if finding.where else ""
            screen.detail(f"{extension}: {finding.topic}: {finding.text}{place}")
    for verdict in tried:
        screen.detail(
            f"{verdict.extension}: {'pass' if verdict.fits else 'fail'}: {verdict.reason}"
        )
    for note in report.notes:
        screen.note(note)
    screen.problems(report.problems)
    if not report.problems:
        screen.say("nothing is wrong")


def _list_files(folder: Path, expansion: Expansion) -> None:
    """Print what ships, and what is worth a look."""
    from rockery.check.files import listings

    for listing in listings(folder, expansion):
        result.text(f"into /{listing.app}: {result.size(listing.size)}")
        rows = [(each.path, str(each.files), result.size(each.size)) for each in listing.shipped]
        result.table(("ships", "files", "size"), rows)
        if listing.remarks:
            result.text("")
            result.table(
                ("look at", "size", "ships", "why"),
                [
                    (each.path, result.size(each.size), "yes" if each.ships else "no", each.reason)
                    for each in listing.remarks
                ],
            )


def explain(options: Namespace, screen: Screen) -> int:
    """Print what there is to say of a finding's code, or all codes."""
    from rockery.check import explanations
    from rockery.project import wording

    told = explanations()
    if options.code is None:
        result.table(
            ("code", "what it is"),
            [(code, said.replace("\n", " ").split(". ")[0]) for code, said in told.items()],
        )
    elif options.code in told:
        result.text(told[options.code])
    else:
        raise UsageError(
            Problem(
                f"cannot explain {options.code!r}: there is no such code"
                f"{wording.nearest(options.code, told)}",
                "unknown-code",
                remedy="'rockery explain' lists them",
            )
        )
    return 0


def expand_extensions(options: Namespace, screen: Screen) -> int:
    """Print the file with its extensions expanded."""
    from rockery import extension, project

    wishes.check_bases(options)
    read = project.load(options.folder, base=options.base, build_base=options.build_base)
    expansion = extension.expand(read)
    data = expansion.data
    if options.portable:
        from rockery.extension.portable import portable

        data = portable(data, expansion.where)
    for note in expansion.notes:
        screen.note(note)
    result.raw(extension.dump_yaml(data))
    return 0


def plan(options: Namespace, screen: Screen) -> int:
    """Print the plan."""
    from rockery.pack import planned, prepare_all
    from rockery.store import Store, default_root

    store = Store(default_root())
    with store.use():
        prepared = prepare_all(wishes.packing(options))
        plans = [planned(one, store, screen)[0] for one in prepared]
    if options.json:
        result.documents([made.document() for made in plans], "plans")
        return 0
    for made in plans:
        if len(plans) > 1:
            result.text(f"for {made.platform}:")
        rows = [
            (layer.title, "reuse" if layer.cached else "make", layer.reason)
            for layer in made.layers
        ]
        result.table(("layer", "action", "reason"), rows)
    return 0


def lock(options: Namespace, screen: Screen) -> int:
    """Resolve all packages and write them down, or say whether that is still good."""
    from rockery.pack import inputs_of, pin, prepare_all
    from rockery.pack import lock as locking
    from rockery.publish.replacement import replacement
    from rockery.store import Store, default_root

    every = prepare_all(wishes.packing(options))
    path = options.folder / locking.FILE
    known = locking.read(options.folder) if options.check or options.platform else None
    if options.check:
        if known is None:
            raise ProjectError(
                Problem(f"there is no {locking.FILE}", "lock-missing", remedy="run 'rockery lock'")
            )
        for one in every:
            locking.check(known, one.platform, inputs_of(one))
        screen.say(f"{locking.FILE} is up to date")
        return 0
    store = Store(default_root())
    kept = dict(known.platforms) if known else {}
    made = locking.Lock({**kept, **{one.platform: pin(one, store, screen) for one in every}})
    with replacement(path) as stream:
        stream.write(made.dump().encode())
    result.path(path)
    return 0


def pack(options: Namespace, screen: Screen) -> int:
    """Make the rock of each platform; print the paths of the archives."""
    from rockery.cli import packing
    from rockery.pack import host_architecture
    from rockery.store import Store, default_root, tidying

    folder = wishes.output(options)
    store = Store(default_root())
    documents = []
    making = packing.rocks(options, screen, store)
    with store.use(), contextlib.closing(making):
        for outcome in making:
            # Of several the engine gets the one that runs here: all have one name.
            own = outcome.image.settings.architecture == host_architecture()
            loads = options.load and (outcome.alone or own)
            documents.append(_publish(outcome, folder, store, screen, options, loads=loads))
    tidying.collect_by_itself(store)
    if options.json:
        result.documents(documents, "rocks")
    return 0


def _publish(
    packed: Outcome,
    folder: Path,
    store: Store,
    screen: Screen,
    options: Namespace,
    *,
    loads: bool,
) -> dict[str, Any]:
    """Write the rock of one platform; print its path, and return what --json tells of it."""
    from rockery.cli import packing

    loading = None
    if loads:
        from rockery.publish.engine import Loading

        loading = Loading(packed.image)  # the engine works while the archive is written
    packed, path, bills = packing.published(packed, options, folder, screen, store)
    reference = failed = None
    if loading is not None:
        screen.step("loading", loading.amount)
        try:
            reference = loading.reference(packed.image)
            screen.done("loading", f"docker run -p 8000:8000 -p 9102:9102 {reference}")
        except SurroundingsError as error:
            failed = error
    document = {
        **packed.document,
        "rock": str(path),
        "sbom": [str(one) for one in bills],
        "digest": packed.image.digest,
        "image_id": packed.image.id,
        "loaded": reference,
    }
    if not options.json:
        result.path(path)
    if failed is not None:
        if options.json:
            result.document(document)
        screen.say(f"{path} is written all the same")
        raise failed
    return document


def step(options: Namespace, screen: Screen) -> int:
    """Do what a step of rockcraft's would leave in the store; print nothing."""
    from rockery.store import Store, default_root

    store = Store(default_root())
    with store.use():
        if options.step == "pull":
            from rockery.pack import planned

            planned(_prepared(options, screen), store, screen)
        else:
            from rockery.cli import packing

            packing.packed(options, screen, store)
    screen.say(f"done; '{options.program} pack' makes the rock")
    return 0


def clean(options: Namespace, screen: Screen) -> int:
    """Forget what is stored of this project, or tidy all of the store."""
    from rockery.store import Store, default_root

    store = Store(default_root())
    limits = (options.older_than, options.max_size)
    if options.all or options.check or any(limit is not None for limit in limits):
        return _tidy(options, screen, store)
    for sentence in rockcraft.without_effect(options):
        screen.detail(sentence)
    from rockery.pack.memory import forget

    with store.use():
        count, size = forget(store, options.folder)
    screen.say(
        f"removed {count} layers of this project from {store.root}: {result.size(size)} freed"
    )
    return 0


def _tidy(options: Namespace, screen: Screen, store: Store) -> int:
    """Do to the whole store what ``clean`` was asked for."""
    from rockery.store import tidying

    if options.program == "rockcraft":
        raise UsageError(
            Problem(
                "cannot empty the store under the name rockcraft",
                "shared-store",
                remedy="use 'rockery clean --all', or another of its options",
            )
        )
    if options.all:
        freed = tidying.emptied(store)
        screen.say(f"emptied {store.root}: {result.size(freed.size)} freed")
        return 0
    if options.check:
        read, removed = tidying.verify(store)
        for name in removed:
            screen.say(f"removed {name}: the disk has damaged it, or it can't be checked")
        screen.say(f"read {read} things in {store.root}, removed {len(removed)}")
    if options.older_than is not None or options.max_size is not None:
        freed = tidying.collect(store, older_than=options.older_than, max_size=options.max_size)
        screen.say(
            f"removed {freed.things} things from {store.root}: {result.size(freed.size)} freed, "
            f"{result.size(freed.left)} left"
        )
    return 0


def migrate(options: Namespace, screen: Screen) -> int:
    """Say what of Flask stands between the project and FastAPI."""
    from rockery import migrate as migration

    modules: tuple[migration.Written, ...] = ()
    if options.write:
        found, modules = migration.convert(options.folder)
    else:
        found = migration.survey(options.folder)
    for problem in found.unread:
        screen.note(problem)
    if options.write:
        for module in modules:
            if migration.write(options.folder, module):
                result.text(module.path)
                screen.say(
                    f"wrote {module.path} from {module.source}; {module.marked} places to look at "
                    "are marked: TODO(rockery migrate)"
                )
            else:
                screen.say(f"left {module.path} as it is: it is there already")
    elif options.json:
        result.document(migration.document(found))
    elif options.markdown:
        for line in migration.checklist(found):
            result.text(line)
    elif found.uses:
        result.table(
            ("place", "kind", "use", "instead"),
            [(f"{use.file}:{use.line}", use.kind, use.name, use.instead) for use in found.uses],
        )
        result.text("")
        counted = found.counts.items()
        result.table(("kind", "uses"), [(kind, str(count)) for kind, count in counted])
    screen.say(migration.summary(found))
    return 0


def tell(options: Namespace, screen: Screen) -> int:
    """Print the help of a command, or of all."""
    topics: dict[str, argparse.ArgumentParser] = options.topics
    if options.topic is None:
        result.raw(options.parser.format_help())
    elif options.topic in topics:
        result.raw(topics[options.topic].format_help())
    else:
        raise UsageError(
            Problem(
                f"cannot tell of {options.topic!r}: there is no such command",
                "unknown-command",
                remedy=f"there are {', '.join(NAMES)}",
            )
        )
    return 0


def version(options: Namespace, screen: Screen) -> int:
    """Print the version."""
    result.text(f"{options.program} {__version__}")
    return 0


def refused(options: Namespace, screen: Screen) -> int:
    """Say why there is no such command."""
    raise rockcraft.refusal(options.refused)


def _prepared(options: Namespace, screen: Screen) -> Prepared:
    """Prepare a pack as the command line asks for it, and tell the notes."""
    from rockery.pack import prepare

    for sentence in rockcraft.without_effect(options):
        screen.detail(sentence)
    prepared = prepare(wishes.packing(options))
    rockcraft.check_parts(options.parts, prepared.parts.rock.parts)
    for note in prepared.notes:
        screen.note(note)
    return prepared


def completion(options: Namespace, screen: Screen) -> int:
    """Print the script by which a shell completes the command line."""
    from rockery.cli.completion import script

    result.raw(script(options.shell, options.program))
    return 0
