"""The ``.rock`` file: an OCI archive that old engines can ``docker load`` as well."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rockery.errors import Problem, SurroundingsError
from rockery.image.image import INDEX_TYPE, MANIFEST_TYPE, Image, canonical
from rockery.layer import Entry, Inline, Stored, directory, tar


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
    loadable = [
        {
            "Config": path_of(image.id),
            "RepoTags": [name],
            "Layers": [path_of(layer.digest) for layer in image.layers],
        }
    ]
    yield Entry("oci-layout", "file", 0o644, content=Inline(b'{"imageLayoutVersion":"1.0.0"}'))
    yield Entry("index.json", "file", 0o644, content=Inline(canonical(index)))
    yield Entry("manifest.json", "file", 0o644, content=Inline(canonical(loadable)))
    yield directory("blobs")
    yield directory("blobs/sha256")
    for blob, size, source in sorted(image.blobs(), key=lambda item: item[0]):
        content = Inline(source) if isinstance(source, bytes) else Stored(source, size)
        yield Entry(path_of(blob), "file", 0o644, content=content)


def path_of(digest: str) -> str:
    """Return where the blob ``digest`` lies in an archive."""
    return f"blobs/{digest.replace(':', '/')}"


def write(image: Image, path: Path) -> None:
    """Write the archive to ``path``; what is there stays whole until the new one is.

    Raises:
        SurroundingsError: the folder can't be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with open(descriptor, "wb", buffering=1 << 20) as stream:  # noqa: PTH123
                tar.write(members(image), stream.write, mtime=0)
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
            raise
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise SurroundingsError(
            Problem(
                f"cannot write {path}: {reason}",
                code="archive-not-writable",
                remedy="free some space, or name another folder with --output",
            )
        ) from error
