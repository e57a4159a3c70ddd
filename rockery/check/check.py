"""What is wrong with a project, as far as its files and the store tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rockery.data import VARIABLE
from rockery.errors import Problem, ProjectError
from rockery.extension.definition import names
from rockery.extension.expansion import Attempt, Expansion, Finding, attempt, wrong
from rockery.project import Project, load, rules


@dataclass(frozen=True)
class Report:
    """All that was found: ``problems`` stop a pack, ``notes`` don't.

    ``findings`` are what detection went by, for each extension that the project declares.
    """

    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    project: Project | None = None
    expansion: Expansion | None = None


@dataclass(frozen=True)
class Verdict:
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
    if expansion is not None and not problems:
        problems += _stored(project, tried, base, build_base)
    return Report(tuple(problems), tried.notes, tried.findings, project, expansion)


def verdicts(project: Project) -> Iterator[Verdict]:
    """Try each extension on the project, those it doesn't declare too."""
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
) -> tuple[Problem, ...]:
    """Return what a stored resolution says, where only a resolution can tell."""
    if not any(note.code == "indirect-requirement" for note in tried.notes):
        return ()
    from rockery.pack import Options, check_stored, prepare
    from rockery.store import Store, default_root

    try:
        wanted = Options(project.folder, base=base, build_base=build_base)
        check_stored(prepare(wanted), Store(default_root()))
    except ProjectError as error:
        return error.problems
    return ()
