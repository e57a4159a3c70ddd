"""Layers: entries in, a compressed and digested tar in the store out."""

from rockery.layer.entry import Entry, Inline, Stored, directory, file, symlink
from rockery.layer.ground import Ground
from rockery.layer.layer import Layer, Layout, adopt, build, compressed_key, key, load, recompress

__all__ = [
    "Entry",
    "Ground",
    "Inline",
    "Layer",
    "Layout",
    "Stored",
    "adopt",
    "build",
    "compressed_key",
    "directory",
    "file",
    "key",
    "load",
    "recompress",
    "symlink",
]
