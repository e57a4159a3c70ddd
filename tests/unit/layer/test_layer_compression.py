"""Compression: the same bytes however many threads and pieces, and readable by others."""

from __future__ import annotations

import gzip
import importlib.metadata
import io
import random
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard

from rockery.layer import Ground, build, compression, file, recompress
from rockery.layer.compression import GZIP, Compression, compressor, media_type, plain, room
from rockery.store import Store

SCHEMES = [
    Compression.parse(word).scheme("part")
    for word in ("gzip:1", "gzip:6", "gzip:9", "zstd:1", "zstd:9")
]
#: Longer than a piece, and not a whole number of them; half of it can be compressed.
DATA = b"".join(random.Random(n).randbytes(5000) + b"rock" * 1250 for n in range(317))


#: Megabytes that a stream takes at least, as measured.
MEMORY = {"gzip": 10, "zstd:9": 10, "zstd:12": 40, "smallest": 50}


def compressed(scheme: str, data: bytes, step: int) -> bytes:
    one = compressor(scheme)
    pieces = [one.compress(data[start : start + step]) for start in range(0, len(data), step)]
    return b"".join(pieces) + one.flush()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_neither_threads_nor_pieces_show(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = compressed(scheme, DATA, 1 << 18)
    assert compressed(scheme, DATA, 9973) == usual
    for threads in (1, 3):
        monkeypatch.setattr(compression, "_threads", lambda n=threads: n)
        assert compressed(scheme, DATA, len(DATA)) == usual


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, len(DATA)])
def test_what_goes_in_comes_out(scheme: str, size: int) -> None:
    made = compressed(scheme, DATA[:size], 1 << 18)
    with plain(io.BytesIO(made), media_type(scheme)) as stream:
        assert stream.read() == DATA[:size]


def test_gzip_itself_reads_it() -> None:
    done = subprocess.run(
        ["gzip", "-dc"], input=compressed(GZIP, DATA, 1 << 16), capture_output=True, check=True
    )
    assert done.stdout == DATA


@pytest.mark.parametrize("method", ["gzip", "zstd"])
def test_damage_is_an_error(method: str) -> None:
    scheme = Compression(method).scheme("part")
    made = bytearray(compressed(scheme, DATA, 1 << 16))
    made[2000] ^= 0xFF
    with (
        pytest.raises((ValueError, OSError, EOFError, gzip.zlib.error)),  # type: ignore[attr-defined]
        plain(io.BytesIO(bytes(made)), media_type(scheme)) as stream,
    ):
        assert stream.read() == DATA


def test_the_schemes_name_the_libraries_that_are_here() -> None:
    number = ".".join(map(str, zstandard.ZSTD_VERSION))
    assert Compression("zstd").scheme("part") == f"zstd:zstd-{number}-serial:9"
    assert f"gzip:zlib-ng-{importlib.metadata.version('zlib-ng')}:6" == GZIP


def test_layers_that_last_are_compressed_harder() -> None:
    assert Compression().scheme("runtime").endswith(":9")
    assert Compression().scheme("part") == GZIP
    assert Compression.parse("gzip:1").scheme("runtime").endswith(":1")
    assert Compression.parse("smallest").scheme("part").endswith(":19")


def test_streams_side_by_side_have_a_bound() -> None:
    """However many threads compress at once, and by whatever: all get their turn."""
    held, most = 0, 0
    lock = threading.Lock()
    sizes = {Compression.parse(word).scheme("part"): size for word, size in MEMORY.items()}

    def compress(scheme: str) -> None:
        nonlocal held, most
        with room(scheme):
            with lock:
                held += sizes[scheme]
                most = max(most, held)
            time.sleep(0.01)
            with lock:
                held -= sizes[scheme]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(compress, [*sizes] * 5))
    assert 0 < most <= 100


def test_an_interrupted_stream_gives_its_memory_back() -> None:
    scheme = Compression.parse("smallest").scheme("part")
    for _ in range(3):
        with pytest.raises(KeyError), room(scheme):
            raise KeyError


@pytest.mark.parametrize("word", ["", "xz", "gzip:0", "gzip:10", "zstd:20", "zstd:", "gzip:x"])
def test_nonsense_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r"levels|no such"):
        Compression.parse(word)


def test_a_layer_is_compressed_anew_without_being_made_again(store: Store) -> None:
    entries = [file("a", DATA), file("b", "text")]
    common = {"kind": "part", "title": "x", "entries": entries, "ground": Ground(), "mtime": 0}
    one = build(store, "one", scheme=GZIP, **common)  # type: ignore[arg-type]
    scheme = Compression("zstd").scheme("part")
    fresh = build(store, "fresh", scheme=scheme, **common)  # type: ignore[arg-type]
    other = recompress(store, "other", one, scheme)
    assert (other.diff_id, other.digest, other.size) == (one.diff_id, fresh.digest, fresh.size)
    assert other.media_type.endswith("+zstd")
    assert other.blob.read_bytes() == fresh.blob.read_bytes()
    assert list(other.entries()) == list(one.entries())
    assert other.layout() == one.layout()


def test_a_damaged_layer_is_not_compressed_anew(store: Store) -> None:
    entries = [file("a", "text")]
    one = build(
        store, "one", kind="x", title="x", entries=entries, ground=Ground(), scheme=GZIP, mtime=0
    )
    one.blob.write_bytes(gzip.compress(b"other"))
    with pytest.raises(ValueError, match="checksum"):
        recompress(store, "other", one, Compression("zstd").scheme("part"))
    assert store.get("layers", "other") is None
