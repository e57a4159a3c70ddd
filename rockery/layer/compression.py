"""How layers are compressed: pinned, because the bytes are part of a rock's identity."""

from __future__ import annotations

from typing import Protocol

#: Part of every layer's key. zlib-ng gives equal bytes on all CPU models that were tried,
#: ISA-L does not. The exact version is pinned in pyproject.toml.
GZIP = "gzip:zlib-ng-1.1.0:6"

MEDIA_TYPES = {"gzip": "application/vnd.oci.image.layer.v1.tar+gzip"}


class Compressor(Protocol):
    """Compresses a stream piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """Return what of the compressed stream is ready."""
        ...

    def flush(self) -> bytes:
        """Return the end of the compressed stream."""
        ...


def compressor(scheme: str) -> Compressor:
    """Return a fresh compressor for ``scheme``, such as :data:`GZIP`."""
    assert scheme == GZIP, scheme
    from zlib_ng import zlib_ng

    # 16 above the window bits asks for a gzip frame; its header carries no time and no name.
    return zlib_ng.compressobj(6, zlib_ng.DEFLATED, 16 + 15)


def media_type(scheme: str) -> str:
    """Return the OCI media type of a layer compressed by ``scheme``."""
    return MEDIA_TYPES[scheme.split(":", 1)[0]]
