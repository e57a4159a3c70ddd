"""Packages of the distribution that a project's Python packages want."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rockery.data import data_folder
from rockery.errors import Location
from rockery.extension.requirements import Requirements
from rockery.project.document import Document
from rockery.record import Record

_FILE = "system-packages.yaml"


class Suggestion(Record):
    """``packages`` that ``name`` wants, with the reason and where it is asked for."""

    name: str
    packages: tuple[str, ...]
    reason: str
    where: Location


def suggestions(
    requirements: Requirements, base: str, staged: Iterable[str] = ()
) -> Iterator[Suggestion]:
    """Give what the requirements want of ``base`` and parts do not stage already.

    The rules are data: ``extensions/system-packages.yaml``.
    """
    text = (data_folder("extensions") / _FILE).read_text()
    asked = {wanted.name: wanted for wanted in requirements.wanted if wanted.name}
    named = [name for name in asked if f"\n{name}:" in text]
    if not named:
        return
    rules: Mapping[str, Mapping[str, Any]] = Document.parse(text, _FILE).data
    there = {re.split("[_=:/]", word)[0] for word in staged}
    for name in named:
        rule = rules[name]
        packages = tuple(rule.get(base, rule["packages"]))
        binary = any(each in asked for each in rule.get("not-with", ()))
        if not binary and not asked[name].extras & {"binary"} and not there.issuperset(packages):
            yield Suggestion(name, packages, rule["reason"], asked[name].where)
