"""Ignore files with the meaning of gitignore(5)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from rockery.project.glob import expression


@dataclass(frozen=True)
class Rule:
    """One line of an ignore file; ``line`` counts from 1."""

    text: str
    line: int
    keeps: bool
    folders_only: bool
    #: Matches the whole path, or the last name alone.
    anchored: bool
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
        rule = self._last(path, folder)
        return None if rule is None or rule.keeps else rule

    def keeps(self, path: str, *, folder: bool) -> bool:
        """Tell whether a rule with ``!`` says that ``path`` is not ignored."""
        rule = self._last(path, folder)
        return rule is not None and rule.keeps

    def _last(self, path: str, folder: bool) -> Rule | None:
        name = path.rpartition("/")[2]
        if not self._quick.fullmatch(name) and not (self._slow and self._slow.fullmatch(path)):
            return None
        for rule in reversed(self.rules):
            if (folder or not rule.folders_only) and rule.pattern.fullmatch(
                path if rule.anchored else name
            ):
                return rule
        return None

    @cached_property
    def _quick(self) -> re.Pattern[str]:
        """All rules for a name in one expression: most paths match none."""
        return _any(rule for rule in self.rules if not rule.anchored)

    @cached_property
    def _slow(self) -> re.Pattern[str] | None:
        anchored = [rule for rule in self.rules if rule.anchored]
        return _any(anchored) if anchored else None


def _any(rules: Iterable[Rule]) -> re.Pattern[str]:
    return re.compile(
        "|".join(f"(?:{rule.pattern.pattern})" for rule in rules) or "(?!)", re.DOTALL
    )


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
    compiled = _compiled(pattern.lstrip("/"))
    return Rule(text.strip(), line, keeps, folders_only, anchored, compiled)


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(expression(pattern, escapes=True), re.DOTALL)
