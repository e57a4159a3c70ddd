"""A local container engine, through Docker's API."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from rockery.errors import Problem, SurroundingsError
from rockery.image.image import Image
from rockery.layer import Entry, tar
from rockery.layer.compression import MEDIA_TYPES
from rockery.publish.archive import members, path_of, unpacked

if TYPE_CHECKING:
    import docker


#: Images that are asked for their layers, the newest first: each costs a request.
_MOST_IMAGES = 50


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
                details=(_reason(error),),
            )
        ) from error
    return client


def _reason(error: Exception) -> str:
    """Return why there is no engine; docker-py wraps a missing socket in several layers."""
    if "FileNotFoundError" in str(error):
        address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        return f"there is no socket {address.removeprefix('unix://')}"
    if "PermissionError" in str(error):
        return "this user may not use its socket: be root, or in the group docker"
    return str(error).splitlines()[0]


def load(client: docker.DockerClient, image: Image) -> str:
    """Load ``image`` under its reference and return that name.

    Only the layers that the engine lacks are sent, where its store allows that; what it has
    afterwards is compared, and where it isn't the image, everything is sent. An engine that
    knows images by their plain layers gets those, if they are compressed by zstd: old ones
    call that an invalid tar header.

    Raises:
        SurroundingsError: the engine refuses it, or has something else afterwards.
    """
    import docker

    reference = image.settings.reference
    try:
        if _holds(client, reference, image):
            return reference
        driven = _has_graph_driver(client)
        plain = driven and any(layer.media_type == MEDIA_TYPES["zstd"] for layer in image.layers)
        held = _held_layers(client, image) if driven else 0
        if held:
            with contextlib.suppress(docker.errors.APIError, docker.errors.ImageLoadError):
                client.images.load(cast(Any, _stream(_sent(image, held, plain=plain))))
                if _holds(client, reference, image):
                    return reference
        client.images.load(cast(Any, _stream(_sent(image, 0, plain=plain))))
        if not _holds(client, reference, image):
            raise _refused(reference, "it holds another image under this name afterwards")
    except (docker.errors.APIError, docker.errors.ImageLoadError) as error:
        raise _refused(reference, str(getattr(error, "explanation", None) or error)) from error
    return reference


@functools.cache
def _has_graph_driver(client: docker.DockerClient) -> bool:
    """Tell whether the engine keeps plain layers, each known by all that is below it.

    One with containerd's store keeps archives as they are; it takes one without blobs for
    whole and keeps a broken image.
    """
    status = client.info().get("DriverStatus") or []
    return not any("io.containerd." in str(value) for _, value in status)


def _held_layers(client: docker.DockerClient, image: Image) -> int:
    """Return how many of the image's lowest layers the engine has as the start of a chain.

    What has the image's own name is asked first: it is most often the same but for the app,
    and then no other can have more.
    """
    wanted = [layer.diff_id for layer in image.layers]
    longest = 0
    names = (held["Id"] for held in itertools.islice(client.api.images(), _MOST_IMAGES))
    for name in itertools.chain([image.settings.reference], names):
        same = (mine == theirs for mine, theirs in zip(wanted, _chain(client, name), strict=False))
        longest = max(longest, sum(1 for _ in itertools.takewhile(bool, same)))
        if longest >= len(wanted) - 1:
            break
    return longest


def _chain(client: docker.DockerClient, name: str) -> list[str]:
    """Return the layers of an image that the engine has under a name, from the bottom."""
    import docker

    try:
        held = client.images.get(name)
    except docker.errors.ImageNotFound:
        return []  # somebody may have removed it meanwhile
    return held.attrs.get("RootFS", {}).get("Layers") or []


def _sent(image: Image, skip: int, *, plain: bool) -> list[Entry]:
    """Return what an engine gets that has the ``skip`` lowest layers.

    Their blobs are left out, and the OCI index with them: it would name what isn't there.
    """
    if plain:
        return list(unpacked(image, skip=skip))
    left_out = {path_of(layer.digest) for layer in image.layers[:skip]}
    left_out -= {path_of(layer.digest) for layer in image.layers[skip:]}
    if skip:
        left_out |= {"oci-layout", "index.json", path_of(image.digest)}
    return [member for member in members(image) if member.path not in left_out]


def _stream(sent: Iterable[Entry]) -> Iterator[bytes]:
    """Give an archive of these members piece by piece, written by a thread into a pipe."""
    reader, writer = os.pipe()

    def fill(sink: BinaryIO) -> None:
        with contextlib.suppress(BrokenPipeError), sink:
            tar.write(sent, sink.write, mtime=0, digested=False)

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
