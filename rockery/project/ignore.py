"""Ignore files with the meaning of gitignore(5)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from rockery.project.glob import component


@dataclass(frozen=True)
class Rule:
    """One line of an ignore file; ``line`` counts from 1."""

    text: str
    line: int
    keeps: bool
    folders_only: bool
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Ignore:
    """The rules of one ignore file at the top of a folder; the last that matches wins."""

    rules: tuple[Rule, ...] = ()

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Ignore:
        """Read the lines of an ignore file; a line that is no pattern matches nothing."""
        rules = (_rule(text, number) for number, text in enumerate(lines, start=1))
        return cls(tuple(rule for rule in rules if rule))

    def matching(self, path: str, *, folder: bool) -> Rule | None:
        """Return the rule that ignores ``path``, a relative path without "/" at its end.

        It looks at this path alone: what lies in an ignored folder is ignored with it, and
        a walk that doesn't enter it never asks.
        """
        for rule in reversed(self.rules):
            if (folder or not rule.folders_only) and rule.pattern.fullmatch(path):
                return None if rule.keeps else rule
        return None


def _rule(text: str, line: int) -> Rule | None:
    pattern = text.rstrip("\r\n")
    while pattern.endswith(" ") and not pattern.endswith("\\ "):
        pattern = pattern[:-1]
    if not pattern or pattern.startswith("#"):
        return None
    keeps = pattern.startswith("!")
    pattern = pattern.removeprefix("!") if keeps else pattern
    folders_only = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    if not pattern:
        return None
    anchored = "/" in pattern
    compiled = _compiled(pattern.lstrip("/"), anchored)
    return Rule(text.strip(), line, keeps, folders_only, compiled)


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str, anchored: bool) -> re.Pattern[str]:
    steps = re.sub(r"(\*\*/)+", "**/", pattern).split("/")
    text = "" if anchored else "(?:.*/)?"
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        if step == "**":
            text += ".+" if last else "(?:.*/)?"
        else:
            text += component(step, escapes=True) + ("" if last else "/")
    return re.compile(text, re.DOTALL)
