"""Checking a project: all that is wrong with it, without building anything."""

from rockery.check.check import Report, Verdict, check, verdicts
from rockery.check.explanation import explanations

__all__ = ["Report", "Verdict", "check", "explanations", "verdicts"]
