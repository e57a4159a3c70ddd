"""The commands: each takes the parsed options, prints its result and returns the status."""

from __future__ import annotations

import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rockery.cli.screen import Screen
from rockery.errors import Problem, ProjectError, UsageError

if TYPE_CHECKING:
    from rockery.pack import Options

NAMES = (
    "init",
    "list-extensions",
    "check",
    "expand-extensions",
    "plan",
    "pack",
    "inspect",
    "clean",
)


def init(options: Namespace, screen: Screen) -> int:
    """Write a ``rockcraft.yaml``."""
    from rockery import extension

    profile = options.profile
    if profile is None:
        names = extension.names()
        raise UsageError(
            Problem(
                "cannot write rockcraft.yaml without a profile",
                "missing-profile",
                remedy=f"add --profile, one of {', '.join(names)}",
            )
        )
    path = extension.initialise(options.folder, profile, options.name)
    screen.say(f"wrote {path}; next: '{options.program} pack'")
    return 0


def list_extensions(options: Namespace, screen: Screen) -> int:
    """List the extensions, with their bases."""
    from rockery import extension

    for name in extension.names():
        definition = extension.load_definition(name, options.folder)
        print(f"{name}: {definition.summary}")
    return 0


def check(options: Namespace, screen: Screen) -> int:
    """Say what is wrong with the project."""
    from rockery.pack import Options, prepare

    status = 0
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    try:
        prepared = prepare(
            Options(options.folder, base=options.base, build_base=options.build_base)
        )
        notes = prepared.notes
    except ProjectError as error:
        status, problems = error.exit_status, error.problems
    if options.json:
        findings = [_finding(p, "error") for p in problems] + [_finding(p, "note") for p in notes]
        _print_json({"schema_version": 1, "findings": findings})
        return status
    screen.problems(problems)
    for note in notes:
        screen.note(note)
    if not status:
        screen.say("nothing is wrong")
    return status


def expand_extensions(options: Namespace, screen: Screen) -> int:
    """Print the file with its extensions expanded."""
    from rockery import extension, project

    read = project.load(options.folder, base=options.base, build_base=options.build_base)
    expansion = extension.expand(read)
    for note in expansion.notes:
        screen.note(note)
    sys.stdout.write(extension.dump_yaml(expansion.data))
    return 0


def plan(options: Namespace, screen: Screen) -> int:
    """Print the plan."""
    from rockery.pack import planned, prepare
    from rockery.store import Store, default_root

    prepared = prepare(_options(options))
    made, _ = planned(prepared, Store(default_root()), screen)
    if options.json:
        _print_json(made.document())
        return 0
    rows = [
        (layer.title, "reuse" if layer.cached else "make", layer.reason) for layer in made.layers
    ]
    _print_table(("layer", "action", "reason"), rows)
    return 0


def pack(options: Namespace, screen: Screen) -> int:
    """Make the rock; print the path of the archive."""
    from rockery.pack import image, planned, prepare
    from rockery.publish import archive
    from rockery.store import Store, default_root

    prepared = prepare(_options(options))
    for note in prepared.notes:
        screen.note(note)
    store = Store(default_root())
    made, workshop = planned(prepared, store, screen)
    packed = image(made, prepared, workshop, store)
    for note in prepared.parts.notes:
        screen.note(note)
    name = f"{made.rock.name}_{made.version}_{made.platform}.rock"
    path = (options.output or Path()) / name
    screen.step(f"writing {name}")
    archive.write(packed.image, path)
    screen.done(f"writing {name}", f"{path.stat().st_size / 1e6:.1f} MB")
    reference = None
    if options.load:
        from rockery.publish import engine

        screen.step("loading")
        reference = engine.load(engine.connect(), packed.image)
        screen.done("loading", f"docker run -p 8000:8000 -p 9102:9102 {reference}")
    if options.json:
        _print_json(
            {
                **made.document(),
                "rock": str(path),
                "digest": packed.image.digest,
                "image_id": packed.image.id,
                "loaded": reference,
            }
        )
    else:
        print(path)
    return 0


def inspect(options: Namespace, screen: Screen) -> int:
    """Show a rock's layers, services and packages."""
    from rockery.image.report import report

    found = report(options.rock)
    if options.json:
        _print_json(found.document())
        return 0
    for line in found.lines():
        print(line)
    return 0


def clean(options: Namespace, screen: Screen) -> int:
    """Forget what is stored of this project, or all of the store."""
    from rockery.store import Store, default_root

    store = Store(default_root())
    if options.all:
        if options.program == "rockcraft":
            raise UsageError(
                Problem(
                    "cannot empty the store under the name rockcraft",
                    "shared-store",
                    remedy="use 'rockery clean --all'",
                )
            )
        shutil.rmtree(store.root, ignore_errors=True)
        screen.say(f"emptied {store.root}")
        return 0
    from rockery.pack.memory import forget

    count = forget(store, options.folder)
    screen.say(f"removed {count} layers of this project from {store.root}")
    return 0


def _options(options: Namespace) -> Options:
    from rockery.component import Binaries
    from rockery.pack import Options
    from rockery.resolution.apt import Mirrors

    return Options(
        options.folder,
        base=options.base,
        build_base=options.build_base,
        platform=options.platform,
        mirrors=Mirrors.from_words(_pairs(options.mirror, "--mirror", "ARCHIVE=URL")),
        binaries=Binaries(
            {
                name: Path(path)
                for name, _, path in (
                    word.partition("=")
                    for word in _pairs(options.component, "--component", "NAME=PATH")
                )
            }
        ),
        environment=_environment(getattr(options, "env_file", None)),
        refresh=options.refresh,
        offline=options.offline,
        verify=not getattr(options, "no_verify", False),
    )


def _pairs(words: list[str], option: str, form: str) -> list[str]:
    for word in words:
        name, sign, value = word.partition("=")
        if not (name and sign and value):
            raise UsageError(
                Problem(f"cannot use {option} {word!r}: it is not of the form {form}", "bad-option")
            )
    return words


def _environment(path: Path | None) -> dict[str, str]:
    """Read ``NAME=value`` lines, as ``docker run --env-file`` does."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(Problem(f"cannot read {path}: {error}", "unreadable-file")) from error
    lines = [line.strip() for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name.strip(): value for name, sign, value in pairs if sign}


def _finding(problem: Problem, grade: str) -> dict[str, Any]:
    where = problem.where
    return {
        "level": grade,
        "code": problem.code,
        "message": problem.message,
        "file": where.file if where else None,
        "line": where.line if where else None,
        "column": where.column if where else None,
        "remedy": problem.remedy,
        "details": list(problem.details),
    }


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    for row in [head, *rows]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
