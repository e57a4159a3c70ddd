"""How layers are compressed: pinned, because the bytes are part of a rock's identity.

A *scheme* names all that decides the bytes: "gzip:zlib-ng-1.1.0:6". The number of threads
does not, nor how a stream is cut into pieces.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import threading
from collections import deque
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol, cast

from rockery.record import Record

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    import zstandard

#: The libraries whose versions are part of each scheme; pyproject.toml pins them. zlib-ng gives
#: equal bytes on all CPU models that were tried, ISA-L does not. zstd's own threads would make
#: other bytes than none, and hold four times its window each: of 190 MB at level 12 two of them
#: took 223 MB of memory and 5.1 s of processor time, none 47 MB and 5.1 s, at level 9 166 MB and
#: 2.7 s, none 16 MB and 2.2 s, for 0.1 % more. Layers are compressed side by side instead.
_LIBRARIES = {"gzip": "zlib-ng-1.1.0", "zstd": "zstd-1.5.7-serial"}

MEDIA_TYPES = {
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}

#: The levels that can be asked for. Above 19 zstd wants more memory of whoever unpacks than
#: readers grant (a window over 8 MiB, RFC 8878).
LEVELS = {"gzip": range(1, 10), "zstd": range(1, 20)}

#: The levels that nobody asked for: of layers that last, and of those made anew more often.
#: gzip 9 takes a Debian 12 runtime from 16.8 MB to 16.1 and the components from 9.3 to 9.0,
#: for twice the time, once; of a layer of Python packages it takes 1 %. zstd 12 takes the
#: runtime from 14.0 MB to 13.9 for twice the time, and 15 adds nothing but three times more.
_USUAL = {"gzip": (9, 6), "zstd": (12, 9)}

#: The binary logarithm of the bytes that zstd looks back, at every level: as far as readers grant.
#: It makes a runtime 1 % smaller at level 12, for 4 MB and no time.
_LOOKED_BACK = 23

#: That of the positions it looks for matches at, at most: half of what its level 19 would take. Of
#: a runtime that costs 0.3 % of the size, and saves a third of the time and of the memory, 33 MB.
_MOST_POSITIONS = 23

#: The kinds of layers that last: many projects share them, and none changes by editing one.
_LASTING = ("base", "runtime", "component")

#: Bytes that are compressed as one piece, each by any thread; gzip's window reaches back into
#: the piece before. Pieces this long cost 0.05 % of a runtime's size.
_PIECE = 1 << 20
_WINDOW = 1 << 15

#: More threads would need more memory than a pack may: each holds a piece and its tables.
_MOST_THREADS = 4

#: Bytes that all streams of a process may hold together: as much as the greediest of them.
_ROOM = 64 << 20


class Compression(Record):
    """What a user wants of layers: a method, and a level or None for the usual ones."""

    method: str = "gzip"
    level: int | None = None

    @classmethod
    def parse(cls, word: str) -> Compression:
        """Read "gzip", "zstd:12" or "smallest".

        Raises:
            ValueError: the reason.
        """
        if word == "smallest":
            return cls("zstd", 19)
        found = re.fullmatch(r"([a-z]+)(?::([0-9]{1,3}))?", word)
        if found is None or found[1] not in LEVELS:
            raise ValueError("there is no such method")
        method, level = found[1], found[2]
        levels = LEVELS[method]
        if level is not None and int(level) not in levels:
            raise ValueError(f"{method} has levels from {levels[0]} to {levels[-1]} here")
        return cls(method, None if level is None else int(level))

    def scheme(self, kind: str) -> str:
        """Return the scheme for layers of a kind, such as "runtime"."""
        level = self.level
        if level is None:
            level = _USUAL[self.method][0 if kind in _LASTING else 1]
        return _scheme(self.method, level)


def _scheme(method: str, level: int) -> str:
    return f"{method}:{_LIBRARIES[method]}:{level}"


#: What is used where nobody asks for anything else, for a layer that doesn't last.
GZIP = _scheme("gzip", 6)

#: The schemes in which a layer is looked for before it is made: its tar needs no second making.
FAMILIAR = (GZIP, _scheme("gzip", 9), _scheme("zstd", 9), _scheme("zstd", 12))


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
    method, library, level = scheme.split(":")
    assert library == _LIBRARIES[method], scheme
    if method == "gzip":
        return _Gzip(int(level))
    import zstandard

    return zstandard.ZstdCompressor(compression_params=_parameters(int(level))).compressobj()


def _parameters(level: int) -> zstandard.ZstdCompressionParameters:
    """Return what zstd is told for a level, the end of its stream with a checksum."""
    import zstandard

    usual = zstandard.ZstdCompressionParameters.from_level(level)
    positions = min(usual.chain_log, _MOST_POSITIONS)
    return zstandard.ZstdCompressionParameters.from_level(
        level, window_log=_LOOKED_BACK, chain_log=positions, write_checksum=True
    )


def room(scheme: str) -> contextlib.AbstractContextManager[None]:
    """Hold the memory that compressing a stream takes, once what others hold leaves that much.

    However many layers are made side by side, a pack's memory has a bound.
    """
    method, _, level = scheme.split(":")
    if method == "gzip":  # a piece for each thread, as many that wait, and what comes of them
        return _room.held(3 * _MOST_THREADS * _PIECE)
    # What is measured is a sixth more than this says.
    return _room.held(_parameters(int(level)).estimated_compression_context_size() * 7 // 6)


def media_type(scheme: str) -> str:
    """Return the OCI media type of a layer compressed by ``scheme``."""
    return MEDIA_TYPES[scheme.partition(":")[0]]


def plain(stream: IO[bytes], media: str) -> BinaryIO:
    """Return what a stream of a media type holds; closing it leaves ``stream`` open.

    Raises:
        ValueError: from reading, where the stream is damaged; or the type is another one.
    """
    if media == MEDIA_TYPES["gzip"]:
        import gzip

        return cast(BinaryIO, gzip.open(stream, "rb"))
    if media == MEDIA_TYPES["zstd"]:
        return io.BufferedReader(_Zstd(stream), 1 << 18)
    raise ValueError(f"a layer of type {media}")


class _Room:
    """Bytes that can be held, by who comes first."""

    def __init__(self, size: int) -> None:
        self._free = threading.Semaphore(size >> 20)
        self._entering = threading.Lock()

    @contextlib.contextmanager
    def held(self, size: int) -> Iterator[None]:
        taken = 0
        try:
            with self._entering:  # or two could wait for what the other has taken
                while taken << 20 < size:
                    self._free.acquire()
                    taken += 1
            yield
        finally:
            if taken:
                self._free.release(taken)


_room = _Room(_ROOM)


def _threads() -> int:
    return min(len(os.sched_getaffinity(0)), _MOST_THREADS)


class _Gzip:
    """A gzip stream whose pieces are compressed side by side.

    Each piece ends on a whole byte and may refer to the end of the piece before, as those of
    pigz do; which thread made it doesn't show.
    """

    def __init__(self, level: int) -> None:
        from zlib_ng import zlib_ng

        self._level = level
        self._zlib = zlib_ng
        self._checksum = zlib_ng.crc32(b"")
        self._size = 0
        self._gathered = bytearray()
        self._before = b""
        self._running: deque[Future[bytes]] = deque()
        self._pool: ThreadPoolExecutor | None = None
        # RFC 1952: deflate, no name, no time, by a system that isn't told.
        self._ready = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff"]

    def compress(self, data: bytes, /) -> bytes:
        self._checksum = self._zlib.crc32(data, self._checksum)
        self._size += len(data)
        self._gathered += data
        while len(self._gathered) > _PIECE:
            piece = bytes(self._gathered[:_PIECE])
            del self._gathered[:_PIECE]
            self._running.append(self._threads().submit(self._deflated, piece, self._before))
            self._before = piece[-_WINDOW:]
        while self._running and (self._running[0].done() or len(self._running) > _MOST_THREADS):
            self._ready.append(self._running.popleft().result())
        return self._taken()

    def flush(self) -> bytes:
        self._ready += [future.result() for future in self._running]
        self._ready.append(self._deflated(bytes(self._gathered), self._before, last=True))
        if self._pool is not None:
            self._pool.shutdown()
        end = (self._checksum, self._size & 0xFFFFFFFF)
        self._ready += [number.to_bytes(4, "little") for number in end]
        return self._taken()

    def _threads(self) -> ThreadPoolExecutor:
        """Return the threads, made now: a short stream needs none."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(_threads())
        return self._pool

    def _deflated(self, piece: bytes, before: bytes, *, last: bool = False) -> bytes:
        zlib = self._zlib
        dictionary = {"zdict": before} if before else {}
        deflate = zlib.compressobj(self._level, zlib.DEFLATED, -15, **dictionary)
        end = zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH
        return cast(bytes, deflate.compress(piece) + deflate.flush(end))

    def _taken(self) -> bytes:
        taken = b"".join(self._ready)
        self._ready.clear()
        return taken


class _Zstd(io.RawIOBase):
    """What a zstd stream holds; its errors are those of other damaged archives."""

    def __init__(self, stream: IO[bytes]) -> None:
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader
        self._reader = reader(stream, read_across_frames=True, closefd=False)
        self._error = zstandard.ZstdError

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            piece = self._reader.read(len(view))
        except self._error as error:
            raise ValueError(str(error)) from error
        view[: len(piece)] = piece
        return len(piece)
