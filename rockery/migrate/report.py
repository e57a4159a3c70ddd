"""A survey as a document, a checklist, and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from rockery.migrate.counterpart import KINDS
from rockery.migrate.survey import Survey


def document(survey: Survey) -> dict[str, Any]:
    """Return the survey as JSON data."""
    return {
        "schema_version": 1,
        "uses": [
            {
                "file": use.file,
                "line": use.line,
                "kind": use.kind,
                "name": use.name,
                "instead": use.instead,
            }
            for use in survey.uses
        ],
        "counts": dict(survey.counts),
        "modules": {"all": survey.modules, "free": survey.free},
        "routes": {"flask": survey.flask, "fastapi": survey.fastapi},
        "unread": [problem.message for problem in survey.unread],
    }


def checklist(survey: Survey) -> Iterator[str]:
    """Give the lines of a checklist in Markdown, one box for each use, by kind."""
    yield "# From Flask to FastAPI"
    yield ""
    yield f"{summary(survey)[0].upper()}{summary(survey)[1:]}."
    order = list(KINDS)
    by_kind = sorted(survey.uses, key=lambda use: (order.index(use.kind), use))
    for kind, uses in groupby(by_kind, key=lambda use: use.kind):
        yield ""
        yield f"## {kind} ({survey.counts[kind]})"
        yield ""
        yield f"Instead: {KINDS[kind]}"
        yield ""
        for use in uses:
            other = f": {use.instead}" if use.instead != KINDS[kind] else ""
            yield f"- [ ] `{use.file}:{use.line}` `{use.name}`{other}"


def summary(survey: Survey) -> str:
    """Say in a sentence how far the project is."""
    if not survey.uses:
        return "nothing of Flask stands between this project and FastAPI"
    files = len({use.file for use in survey.uses})
    routes = survey.flask + survey.fastapi
    told = [
        f"{_count(len(survey.uses), 'use')} of Flask in {_count(files, 'file')}",
        f"{survey.free} of {_count(survey.modules, 'module')} free of it",
    ]
    if routes:
        told.append(f"{survey.fastapi} of {_count(routes, 'route')} FastAPI's")
    return ", ".join(told)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
