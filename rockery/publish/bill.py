"""The bill of materials beside the ``.rock``: the same documents as inside."""

from __future__ import annotations

from pathlib import Path

from rockery import sbom
from rockery.image import Image
from rockery.publish.replacement import replacement


def write(image: Image, rock: Path) -> list[Path]:
    """Write the documents next to the archive ``rock``, under its name; return their paths.

    Raises:
        SurroundingsError: the folder can't be written, or the disk is full.
    """
    written = []
    for ending, data in sbom.documents(image.layers).items():
        path = rock.with_name(rock.name.removesuffix(".rock") + ending)
        with replacement(path) as stream:
            stream.write(data)
        written.append(path)
    return written
