"""Every project of the corpus expands to, or is refused with, exactly what is recorded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rockery.errors import Problem, ProjectError
from rockery.extension import dump_yaml, expand
from rockery.project import load, schema

CORPUS = Path(__file__).parents[2] / "corpus"
CASES = sorted(path.parent.name for path in CORPUS.glob("*/project"))


@pytest.mark.parametrize("case", CASES)
def test_case(case: str) -> None:
    folder = CORPUS / case
    name, text = outcome(folder / "project")
    if os.environ.get("ROCKERY_RECORD"):
        for old in folder.glob("expected.*"):
            old.unlink()
        (folder / name).write_text(text)
    recorded = [path.name for path in folder.glob("expected.*")]
    assert recorded == [name], text
    assert (folder / name).read_text() == text


def outcome(project: Path) -> tuple[str, str]:
    try:
        expansion = expand(load(project))
        schema.validate(expansion.data, expansion.where)
    except ProjectError as error:
        text = "\n".join(said(problem) for problem in error.problems)
        return "expected.txt", text.replace(str(project), ".") + "\n"
    notes = "".join(f"# {line}\n" for note in expansion.notes for line in said(note).splitlines())
    return "expected.yaml", dump_yaml(expansion.data) + notes


def said(problem: Problem) -> str:
    where = f"{problem.where}: " if problem.where else ""
    lines = [f"{where}{problem.message} [{problem.code}]"]
    lines += [f"    {detail}" for detail in problem.details]
    lines += [f"    -> {problem.remedy}"] if problem.remedy else []
    return "\n".join(lines)
