"""One component of a glob as a regular expression."""

from __future__ import annotations

from rockery.glob import component, has_magic, literal

__all__ = ["component", "has_magic", "literal"]
