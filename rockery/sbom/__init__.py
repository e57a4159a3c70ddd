"""The bill of materials: what a rock is made of, as an SPDX and as a CycloneDX document.

Importing this costs nothing; the libraries that make the documents are imported by
:func:`written`, so never where the layer is in the store. They are slow: :mod:`rockery.sbom.writer`
uses them in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rockery.layer import Entry, Layer, file
from rockery.layer import key as layer_key
from rockery.store import Store

if TYPE_CHECKING:
    from rockery.sbom.material import Bill

#: Raise it when other bytes come of the same layers: after a change in this package, or of
#: the exact versions of the libraries in pyproject.toml.
RECIPE = 2

#: The title of the layer.
TITLE = "bill of materials"

#: Where the documents lie in the rock, and how their files beside the rock end.
DOCUMENTS = {".rock/sbom.spdx.json": ".spdx.json", ".rock/sbom.cdx.json": ".cdx.json"}


def prepare() -> None:
    """Import the libraries that make the documents."""
    from rockery.sbom import cyclonedx, spdx  # noqa: F401
    from rockery.sbom.licence import known

    known("MIT")


def entries(documents: Mapping[str, bytes]) -> list[Entry]:
    """Return the layer's files: the documents by their paths."""
    return [file(path, data) for path, data in documents.items()]


def written(store: Store, bill: Bill) -> dict[str, bytes]:
    """Return a bill's documents by their paths; those of an equal bill are in the store."""
    key = layer_key("bill", RECIPE, str(bill.identity))
    if store.get("verdicts", key) is None:
        from rockery.sbom import cyclonedx, spdx

        made = (spdx.document(bill), cyclonedx.document(bill))
        with store.put("verdicts", key) as content:
            for path, data in zip(DOCUMENTS, made, strict=True):
                (content / Path(path).name).write_bytes(data)
    folder = store.get("verdicts", key)
    assert folder is not None
    return {path: (folder / Path(path).name).read_bytes() for path in DOCUMENTS}


def digests(layers: Iterable[Layer]) -> dict[str, str]:
    """Return the SHA-256 of the documents in a rock's layers, as :func:`documents` has them."""
    found = {
        entry["path"]: entry["sha256"]
        for layer in layers
        if layer.title == TITLE
        for entry in layer.entries()
        if entry["path"] in DOCUMENTS
    }
    return {ending: found[path] for path, ending in DOCUMENTS.items() if path in found}


def documents(layers: Iterable[Layer]) -> dict[str, bytes]:
    """Return the documents in a rock's layers, by how their files beside the rock end."""
    found = {}
    for layer in layers:
        if layer.title != TITLE:
            continue
        import tarfile

        with layer.plain() as plain, tarfile.open(fileobj=plain, mode="r|") as archive:
            for member in archive:
                if ending := DOCUMENTS.get(member.name):
                    stream = archive.extractfile(member)
                    assert stream is not None
                    found[ending] = stream.read()
    return found
