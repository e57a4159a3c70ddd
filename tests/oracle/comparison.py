"""Asking the stock tool and ours for the expansion of a project, and comparing the two."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rockery.errors import ProjectError
from rockery.extension import dump_yaml, expand
from rockery.project import load, schema

CORPUS = Path(__file__).parents[1] / "corpus"
FACTS = Path(__file__).parent / "facts.yaml"
REFUSALS = Path(__file__).parent / "refusals.yaml"
CASES = sorted(path.parent.name for path in CORPUS.glob("*/project"))

#: What the tool prints after the words that matter.
_TRAILER = re.compile(r"(Recommended resolution|For more information|Full execution log|Detailed)")
_EXTENSION = re.compile(r"^(flask|fastapi)-framework[/.]")
_REFERENCE = re.compile(r"(?<![\w./-])'?([A-Za-z_][\w.]*:[A-Za-z_]\w*(?:\([^()\s]*\))?)'?(?=\s|$)")
_WORKER = re.compile(r"-k \[ (\w+)\s+\]")


@dataclass(frozen=True)
class Answer:
    """What a tool says of a project: the expansion, or the words of a refusal."""

    expansion: dict[str, Any] | None
    words: str = ""


def translated(case: str, folder: Path) -> Path:
    """Copy the project of ``case`` into ``folder``, on a base that both tools know."""
    project = folder / "project"
    shutil.copytree(CORPUS / case / "project", project, symlinks=True)
    for file in (project / "rockcraft.yaml", project / "rock/rockcraft.yaml"):
        if file.is_file():
            file.write_text(re.sub(r"debian@1[23]", "ubuntu@24.04", file.read_text()))
    return project


def theirs(command: str, project: Path) -> Answer:
    """Ask the tool that ``command`` starts; raises where it was killed before it answered."""
    run = subprocess.run(
        [*shlex.split(command), "expand-extensions"],
        cwd=project,
        env=os.environ | {"XDG_STATE_HOME": str(project.parent / "state")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if run.returncode < 0:
        raise RuntimeError(f"{command} ended by signal {-run.returncode}")
    if run.returncode == 0:
        return Answer(yaml.safe_load(run.stdout))
    lines = run.stderr.strip().splitlines()
    if lines and lines[0].startswith("Traceback"):
        return Answer(None, f"(a traceback) {lines[-1]}")
    words = []
    for line in lines:
        if _TRAILER.match(line):
            break
        words.append(line.strip())
    # Its answer to what it did not foresee is a type and the word "internal".
    said = " ".join(words).replace(f"{project}/", "")
    return Answer(None, re.sub(r"\s+", " ", said))


def version(command: str) -> str:
    """Return the name and version that the tool gives itself."""
    run = subprocess.run([*shlex.split(command), "--version"], capture_output=True, text=True)
    return run.stdout.strip()


def ours(project: Path) -> Answer:
    """Ask rockery, in this process."""
    try:
        expansion = expand(load(project))
        schema.validate(expansion.data, expansion.where)
    except ProjectError as error:
        said = "; ".join(problem.message for problem in error.problems)
        return Answer(None, said.replace(f"{project}/", "").replace(str(project), "."))
    return Answer(yaml.safe_load(dump_yaml(expansion.data)))


def differences(mine: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return where two expansions differ, one word for each place.

    ``+`` is only in ours, ``-`` only in theirs, ``~`` in both and not equal. A part or
    service that one of them lacks is one place; within one, each key is.
    """
    found: set[str] = set()
    for key in mine.keys() | other.keys():
        one, two = mine.get(key), other.get(key)
        if key in ("services", "parts", "checks") and isinstance(one or two, dict):
            one, two = one or {}, two or {}
            for name in one.keys() | two.keys():
                place = f"{key}.{_general(name)}"
                inner, outer = one.get(name), two.get(name)
                if isinstance(inner, dict) and isinstance(outer, dict):
                    for each in inner.keys() | outer.keys():
                        found.add(_sign(inner.get(each), outer.get(each)) + f"{place}.{each}")
                else:
                    found.add(_sign(inner, outer) + place)
        else:
            found.add(_sign(one, two) + key)
    for what, pattern in (("application", _REFERENCE), ("worker", _WORKER)):
        if _said(mine, pattern) != _said(other, pattern):
            found.add(f"~{what}")
    return sorted(place for place in found if not place.startswith("="))


def _said(expansion: dict[str, Any], pattern: re.Pattern[str]) -> str:
    services = expansion.get("services", {})
    command = (services.get("flask") or services.get("fastapi") or {}).get("command", "")
    found = pattern.search(command)
    return found[1] if found else ""


def _general(name: str) -> str:
    name = _EXTENSION.sub("EXTENSION/", name)
    return "SERVICE" if name in ("flask", "fastapi") else name


def _sign(one: Any, two: Any) -> str:
    if one == two:
        return "="
    return "+" if two is None else "-" if one is None else "~"
