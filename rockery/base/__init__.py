"""Bases: what lies under a rock's parts, as the YAML files in ``bases/`` describe it."""

from rockery.base.base import Archive, Base, Rules, Trim, bases, load

__all__ = ["Archive", "Base", "Rules", "Trim", "bases", "load"]
