"""Packing: from a project's folder to an image, through resolving, planning and acting."""

from rockery.layer.compression import Compression
from rockery.pack.host import host_architecture
from rockery.pack.options import Options, Watcher
from rockery.pack.pack import (
    Packed,
    Prepared,
    check_stored,
    image,
    planned,
    prepare,
    prepare_all,
)

__all__ = [
    "Compression",
    "Options",
    "Packed",
    "Prepared",
    "Watcher",
    "check_stored",
    "host_architecture",
    "image",
    "planned",
    "prepare",
    "prepare_all",
]
