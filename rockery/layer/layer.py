"""A layer in the store: a compressed blob, its two digests, and the list of its entries."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from rockery.amount import Amount
from rockery.layer import tar
from rockery.layer.compression import Compressor, compressor, media_type, plain, room
from rockery.layer.entry import CHUNK, Entry
from rockery.layer.ground import PLAIN, Ground, settled
from rockery.record import Record
from rockery.store import Store, is_sound
from rockery.store.damage import DamagedLayerError


class Layer(Record):
    """One OCI layer.

    ``digest`` and ``diff_id`` are "sha256:…" of the compressed and the plain tar; ``size`` is
    the compressed size, ``plain_size`` the tar's and ``content_size`` the sum of the files'
    sizes, all in bytes.
    """

    key: str
    kind: str
    title: str
    folder: Path
    digest: str
    diff_id: str
    size: int
    plain_size: int
    content_size: int
    media_type: str

    @property
    def blob(self) -> Path:
        """The compressed tar."""
        return self.folder / "blob"

    @contextlib.contextmanager
    def plain(self) -> Iterator[BinaryIO]:
        """Open the tar, decompressed."""
        with self.blob.open("rb") as blob, plain(blob, self.media_type) as stream:
            yield stream

    def entries(self) -> Iterator[dict[str, Any]]:
        """Give each entry: ``path``, ``kind``, ``mode``, ``uid``, ``gid``, ``size`` or ``target``.

        A file has ``sha256`` too. Sorted by path.

        Raises:
            DamagedLayerError: the list isn't what it was.
        """
        if not is_sound(self.folder, thorough=True):
            raise DamagedLayerError({self.key: self.title})
        with (self.folder / "entries.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)

    def layout(self) -> Layout:
        """Return what matters to the layers above."""
        raw = json.loads((self.folder / "layout.json").read_text())
        return Layout(
            directories={path: (m, u, g) for path, (m, u, g) in raw["directories"].items()},
            implied=frozenset(raw["implied"]),
            folders=frozenset(raw["folders"]),
            links=raw["links"],
        )


class Layout(Record):
    """A layer's directories and links, as the layers above must know them.

    ``folders`` are all directories, ``implied`` those that stand in the layer only as parents,
    ``directories`` those that it means to be other than root 0755, ``links`` all its symbolic
    links.
    """

    folders: frozenset[str]

    directories: dict[str, tuple[int, int, int]]
    implied: frozenset[str]
    links: dict[str, str]


#: What the store keeps of a layer; raise it when that changes.
_FORMAT = 3

#: What it keeps beside the blob and what is known of that.
_LISTS = ("entries.jsonl", "layout.json")


def key(kind: str, recipe: int, inputs: object) -> str:
    """Return the SHA-256 over the canonical JSON of what decides a layer's bytes."""
    text = json.dumps(
        {"format": _FORMAT, "kind": kind, "recipe": recipe, "inputs": inputs},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def compressed_key(content: str, scheme: str) -> str:
    """Return the key of a layer: what decides its tar (``content``), and how that is packed."""
    return key("compressed", 1, [content, scheme])


def load(store: Store, layer_key: str, title: str | None = None) -> Layer | None:
    """Return a stored layer, or None; ``title`` is what the rock that it is for calls it.

    Without one it has the title under which it was made, by whichever rock was the first.
    """
    folder = store.get("layers", layer_key)
    if folder is None:
        return None
    meta = json.loads((folder / "layer.json").read_text())
    layer = Layer(key=layer_key, folder=folder, **{**meta, "title": title or meta["title"]})
    try:
        whole = layer.blob.stat().st_size == layer.size
    except FileNotFoundError:
        whole = False
    if not whole:  # a disk that lost power has cut it
        store.remove("layers", layer_key)
        return None
    return layer


def build(
    store: Store,
    layer_key: str,
    *,
    kind: str,
    title: str,
    entries: Iterable[Entry],
    ground: Ground,
    scheme: str,
    mtime: int,
    amount: Amount | None = None,
) -> Layer:
    """Write a layer into the store and return it.

    ``amount`` tells of the tar's bytes while it is written. The entries' contents are read once,
    piece by piece; memory holds the list of entries and nothing of their contents.
    """
    members, implied = settled(entries, ground)
    amount = amount or Amount()
    amount.done, amount.total = 0, tar.size(members)
    with store.put("layers", layer_key) as folder:
        with room(scheme), (folder / "blob").open("wb") as blob:
            packing = _Packing(blob, compressor(scheme), amount)
            digests = tar.write(members, packing.write, mtime)
            packing.finish()
        _write_entries(folder, members, digests)
        _write_layout(folder, members, implied)
        meta = {
            "kind": kind,
            "title": title,
            "content_size": sum(member.size for member in members),
            **packing.facts(scheme),
        }
        (folder / "layer.json").write_text(json.dumps(meta))
    stored = load(store, layer_key, title)
    assert stored is not None
    return stored


def recompress(
    store: Store, layer_key: str, layer: Layer, scheme: str, amount: Amount | None = None
) -> Layer:
    """Write a stored layer's tar once more, in another scheme, and return that layer.

    ``amount`` is as :func:`build` has it.

    Raises:
        ValueError: what is stored isn't what it was, or is damaged.
    """
    _check_lists(layer)
    amount = amount or Amount()
    amount.done, amount.total = 0, layer.plain_size
    with store.put("layers", layer_key) as folder:
        with room(scheme), (folder / "blob").open("wb") as blob, layer.plain() as stream:
            packing = _Packing(blob, compressor(scheme), amount)
            while piece := stream.read(CHUNK):
                packing.write(piece)
            packing.finish()
        facts = packing.facts(scheme)
        if facts["diff_id"] != layer.diff_id:
            raise ValueError(f"{layer.blob} has another checksum")
        for name in _LISTS:
            shutil.copyfile(layer.folder / name, folder / name)
        meta = json.loads((layer.folder / "layer.json").read_text())
        (folder / "layer.json").write_text(json.dumps({**meta, **facts}))
    stored = load(store, layer_key, layer.title)
    assert stored is not None
    return stored


def adopt(store: Store, layer_key: str, layer: Layer) -> Layer:
    """Store a layer under another key as well, which turned out to mean the same bytes.

    Raises:
        ValueError: what is stored isn't what it was.
    """
    _check_lists(layer)
    with layer.blob.open("rb") as blob:
        if f"sha256:{hashlib.file_digest(blob, 'sha256').hexdigest()}" != layer.digest:
            raise ValueError(f"{layer.blob} has another checksum")
    with store.put("layers", layer_key) as folder:
        for name in ("blob", "layer.json", *_LISTS):
            os.link(layer.folder / name, folder / name)
    stored = load(store, layer_key, layer.title)
    assert stored is not None
    return stored


def _check_lists(layer: Layer) -> None:
    """Raise where what is known of a layer isn't what it was."""
    if not is_sound(layer.folder, thorough=True):
        raise ValueError(f"the lists in {layer.folder} have another checksum")


class _Packing:
    """A tar being compressed into a file, with its digests."""

    def __init__(self, blob: BinaryIO, compress: Compressor, amount: Amount) -> None:
        self._amount = amount
        self._blob, self._compress = blob, compress
        self._packed, self._plain = hashlib.sha256(), hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        self._plain.update(data)
        self._amount.done += len(data)
        if out := self._compress.compress(data):
            self._emit(out)

    def finish(self) -> None:
        self._emit(self._compress.flush())

    def facts(self, scheme: str) -> dict[str, Any]:
        return {
            "digest": f"sha256:{self._packed.hexdigest()}",
            "diff_id": f"sha256:{self._plain.hexdigest()}",
            "size": self._size,
            "plain_size": self._amount.done,
            "media_type": media_type(scheme),
        }

    def _emit(self, data: bytes) -> None:
        self._packed.update(data)
        self._size += len(data)
        self._blob.write(data)


def _write_entries(folder: Path, members: list[Entry], digests: dict[str, str]) -> None:
    with (folder / "entries.jsonl").open("w", encoding="utf-8") as lines:
        for member in members:
            record: dict[str, Any] = {
                "path": member.path,
                "kind": member.kind,
                "mode": member.mode,
                "uid": member.uid,
                "gid": member.gid,
            }
            if member.target:
                record["target"] = member.target
            if member.content is not None:
                record |= {"size": member.size, "sha256": digests[member.path]}
            lines.write(json.dumps(record, ensure_ascii=True) + "\n")


def _write_layout(folder: Path, members: list[Entry], implied: frozenset[str]) -> None:
    special = {
        m.path: (m.mode, m.uid, m.gid)
        for m in members
        if m.kind == "directory" and (m.mode, m.uid, m.gid) != PLAIN and m.path not in implied
    }
    links = {m.path: m.target for m in members if m.kind == "symlink"}
    layout = {
        "folders": [m.path for m in members if m.kind == "directory"],
        "directories": special,
        "implied": sorted(implied),
        "links": links,
    }
    (folder / "layout.json").write_text(json.dumps(layout))
