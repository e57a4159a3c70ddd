"""The data folders: extensions, templates, bases, components and the server."""

from __future__ import annotations

from pathlib import Path

_INSTALLED = Path(__file__).parent / "_data"
_CHECKOUT = Path(__file__).parent.parent

#: How ``source:`` in an expanded ``rockcraft.yaml`` names the data folder. It keeps paths
#: of this machine out of the expansion.
VARIABLE = "$ROCKERY_DATA"


def data_folder(name: str) -> Path:
    """Return the folder ``name`` ("bases", "extensions", …), installed or in a checkout."""
    root = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return root / name
