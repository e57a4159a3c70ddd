"""Plans: the layers of a rock, each with its key and the reason it is or isn't made."""

from rockery.plan.plan import NOT_MADE, Plan, PlannedLayer, base_layers, plan
from rockery.plan.spec import (
    BaseSpec,
    BillSpec,
    BuiltSpec,
    ComponentSpec,
    DependenciesSpec,
    FilesSpec,
    PlannedFile,
    ProjectSpec,
    RuntimeSpec,
    Spec,
)

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
    "plan",
]
