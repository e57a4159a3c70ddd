"""The findings of a check in the formats that tools read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rockery import __version__
from rockery.errors import Problem

if TYPE_CHECKING:
    from rockery.check import Report, Verdict

FORMATS = ("text", "json", "sarif", "github")

#: Codes of what stops nothing and may go wrong in the rock all the same.
WARNINGS = frozenset(
    {
        *("shipped-secret", "wants-settings", "not-isolated", "no-compiler", "alternatives"),
        *("unused-group", "other-python", "suggested-package", "unresolved-entrypoint"),
    }
)

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def grade(note: Problem) -> str:
    """Tell a warning from a note."""
    return "warning" if note.code in WARNINGS else "note"


def levels(report: Report) -> Iterator[tuple[str, Problem]]:
    """Give each finding with its level: ``error``, ``warning`` or ``note``."""
    for problem in report.problems:
        yield "error", problem
    for note in report.notes:
        yield grade(note), note


def document(report: Report, verdicts: list[Verdict] | None = None) -> dict[str, Any]:
    """Return the report as JSON data; ``verdicts`` add what detection went by."""
    found: dict[str, Any] = {
        "schema_version": 1,
        "findings": [_finding(level, problem) for level, problem in levels(report)],
    }
    if verdicts is not None:
        found["evidence"] = [
            {
                "extension": extension,
                "topic": finding.topic,
                "text": finding.text,
                **_place(finding.where),
            }
            for extension, findings in report.findings.items()
            for finding in findings
        ]
        found["extensions"] = [
            {"name": each.extension, "fits": each.fits, "reason": each.reason} for each in verdicts
        ]
    return found


def sarif(report: Report, folder: Path) -> dict[str, Any]:
    """Return the report as a SARIF 2.1.0 log; its paths count from the current folder."""
    from rockery.check import explanations

    told = explanations()
    findings = list(levels(report))
    codes = sorted({problem.code for _, problem in findings})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": told.get(code, code).split(". ")[0].replace("\n", " ")},
            "help": {"text": told.get(code, code)},
        }
        for code in codes
    ]
    results = [
        {
            "ruleId": problem.code,
            "ruleIndex": codes.index(problem.code),
            "level": level,
            "message": {"text": _message(problem)},
            "locations": [_location(problem, folder)],
        }
        for level, problem in findings
    ]
    driver = {"name": "rockery", "version": __version__, "rules": rules}
    return {
        "$schema": _SARIF,
        "version": "2.1.0",
        "runs": [
            {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
        ],
    }


def github(report: Report, folder: Path) -> Iterator[str]:
    """Give the workflow commands that annotate the report's files."""
    for level, problem in levels(report):
        yield annotation("notice" if level == "note" else level, problem, folder)


def annotation(level: str, problem: Problem, folder: Path) -> str:
    """Return GitHub's workflow command for one problem: its paths count from the checkout."""
    where = problem.where
    fields = {"title": problem.code}
    if where is not None:
        fields["file"] = os.path.normpath(folder / where.file)
        fields |= {"line": str(where.line)} if where.line else {}
        fields |= {"col": str(where.column)} if where.column else {}
    listed = ",".join(f"{name}={_escaped(text, ':,')}" for name, text in fields.items())
    text = problem.message + (f"; {problem.remedy}" if problem.remedy else "")
    return f"::{level} {listed}::{_escaped(text)}"


def _finding(level: str, problem: Problem) -> dict[str, Any]:
    return {
        "level": level,
        "code": problem.code,
        "message": problem.message,
        **_place(problem.where),
        "remedy": problem.remedy,
        "details": list(problem.details),
    }


def _place(where: Any) -> dict[str, Any]:
    return {
        "file": where.file if where else None,
        "line": where.line if where else None,
        "column": where.column if where else None,
    }


def _message(problem: Problem) -> str:
    lines = [problem.message, *problem.details]
    return "\n".join([*lines, problem.remedy] if problem.remedy else lines)


def _location(problem: Problem, folder: Path) -> dict[str, Any]:
    # Viewers show nothing that has no place: what is about no file is about this one.
    where = problem.where
    file = os.path.normpath(folder / (where.file if where else "rockcraft.yaml"))
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(file.encode("utf-8", "surrogateescape"))}
    }
    if where is not None and where.line:
        region = {"startLine": where.line}
        physical["region"] = region | ({"startColumn": where.column} if where.column else {})
    return {"physicalLocation": physical}


def _escaped(text: str, separators: str = "") -> str:
    """Escape what ends a command of GitHub's, or a field of it."""
    for character in "%\r\n" + separators:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
