"""The bill of materials beside the ``.rock``: the same documents as inside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rockery import sbom
from rockery.image import Image
from rockery.publish.replacement import replacement


def write(image: Image, rock: Path, digest: Callable[[Path], str]) -> list[Path]:
    """Write the documents next to the archive ``rock``, under its name; return their paths.

    Those whose ``digest`` tells that they are there stay as they are.

    Raises:
        SurroundingsError: the folder can't be written, or the disk is full.
    """
    wanted = {
        rock.with_name(rock.name.removesuffix(".rock") + ending): sha256
        for ending, sha256 in sbom.digests(image.layers).items()
    }
    if any(not path.is_file() or digest(path) != wanted[path] for path in wanted):
        for ending, data in sbom.documents(image.layers).items():
            path = rock.with_name(rock.name.removesuffix(".rock") + ending)
            with replacement(path, option="--output") as stream:
                stream.write(data)
    return list(wanted)
