"""A local container engine, through Docker's API.

Loading asks little of it, and an ordinary socket is spoken to directly: importing Docker's
library takes 0.2 s, as long as all else of a pack in which one file has changed.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import itertools
import json
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast
from urllib.parse import quote

from rockery.amount import Amount
from rockery.errors import Problem, SurroundingsError
from rockery.image.image import Image
from rockery.layer import Entry, tar
from rockery.layer.compression import MEDIA_TYPES
from rockery.publish.archive import members, path_of, unpacked

if TYPE_CHECKING:
    import docker


_USUAL = "unix:///var/run/docker.sock"

#: Images that are asked for their layers, the newest first: each costs a request.
_MOST_IMAGES = 50


class Engine(Protocol):
    """What loading asks of an engine."""

    def image(self, name: str) -> Mapping[str, Any] | None:
        """Return what it says of the image, None if it has none of this name."""

    def images(self) -> Iterable[str]:
        """Give the ids of its images, the newest first."""

    @property
    def info(self) -> Callable[[], Mapping[str, Any]]:
        """What it says of itself, asked for once."""

    def load(self, archive: Iterator[bytes]) -> None:
        """Load an archive.

        Raises:
            RefusedError: it says why not.
        """


class RefusedError(Exception):
    """The engine refuses; the text is what it says."""


def connect() -> Engine:
    """Return the engine that ``DOCKER_HOST`` or the usual socket names, for loading.

    Raises:
        SurroundingsError: none answers.
    """
    scheme, _, path = os.environ.get("DOCKER_HOST", _USUAL).partition("://")
    if scheme != "unix":
        return Library(client())
    found = Socket(path)
    try:
        found.info()
    except (OSError, RefusedError) as error:
        raise _none(_reason(error)) from error
    return found


def client() -> docker.DockerClient:
    """Return a client of the same engine by Docker's library, which can do everything.

    Raises:
        SurroundingsError: none answers.
    """
    import docker
    import requests

    try:
        client = docker.from_env()
        client.ping()
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise _none(_reason(error)) from error
    return client


def _none(reason: str) -> SurroundingsError:
    return SurroundingsError(
        Problem(
            "cannot load the rock: no container engine answers",
            code="no-engine",
            remedy="start one (on Debian and Ubuntu: apt-get install docker.io), or set "
            "DOCKER_HOST; the .rock file is written without --load",
            details=(reason,),
        )
    )


def _reason(error: Exception) -> str:
    """Return why there is no engine; docker-py wraps a missing socket in several layers."""
    said = repr(error)
    if "FileNotFoundError" in said:
        address = os.environ.get("DOCKER_HOST", _USUAL)
        return f"there is no socket {address.removeprefix('unix://')}"
    if "PermissionError" in said:
        return "this user may not use its socket: be root, or in the group docker"
    return (str(error) or said).splitlines()[0]


class Library:
    """An engine through Docker's library."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client
        self.info = functools.cache(client.info)

    def image(self, name: str) -> Mapping[str, Any] | None:
        """Return what it says of the image, None if it has none of this name."""
        import docker

        try:
            return cast(Mapping[str, Any], self._client.api.inspect_image(name))
        except docker.errors.ImageNotFound:
            return None

    def images(self) -> Iterable[str]:
        """Give the ids of its images, the newest first."""
        return [held["Id"] for held in self._client.api.images()]

    def load(self, archive: Iterator[bytes]) -> None:
        """Load an archive.

        Raises:
            RefusedError: it says why not.
        """
        import docker

        try:
            self._client.images.load(cast(Any, archive))
        except (docker.errors.APIError, docker.errors.ImageLoadError) as error:
            raise RefusedError(str(getattr(error, "explanation", None) or error)) from error


class Socket:
    """An engine through its socket, whose path this is."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.info = functools.cache(self._info)

    def image(self, name: str) -> Mapping[str, Any] | None:
        """Return what it says of the image, None if it has none of this name."""
        status, said = self._ask("GET", f"/images/{quote(name)}/json")
        if status == http.client.NOT_FOUND:
            return None
        return cast(Mapping[str, Any], _document(status, said))

    def images(self) -> Iterable[str]:
        """Give the ids of its images, the newest first."""
        return [held["Id"] for held in _document(*self._ask("GET", "/images/json"))]

    def _info(self) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], _document(*self._ask("GET", "/info")))

    def load(self, archive: Iterator[bytes]) -> None:
        """Load an archive.

        Raises:
            RefusedError: it says why not.
        """
        status, said = self._ask("POST", "/images/load?quiet=1", archive)
        if status != http.client.OK:
            _document(status, said)
        for line in said.splitlines():
            with contextlib.suppress(ValueError):
                if error := json.loads(line).get("error"):
                    raise RefusedError(str(error))

    def _ask(
        self, method: str, path: str, body: Iterator[bytes] | None = None
    ) -> tuple[int, bytes]:
        connection = _Connection(self._path)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/x-tar"} if body else {}
            with contextlib.suppress(BrokenPipeError):  # it has heard enough, and says why
                connection.request(method, path, body, headers, encode_chunked=body is not None)
            answer = connection.getresponse()
            return answer.status, answer.read()


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket of this machine."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


def _document(status: int, said: bytes) -> Any:
    """Return the document of an answer.

    Raises:
        RefusedError: it is none, or the engine refuses.
    """
    try:
        document = json.loads(said)
    except ValueError:
        document = {"message": said.decode(errors="replace")}
        status = status if status >= http.client.BAD_REQUEST else http.client.BAD_GATEWAY
    if status >= http.client.BAD_REQUEST:
        raise RefusedError(str(document.get("message") or f"status {status}"))
    return document


def load(engine: Engine, image: Image, amount: Amount | None = None) -> str:
    """Load ``image`` under its reference and return that name.

    ``amount`` tells of what has been sent.

    Only the layers that the engine lacks are sent, where its store allows that; what it has
    afterwards is compared, and where it isn't the image, everything is sent. An engine that
    knows images by their plain layers gets those, if they are compressed by zstd: old ones
    call that an invalid tar header.

    Raises:
        SurroundingsError: the engine refuses it, or has something else afterwards.
    """
    reference = image.settings.reference
    try:
        before = engine.image(reference)
        if _is(before, image):
            return reference
        driven = _has_graph_driver(engine)
        plain = driven and any(layer.media_type == MEDIA_TYPES["zstd"] for layer in image.layers)
        held = _held_layers(engine, image, before) if driven else 0
        if held:
            with contextlib.suppress(RefusedError):
                engine.load(_stream(_sent(image, held, plain=plain), amount))
                if _is(engine.image(reference), image):
                    return reference
        engine.load(_stream(_sent(image, 0, plain=plain), amount))
        if not _is(engine.image(reference), image):
            raise RefusedError("it holds another image under this name afterwards")
    except (RefusedError, OSError, http.client.HTTPException) as error:
        raise SurroundingsError(
            Problem(
                f"cannot load {reference}: the engine says: {str(error).strip()}",
                code="load-failed",
                remedy="check the engine's disk and log (docker system df)",
            )
        ) from error
    return reference


class Loading:
    """An image being loaded into the engine that answers, by a thread.

    ``amount`` tells of what has been sent.
    """

    def __init__(self, image: Image) -> None:
        self.amount = Amount()
        self._image = image
        self._found: str | BaseException | None = None
        self._thread = threading.Thread(target=self._load, daemon=True)
        self._thread.start()

    def _load(self) -> None:
        try:
            self._found = load(connect(), self._image, self.amount)
        except BaseException as error:
            self._found = error

    def reference(self, image: Image) -> str:
        """Wait, and return the name under which the engine has the image.

        ``image`` is the one that was to be loaded, maybe with layers that were made anew
        meanwhile: then what failed is tried once more.

        Raises:
            SurroundingsError: as :func:`connect` and :func:`load` do.
        """
        self._thread.join()
        if isinstance(self._found, str):
            return self._found
        if image is not self._image:
            return load(connect(), image, self.amount)
        assert self._found is not None
        raise self._found


def _has_graph_driver(engine: Engine) -> bool:
    """Tell whether the engine keeps plain layers, each known by all that is below it.

    One with containerd's store keeps archives as they are; it takes one without blobs for
    whole and keeps a broken image.
    """
    status = engine.info().get("DriverStatus") or []
    return not any("io.containerd." in str(value) for _, value in status)


def _held_layers(engine: Engine, image: Image, before: Mapping[str, Any] | None) -> int:
    """Return how many of the image's lowest layers the engine has as the start of a chain.

    What has the image's own name (``before``) is looked at first: it is most often the same
    but for the app, and then no other can have more.
    """
    wanted = [layer.diff_id for layer in image.layers]
    longest = 0

    def held_images() -> Iterator[Mapping[str, Any] | None]:
        yield before
        for name in itertools.islice(engine.images(), _MOST_IMAGES):
            yield engine.image(name)

    for held in held_images():
        # Somebody may have removed it meanwhile.
        chain = (held or {}).get("RootFS", {}).get("Layers") or []
        same = (mine == theirs for mine, theirs in zip(wanted, chain, strict=False))
        longest = max(longest, sum(1 for _ in itertools.takewhile(bool, same)))
        if longest >= len(wanted) - 1:
            break
    return longest


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


def _stream(sent: Sequence[Entry], amount: Amount | None) -> Iterator[bytes]:
    """Give an archive of these members piece by piece, written by a thread into a pipe."""
    amount = amount or Amount()
    amount.done, amount.total = 0, tar.size(sent)
    reader, writer = os.pipe()

    def fill(sink: BinaryIO) -> None:
        with contextlib.suppress(BrokenPipeError), sink:
            tar.write(sent, sink.write, mtime=0, digested=False)

    thread = threading.Thread(target=fill, args=(os.fdopen(writer, "wb", 1 << 16),), daemon=True)
    thread.start()
    with os.fdopen(reader, "rb", 0) as source:
        while piece := source.read(1 << 18):
            yield piece
            amount.done += len(piece)
    thread.join()


def _is(held: Mapping[str, Any] | None, image: Image) -> bool:
    """Tell whether what the engine has is exactly this image."""
    return held is not None and held["Id"] in (image.id, image.digest)
