"""Ignore files with the meaning of gitignore(5)."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from functools import cached_property

from rockery.project.glob import expression
from rockery.record import Record


class Rule(Record):
    """One line of an ignore file; ``line`` counts from 1."""

    text: str
    line: int
    keeps: bool
    folders_only: bool
    #: It is about the whole path, or the last name alone.
    anchored: bool
    pattern: str

    @property
    def is_literal(self) -> bool:
        """Tell whether the pattern matches itself alone."""
        return not _MAGIC.search(self.pattern)

    def matches(self, text: str) -> bool:
        """Tell whether the pattern matches ``text``, a path or a name."""
        if self.is_literal:
            return text == self.pattern
        return _compiled(self.pattern).fullmatch(text) is not None


class Ignore(Record):
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
        rule = self.last(path, folder=folder)
        return None if rule is None or rule.keeps else rule

    def keeps(self, path: str, *, folder: bool) -> bool:
        """Tell whether a rule with ``!`` says that ``path`` is not ignored."""
        rule = self.last(path, folder=folder)
        return rule is not None and rule.keeps

    def last(self, path: str, *, folder: bool) -> Rule | None:
        """Return the rule that decides about ``path``: it ignores it, or keeps it."""
        name = path.rpartition("/")[2]
        if not (
            name in self._names
            or path in self._paths
            or self._quick.fullmatch(name)
            or (self._slow and self._slow.fullmatch(path))
        ):
            return None
        for rule in reversed(self.rules):
            if (folder or not rule.folders_only) and rule.matches(path if rule.anchored else name):
                return rule
        return None

    # Most paths match no rule, and most rules are a name as it is: one look in a set. A single
    # expression of all the rules takes longer to compile than a small project to read.

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(r.pattern for r in self.rules if r.is_literal and not r.anchored)

    @cached_property
    def _paths(self) -> frozenset[str]:
        return frozenset(r.pattern for r in self.rules if r.is_literal and r.anchored)

    @cached_property
    def _quick(self) -> re.Pattern[str]:
        return _any(rule for rule in self.rules if not rule.is_literal and not rule.anchored)

    @cached_property
    def _slow(self) -> re.Pattern[str] | None:
        anchored = [rule for rule in self.rules if not rule.is_literal and rule.anchored]
        return _any(anchored) if anchored else None


_MAGIC = re.compile(r"[*?\[\\]")


def _any(rules: Iterable[Rule]) -> re.Pattern[str]:
    found = "|".join(f"(?:{expression(rule.pattern, escapes=True)})" for rule in rules)
    return re.compile(found or "(?!)", re.DOTALL)


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
    return Rule(text.strip(), line, keeps, folders_only, anchored, pattern.lstrip("/"))


@functools.lru_cache(maxsize=8192)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(expression(pattern, escapes=True), re.DOTALL)
