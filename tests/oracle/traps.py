"""Print docs/traps.md: each trap, what stock rockcraft says of its case, and what we say."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import yaml
from comparison import FACTS, ours, translated

TRAPS = Path(__file__).parent / "traps.yaml"

_HEAD = """# Traps

What trips users of the stock tool's Flask and FastAPI extensions, what it says there, and what
rockery says. Each line is a project of `tests/corpus`, and what is quoted was recorded from
{tool} by `tests/oracle`. This page is written by `python tests/oracle/traps.py`.

| trap | rockcraft says | rockery says | case |
|---|---|---|---|
"""
_REFERENCE = re.compile(r"'([\w.]+:\w+(?:\([^()]*\))?)'")
_WORKER = re.compile(r"-k \[ (\w+) \]")


def page() -> str:
    """Return the page."""
    facts: dict[str, Any] = yaml.safe_load(FACTS.read_text())
    rows = [
        f"| {entry['trap']} | {_theirs(facts['cases'][entry['case']])} "
        f"| {_ours(entry['case'])} | `{entry['case']}` |"
        for entry in yaml.safe_load(TRAPS.read_text())
    ]
    return _HEAD.format(tool=facts["tool"]) + "\n".join(rows) + "\n"


def _theirs(fact: dict[str, Any]) -> str:
    if not fact["accepts"]:
        words = re.sub(r"b'.*", "…", fact["words"])
        words = re.sub(r"^- ", "", words).replace("(a traceback) ", "a traceback: ")
        return _cell(words)
    differs = [word for word in ("application", "worker") if f"~{word}" in fact.get("differs", ())]
    return "accepts" + (f", with another {' and '.join(differs)}" if differs else "")


def _ours(case: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        answer = ours(translated(case, Path(folder)))
    if answer.expansion is None:
        return _cell(answer.words)
    services = answer.expansion["services"]
    command = (services.get("flask") or services["fastapi"])["command"]
    found, worker = _REFERENCE.search(command), _WORKER.search(command)
    assert found is not None
    assert worker is not None
    return f"serves `{found[1]}`, worker `{worker[1]}`"


def _cell(words: str) -> str:
    words = words.replace("|", "\\|")
    return words if len(words) <= 160 else words[:157].rsplit(" ", 1)[0] + " …"


if __name__ == "__main__":
    print(page(), end="")
