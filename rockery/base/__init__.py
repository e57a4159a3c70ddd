"""Bases: what lies under a rock's parts, as the YAML files in ``bases/`` describe it."""

from rockery.base.base import (
    AlternativeRule,
    Archive,
    Base,
    Rules,
    TriggerRule,
    Trim,
    bases,
    load,
)

__all__ = [
    "AlternativeRule",
    "Archive",
    "Base",
    "Rules",
    "TriggerRule",
    "Trim",
    "bases",
    "load",
]
