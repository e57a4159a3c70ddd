"""What the store remembers of a project: the facts of its last pack."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rockery.errors import SurroundingsError
from rockery.layer import key as layer_key
from rockery.layer import load
from rockery.store import Store

if TYPE_CHECKING:
    from rockery.plan import Plan


def _key(folder: Path) -> str:
    return layer_key("project", 1, str(folder.resolve()))


def knows(store: Store, folder: Path) -> bool:
    """Tell whether ``folder`` has ever been packed."""
    return store.get("projects", _key(folder)) is not None


def recall(store: Store, folder: Path, platform: str) -> Mapping[str, Mapping[str, str]]:
    """Return the facts of the last pack of ``folder`` for ``platform``, by layer title."""
    facts: dict[str, dict[str, str]] = _read(store, folder).get(platform, {}).get("facts", {})
    return facts


def remember(store: Store, folder: Path, plan: Plan) -> None:
    """Keep the facts of ``plan`` for the reasons of the next, and its layers for ``clean``."""
    from rockery.plan import BillSpec, BuiltSpec, FilesSpec, ProjectSpec

    record = {
        "facts": {layer.title: dict(layer.facts) for layer in plan.layers},
        "layers": [
            layer.key
            for layer in plan.layers
            if isinstance(layer.spec, FilesSpec | BillSpec | BuiltSpec | ProjectSpec)
        ],
    }
    kept = _read(store, folder)
    if kept.get(plan.platform) == record:
        return
    _write(store, folder, {**kept, plan.platform: record})


def amend(
    store: Store, folder: Path, platform: str, made: Mapping[str, tuple[str, Mapping[str, str]]]
) -> None:
    """Keep the keys and facts of layers that alone were made anew, by their titles."""
    kept = _read(store, folder)
    record = kept.get(platform, {"facts": {}, "layers": []})
    facts = {title: dict(facts) for title, (_, facts) in made.items()}
    keys = [key for key, _ in made.values() if key not in record["layers"]]
    record = {"facts": {**record["facts"], **facts}, "layers": [*record["layers"], *keys]}
    _write(store, folder, {**kept, platform: record})


def forget(store: Store, folder: Path) -> tuple[int, int]:
    """Remove what is stored of the project alone.

    Returns:
        How many layers that were, and their bytes with what was unpacked of them.
    """
    keys = {key for record in _read(store, folder).values() for key in record["layers"]}
    present = [layer for key in keys if (layer := load(store, key)) is not None]
    size = 0
    for layer in present:
        tree = layer.diff_id.removeprefix("sha256:")
        if store.get("trees", tree) is not None:
            store.remove("trees", tree)
            size += layer.content_size
        store.remove("layers", layer.key)
        size += layer.size
    store.remove("projects", _key(folder))
    return len(present), size


def _read(store: Store, folder: Path) -> dict[str, Any]:
    found = store.get("projects", _key(folder))
    if found is None:
        return {}
    raw: dict[str, Any] = json.loads((found / "packs.json").read_text())
    return raw


def _write(store: Store, folder: Path, packs: Mapping[str, Any]) -> None:
    """Keep this of a project; a store that can't be written stays as it is."""
    with (
        contextlib.suppress(SurroundingsError),
        store.put("projects", _key(folder), replace=True) as content,
    ):
        (content / "packs.json").write_text(json.dumps(packs))
