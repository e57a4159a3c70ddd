"""Packing: from a project's folder to an image, through resolving, planning and acting.

What is imported on first use costs more than a pack that changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rockery.layer.compression import Compression
from rockery.pack.host import host_architecture
from rockery.pack.options import Options, Watcher
from rockery.pack.receipt import Outcome

if TYPE_CHECKING:
    from rockery.pack.pack import Packed as Packed
    from rockery.pack.pack import Prepared as Prepared
    from rockery.pack.pack import check_stored as check_stored
    from rockery.pack.pack import image as image
    from rockery.pack.pack import inputs_of as inputs_of
    from rockery.pack.pack import pin as pin
    from rockery.pack.pack import planned as planned
    from rockery.pack.pack import prepare as prepare
    from rockery.pack.pack import prepare_all as prepare_all

_LATER = (
    *("Packed", "Prepared", "check_stored", "image", "inputs_of", "pin"),
    *("planned", "prepare", "prepare_all"),
)

__all__ = [
    "Compression",
    "Options",
    "Outcome",
    "Packed",
    "Prepared",
    "Watcher",
    "check_stored",
    "host_architecture",
    "image",
    "inputs_of",
    "pin",
    "planned",
    "prepare",
    "prepare_all",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.pack"), name)
