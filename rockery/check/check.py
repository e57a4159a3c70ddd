"""What is wrong with a project, as far as its files and the store tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rockery.data import VARIABLE
from rockery.errors import Problem, ProjectError, SurroundingsError
from rockery.extension.definition import absent, names
from rockery.extension.expansion import Attempt, Expansion, Finding, attempt, wrong
from rockery.project import Project, load, rules
from rockery.record import Record, field


class Report(Record):
    """All that was found: ``problems`` stop a pack, ``notes`` don't.

    ``findings`` are what detection went by, for each extension that the project declares.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    project: Project | None = None
    expansion: Expansion | None = None


class Verdict(Record):
    """Whether an extension fits a project; ``reason`` is the first thing against it, or for."""

    extension: str
    fits: bool
    reason: str


def check(folder: Path, *, base: str | None = None, build_base: str | None = None) -> Report:
    """Check the project in ``folder``; ``base`` and ``build_base`` override the file's."""
    try:
        project = load(folder, base=base, build_base=build_base)
    except ProjectError as error:
        return Report(error.problems)
    tried = attempt(project)
    problems = wrong(project, tried)
    expansion = tried.expansion
    if expansion is not None and not problems:
        problems += rules.problems(expansion.data, expansion.where)
        problems += _missing_sources(expansion, folder)
    notes = tried.notes
    if expansion is not None and not problems:
        found, more = _stored(project, tried, base, build_base)
        problems += found
        notes += more
    return Report(tuple(problems), notes, tried.findings, project, expansion)


def verdicts(project: Project) -> Iterator[Verdict]:
    """Try each extension on the project, those it doesn't declare too."""
    from dataclasses import replace

    for name in names(project.folder):
        tried = attempt(replace(project, data={**project.data, "extensions": [name]}))
        told = {finding.topic: finding.text for finding in tried.findings.get(name, ())}
        reason = tried.problems[0].message if tried.problems else told.get("application", "")
        yield Verdict(name, not tried.problems, reason)


def _missing_sources(expansion: Expansion, folder: Path) -> Iterator[Problem]:
    parts = expansion.data.get("parts") or {}
    for name, part in parts.items():
        source = part.get("source")
        if not isinstance(source, str) or source.startswith((VARIABLE, "git@")) or "://" in source:
            continue
        if part.get("source-type", "local") == "local" and not (folder / source).is_dir():
            yield Problem(
                f"cannot find the source of part {name!r}: there is no folder {source}",
                "missing-source",
                expansion.where("parts", name, "source"),
                "correct the path; it is relative to the project's folder",
            )


def _stored(
    project: Project, tried: Attempt, base: str | None, build_base: str | None
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Return the problems and notes of a stored resolution, where only a resolution can tell."""
    if not (
        any(note.code == "indirect-requirement" for note in tried.notes)
        or _has_left(project, tried)
    ):
        return (), ()
    from rockery.pack import Options, check_stored, prepare
    from rockery.store import Store, default_root

    try:
        wanted = Options(project.folder, base=base, build_base=build_base)
        stored = check_stored(prepare(wanted), Store(default_root()))
        return (), stored or tuple(_asked_for(project, tried))
    except ProjectError as error:
        return error.problems, ()
    except SurroundingsError:  # without a store nothing is stored
        return (), tuple(_asked_for(project, tried))


def _has_left(project: Project, tried: Attempt) -> bool:
    """Tell whether there are signs of a server that the project no longer declares.

    A requirement that is named after it, or a file that belongs to it. Without a sign nothing
    is looked up in the store, which would take longer than all else; a pack always does.
    """
    assert tried.expansion is not None
    wanted = {each.name or "" for each in tried.requirements.wanted}
    for definition in absent(tried.expansion.definitions, project.folder):
        own, service = definition.own, str(definition.service)
        if any(name in own.distributions or name.startswith(f"{service}-") for name in wanted):
            return True
        if any((project.folder / f).exists() for f in (*own.requirements, f"custom_{service}.py")):
            return True
    return False


def _asked_for(project: Project, tried: Attempt) -> Iterator[Problem]:
    """Give a note for what the project itself asks for of a server that it doesn't declare."""
    assert tried.expansion is not None
    for definition in absent(tried.expansion.definitions, project.folder):
        for name in definition.own.distributions:
            if found := tried.requirements.asks_for(name):
                yield Problem(
                    f"{name} is asked for, and {definition.name} is not declared",
                    "left-behind",
                    found.where,
                    f"remove {name} from the requirements, or leave it if the app needs it",
                )
