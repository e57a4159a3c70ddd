"""The ``.rock`` file: an OCI archive that old engines can ``docker load`` as well."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from rockery.amount import Amount
from rockery.image.image import INDEX_TYPE, MANIFEST_TYPE, Image, canonical
from rockery.layer import Entry, Inline, Layer, Stored, directory, tar
from rockery.layer.compression import plain
from rockery.publish.replacement import replacement
from rockery.record import Record
from rockery.store.damage import DamagedLayerError

#: How many of the first members name the image, and no blobs yet.
_NAMING = 3


def members(image: Image, *, reference: str | None = None) -> Iterator[Entry]:
    """Give the archive's members: an OCI layout, and ``manifest.json`` over the same blobs.

    The index carries the name under the keys that containerd's importer reads; it ignores
    ``manifest.json`` where ``oci-layout`` exists. ``reference`` is the name an engine gives.
    """
    name = reference or image.settings.reference
    platform = {"architecture": image.settings.architecture, "os": "linux"}
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [
            {
                "mediaType": MANIFEST_TYPE,
                "digest": image.digest,
                "size": len(image.manifest),
                "platform": platform,
                "annotations": {
                    "io.containerd.image.name": f"docker.io/library/{name}",
                    "org.opencontainers.image.ref.name": name.rpartition(":")[2],
                },
            }
        ],
    }
    yield Entry("oci-layout", "file", 0o644, content=Inline(b'{"imageLayoutVersion":"1.0.0"}'))
    yield Entry("index.json", "file", 0o644, content=Inline(canonical(index)))
    yield _loadable(image, name, [layer.digest for layer in image.layers])
    yield directory("blobs")
    yield directory("blobs/sha256")
    for blob, size, source in sorted(image.blobs(), key=lambda item: item[0]):
        content = Inline(source) if isinstance(source, bytes) else Stored(source, size)
        yield Entry(path_of(blob), "file", 0o644, content=content)


def _loadable(image: Image, name: str, layers: list[str]) -> Entry:
    """Return the ``manifest.json`` that `docker load` reads; ``layers`` are digests of blobs."""
    document = [
        {
            "Config": path_of(image.id),
            "RepoTags": [name],
            "Layers": [path_of(digest) for digest in layers],
        }
    ]
    return Entry("manifest.json", "file", 0o644, content=Inline(canonical(document)))


class _Tar(Record):
    """A layer's tar, decompressed while it is read."""

    layer: Layer

    @property
    def size(self) -> int:
        return self.layer.plain_size

    def open(self) -> BinaryIO:
        return plain(self.layer.blob.open("rb"), self.layer.media_type)


def unpacked(image: Image, *, skip: int = 0) -> Iterator[Entry]:
    """Give the members of an archive for engines that know images by their plain layers.

    It holds the layers as they are after decompression, the ``skip`` lowest ones not at all,
    and no OCI index, whose digests would name others.
    """
    layers = {path_of(layer.diff_id): layer for layer in image.layers[skip:]}
    yield _loadable(image, image.settings.reference, [layer.diff_id for layer in image.layers])
    yield Entry(path_of(image.id), "file", 0o644, content=Inline(image.config))
    for path, layer in layers.items():
        yield Entry(path, "file", 0o644, content=_Tar(layer))


def path_of(digest: str) -> str:
    """Return where the blob ``digest`` lies in an archive."""
    return f"blobs/{digest.replace(':', '/')}"


def check(image: Image, digests: Mapping[str, str]) -> None:
    """Compare the layers' digests with those of what was written, by path in the archive.

    Raises:
        DamagedLayerError: some are others.
    """
    named = [(layer, path_of(layer.digest)) for layer in image.layers]
    damaged = {x.key: x.title for x, path in named if digests[path] != path.rpartition("/")[2]}
    if damaged:
        raise DamagedLayerError(damaged)


def write(image: Image, path: Path, amount: Amount | None = None) -> None:
    """Write the archive to ``path``; what is there stays whole until the new one is.

    ``amount`` tells of its bytes while that lasts.

    Raises:
        DamagedLayerError: the store has other bytes than a layer's digest says.
        SurroundingsError: the folder can't be written, or the disk is full.
    """
    amount = amount or Amount()
    amount.total = tar.size(members(image))
    with replacement(path, option="--output") as stream:

        def sink(data: bytes) -> None:
            stream.write(data)
            amount.done += len(data)

        check(image, tar.write(members(image), sink, mtime=0))


def digest(image: Image) -> str:
    """Return the SHA-256 of the archive that :func:`write` writes, in hexadecimal.

    Raises:
        DamagedLayerError: as :func:`write` does.
    """
    digest = hashlib.sha256()
    check(image, tar.write(members(image), digest.update, mtime=0))
    return digest.hexdigest()


def begins(image: Image, path: Path) -> bool:
    """Tell whether a file begins as the image's archive does, with the index that names it."""
    start = io.BytesIO()
    tar.write(itertools.islice(members(image), _NAMING), start.write, mtime=0, digested=False)
    own = start.getvalue()[: -tar.END]
    try:
        with path.open("rb") as stream:
            return stream.read(len(own)) == own
    except OSError:
        return False
