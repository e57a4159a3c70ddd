"""What a disk can do to what is stored."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Mapping

from rockery.errors import Problem, SurroundingsError

#: What reading a compressed tar raises whose bits have changed.
SIGNS = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError)


class DamagedLayerError(SurroundingsError):
    """The disk has damaged stored layers; ``layers`` are their titles by key."""

    def __init__(self, layers: Mapping[str, str]) -> None:
        self.layers = layers
        super().__init__(
            *(
                Problem(
                    f"cannot use the stored layer {title!r}: the disk has damaged it",
                    "damaged-layer",
                    remedy="'rockery clean --verify' finds and removes all that is damaged",
                )
                for title in layers.values()
            )
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (dict(self.layers),)
