"""What a user can ask of a pack, and who is told how it goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from rockery.amount import Amount
from rockery.component import Binaries
from rockery.errors import Problem
from rockery.layer.compression import Compression
from rockery.record import Record, field
from rockery.resolution.apt import Mirrors


class Options(Record):
    """The command line's wishes; ``folder`` is the project's.

    ``jobs`` is how many layers are made at once.
    """

    folder: Path
    base: str | None = None
    build_base: str | None = None
    platform: str | None = None
    mirrors: Mirrors = field(default_factory=lambda: Mirrors.from_words([]))
    binaries: Binaries = field(default_factory=lambda: Binaries({}))
    environment: Mapping[str, str] = field(default_factory=dict)
    refresh: bool = False
    offline: bool = False
    verify: bool = True
    compression: Compression = field(default_factory=Compression)
    keep: tuple[str, ...] = ()
    jobs: int = 1


class Watcher(Protocol):
    """Who is told how a pack goes; only the command line prints."""

    def step(self, title: str, amount: Amount | None = None) -> None:
        """Begin a step that may take a while; ``amount`` tells how far it is."""

    def ended(self, title: str) -> float:
        """End a step of which nothing is told, or later; return the seconds that it took."""

    def done(self, title: str, outcome: str, took: float | None = None) -> None:
        """Tell what came of a step; it ends now, unless it is said how many seconds it ``took``."""

    def say(self, text: str) -> None:
        """Say a sentence, before what takes long."""

    def note(self, problem: Problem) -> None:
        """Say something that doesn't end the pack."""
