"""One use of Flask, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Use:
    """A use of Flask in a line: its kind, the name as written, and what takes its place."""

    file: str
    line: int
    kind: str
    name: str = field(compare=False)
    instead: str = field(compare=False)
