"""Record what the stock tool says of the corpus: ``python tests/oracle/record.py COMMAND [CASE]``.

What facts.yaml has of the other cases stays. Places where most expansions differ stand there
once, under ``usual``; a case names only further ones.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from comparison import CASES, FACTS, differences, ours, theirs, translated, version


def main(command: str, *cases: str) -> None:
    """Ask about each case and write the facts."""
    tool = version(command)
    recorded: dict[str, Any] = yaml.safe_load(FACTS.read_text()) if FACTS.exists() else {}
    usual: set[str] = set(recorded.get("usual", ()))
    facts = {case: fact for case, fact in recorded.get("cases", {}).items() if case in CASES}
    for case in cases or CASES:
        with tempfile.TemporaryDirectory() as folder:
            project = translated(case, Path(folder))
            other, mine = theirs(command, project), ours(project)
        fact: dict[str, Any] = {"accepts": other.expansion is not None}
        if other.expansion is None:
            fact["words"] = other.words[:300]
        elif mine.expansion is not None:
            fact["differs"] = differences(mine.expansion, other.expansion)
        facts[case] = fact
        print(case, "accepts" if fact["accepts"] else f"refuses: {fact['words']}", flush=True)
        # A run that is stopped keeps what it has.
        _write(tool, usual, facts)
    if not cases:
        places = Counter(place for fact in facts.values() for place in fact.get("differs", ()))
        most = sum("differs" in fact for fact in facts.values()) / 2
        usual = {place for place, count in places.items() if count > most}
    for fact in facts.values():
        if "differs" in fact:
            fact["differs"] = sorted(set(fact["differs"]) - usual)
    _write(tool, usual, facts)


def _write(tool: str, usual: set[str], facts: dict[str, Any]) -> None:
    document = {
        "tool": tool,
        "usual": sorted(usual),
        "cases": dict(sorted(facts.items())),
    }
    FACTS.write_text(yaml.safe_dump(document, width=1000, sort_keys=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
