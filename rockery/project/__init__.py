"""Reading a project: its ``rockcraft.yaml``, with the position of everything in it.

What is imported on first use costs more than looking whether a file has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rockery.project.project import FILES as FILES
    from rockery.project.project import Project as Project
    from rockery.project.project import find as find
    from rockery.project.project import load as load

__all__ = ["FILES", "Project", "find", "load"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.project"), name)
