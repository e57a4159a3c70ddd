"""One component of a glob as a regular expression."""

from __future__ import annotations

from rockery.glob import component, expression, has_magic, literal

__all__ = ["component", "expression", "has_magic", "literal"]
