"""What comes of importing an application."""

from __future__ import annotations

from typing import Any, Literal

from rockery.record import Record

Outcome = Literal["importable", "wants-settings", "broken"]


class Verdict(Record):
    """What is known about an application after it was imported.

    ``message`` is one sentence without a final stop; ``wanted`` are the environment
    variables it asked for and needs; ``details`` are further lines: where it failed, what
    it printed. ``isolated`` says whether it ran in a view, or as a plain process that saw
    the host. What is missing is named where it is known: ``missing_module`` in dots (for
    ``from a import b`` it is ``a.b``, which may be an attribute), ``missing_library`` as
    the loader wants it, ``missing_file`` as a path in the rock.
    """

    outcome: Outcome
    message: str
    wanted: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    isolated: bool = True
    missing_module: str | None = None
    missing_library: str | None = None
    missing_file: str | None = None
    #: What of the application's files the import ran and read, see ``probe.py``; None where that
    #: isn't known.
    trail: dict[str, Any] | None = None
