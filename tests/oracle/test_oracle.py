"""What the stock tool accepts we accept; where the expansions differ, docs/oracle.md says why."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from comparison import CASES, FACTS, REFUSALS, differences, ours, theirs, translated
from traps import page

DOCS = Path(__file__).parents[2] / "docs"
RECORDED: dict[str, Any] = yaml.safe_load(FACTS.read_text())
REFUSED: dict[str, str] = yaml.safe_load(REFUSALS.read_text()) or {}
COMMAND = os.environ.get("ROCKCRAFT_COMMAND")


def named() -> set[str]:
    """Return the places that docs/oracle.md has a reason for."""
    return set(re.findall(r"`([+~-][^`]+)`", (DOCS / "oracle.md").read_text()))


def is_named(place: str, known: set[str]) -> bool:
    """Tell whether a place is, or lies in one that ends with ``*``."""
    return place in known or any(
        each.endswith("*") and place.startswith(each[:-1]) for each in known
    )


def test_every_case_was_asked() -> None:
    assert sorted(RECORDED["cases"]) == CASES


def test_few_are_refused_and_each_has_its_reason() -> None:
    assert len(REFUSED) <= 10
    for case, reason in REFUSED.items():
        assert RECORDED["cases"][case]["accepts"], f"{case} needs no place in the list"
        assert len(reason.split()) > 5


@pytest.mark.parametrize("case", CASES)
def test_what_it_accepts_we_accept(case: str, tmp_path: Path) -> None:
    if not RECORDED["cases"][case]["accepts"]:
        pytest.skip("it refuses this one")
    mine = ours(translated(case, tmp_path))
    if case in REFUSED:
        assert mine.expansion is None, "it is accepted now: take it off the list"
    else:
        assert mine.expansion is not None, mine.words


def test_every_recorded_difference_is_named_with_its_reason() -> None:
    found = {*RECORDED["usual"]}
    for fact in RECORDED["cases"].values():
        found |= set(fact.get("differs", ()))
    known = named()
    assert [place for place in sorted(found) if not is_named(place, known)] == []


@pytest.mark.skipif(not COMMAND, reason="ROCKCRAFT_COMMAND names no stock tool")
@pytest.mark.soak
@pytest.mark.parametrize("case", CASES)
def test_the_stock_tool_itself(case: str, tmp_path: Path) -> None:
    assert COMMAND
    project = translated(case, tmp_path)
    other, mine = theirs(COMMAND, project), ours(project)
    assert (other.expansion is not None) == RECORDED["cases"][case]["accepts"], other.words
    if other.expansion is None or case in REFUSED:
        return
    assert mine.expansion is not None, mine.words
    known = named()
    places = differences(mine.expansion, other.expansion)
    assert [place for place in places if not is_named(place, known)] == []


def test_the_page_of_traps_is_current() -> None:
    assert (DOCS / "traps.md").read_text() == page()
