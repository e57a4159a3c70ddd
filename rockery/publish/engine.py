"""A local container engine, through Docker's API."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from rockery.errors import Problem, SurroundingsError
from rockery.image.image import Image
from rockery.layer import tar
from rockery.publish.archive import members

if TYPE_CHECKING:
    import docker


def connect() -> docker.DockerClient:
    """Return a client of the engine that ``DOCKER_HOST`` or the usual socket names.

    Raises:
        SurroundingsError: none answers.
    """
    import docker
    import requests

    try:
        client = docker.from_env()
        client.ping()
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise SurroundingsError(
            Problem(
                "cannot load the rock: no container engine answers",
                code="no-engine",
                remedy="start one (on Debian and Ubuntu: apt-get install docker.io), or set "
                "DOCKER_HOST; the .rock file is written without --load",
                details=(str(error).splitlines()[0],),
            )
        ) from error
    return client


def load(client: docker.DockerClient, image: Image) -> str:
    """Load ``image`` under its reference and return that name.

    Raises:
        SurroundingsError: the engine refuses it, or has something else afterwards.
    """
    import docker

    reference = image.settings.reference
    try:
        if _holds(client, reference, image):
            return reference
        client.images.load(cast(Any, _stream(image)))
        if not _holds(client, reference, image):
            raise _refused(reference, "it holds another image under this name afterwards")
    except (docker.errors.APIError, docker.errors.ImageLoadError) as error:
        raise _refused(reference, str(getattr(error, "explanation", None) or error)) from error
    return reference


def _stream(image: Image) -> Iterator[bytes]:
    """Give the archive piece by piece, written by a thread into a pipe."""
    reader, writer = os.pipe()

    def fill(sink: BinaryIO) -> None:
        with contextlib.suppress(BrokenPipeError), sink:
            tar.write(members(image), sink.write, mtime=0)

    thread = threading.Thread(target=fill, args=(os.fdopen(writer, "wb", 1 << 16),), daemon=True)
    thread.start()
    with os.fdopen(reader, "rb", 0) as source:
        while piece := source.read(1 << 18):
            yield piece
    thread.join()


def _holds(client: docker.DockerClient, reference: str, image: Image) -> bool:
    """Tell whether the engine has exactly this image under its name."""
    import docker

    try:
        held = client.images.get(reference)
    except docker.errors.ImageNotFound:
        return False
    return held.id in (image.id, image.digest)


def _refused(reference: str, reason: str) -> SurroundingsError:
    return SurroundingsError(
        Problem(
            f"cannot load {reference}: the engine says: {reason.strip()}",
            code="load-failed",
            remedy="check the engine's disk and log (docker system df)",
        )
    )
