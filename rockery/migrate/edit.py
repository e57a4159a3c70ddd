"""Edits of a module's text at the places of its syntax tree."""

from __future__ import annotations

import ast
from bisect import bisect_left, insort
from dataclasses import dataclass, field


@dataclass(eq=False, repr=False)
class Edits:
    """Replacements in ``content``, by their places; a later one takes in those within it."""

    content: bytes
    made: dict[tuple[int, int], str] = field(default_factory=dict)
    _places: list[tuple[int, int]] = field(default_factory=list)  # those of ``made``, sorted

    def __post_init__(self) -> None:
        self._lines = [0]
        for line in self.content.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where a node begins and ends."""
        start = self._lines[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        end = self._lines[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        return start, end

    def line(self, number: int) -> int:
        """Return where a line begins, counted from 1."""
        return self._lines[min(number, len(self._lines)) - 1]

    def indent(self, number: int) -> str:
        """Return the white space that a line begins with."""
        text = self.content[self.line(number) :].partition(b"\n")[0].decode("utf-8", "replace")
        return text[: len(text) - len(text.lstrip())]

    def text(self, node: ast.AST) -> str:
        """Return the text of a node with the edits made in it."""
        return self.between(*self.span(node))

    def between(self, start: int, end: int) -> str:
        """Return a part of the text with the edits made in it."""
        pieces, at = [], start
        for first, last in self._within(start, end):
            if last <= end and first >= at:
                pieces += [self.content[at:first].decode(), self.made[first, last]]
                at = last
        return "".join([*pieces, self.content[at:end].decode()])

    def replace(self, node: ast.AST, text: str) -> None:
        """Put a text in the place of a node."""
        self.put(*self.span(node), text)

    def put(self, start: int, end: int, text: str) -> None:
        """Put a text in the place of a part; at one place several follow one another."""
        if start == end:
            text = self.made.get((start, end), "") + text
        else:
            for place in self._within(start, end):
                if place[1] <= end:
                    del self.made[place]
                    self._places.remove(place)
        if (start, end) not in self.made:
            insort(self._places, (start, end))
        self.made[start, end] = text

    def _within(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the places of edits that begin in a part."""
        return self._places[
            bisect_left(self._places, (start,)) : bisect_left(self._places, (end + 1,))
        ]

    def result(self) -> str:
        """Return the whole text, edited."""
        return self.between(0, len(self.content))
