"""Plans: the layers of a rock, each with its key and the reason it is or isn't made.

All is imported on first use: a pack of a project in which nothing but files of the app has
changed needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rockery.plan.plan import Plan as Plan
    from rockery.plan.plan import PlannedLayer as PlannedLayer
    from rockery.plan.plan import base_layers as base_layers
    from rockery.plan.reason import NOT_MADE as NOT_MADE
    from rockery.plan.spec import BaseSpec as BaseSpec
    from rockery.plan.spec import BillSpec as BillSpec
    from rockery.plan.spec import BuiltSpec as BuiltSpec
    from rockery.plan.spec import ComponentSpec as ComponentSpec
    from rockery.plan.spec import DependenciesSpec as DependenciesSpec
    from rockery.plan.spec import FilesSpec as FilesSpec
    from rockery.plan.spec import PlannedFile as PlannedFile
    from rockery.plan.spec import ProjectSpec as ProjectSpec
    from rockery.plan.spec import RuntimeSpec as RuntimeSpec
    from rockery.plan.spec import Spec as Spec

_HOMES = {
    "plan": ("Plan", "PlannedLayer", "base_layers"),
    "reason": ("NOT_MADE",),
    "spec": (
        *("BaseSpec", "BillSpec", "BuiltSpec", "ComponentSpec", "DependenciesSpec", "FilesSpec"),
        *("PlannedFile", "ProjectSpec", "RuntimeSpec", "Spec"),
    ),
}

__all__ = [
    "NOT_MADE",
    "BaseSpec",
    "BillSpec",
    "BuiltSpec",
    "ComponentSpec",
    "DependenciesSpec",
    "FilesSpec",
    "Plan",
    "PlannedFile",
    "PlannedLayer",
    "ProjectSpec",
    "RuntimeSpec",
    "Spec",
    "base_layers",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
