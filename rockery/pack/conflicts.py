"""What may not be in a rock: files that changed meanwhile, or that two parts give differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rockery.errors import Location, Problem, ProjectError
from rockery.layer import Layer
from rockery.layer import key as layer_key
from rockery.store import Store

if TYPE_CHECKING:
    from rockery.plan import PlannedLayer


def check_unchanged(store: Store, layer: Layer, planned: Mapping[str, str]) -> None:
    """Raise, and forget the layer, where a file changed between planning and packing.

    ``planned`` are the files by the SHA-256 that they had.
    """
    written = {entry["sha256"] for entry in layer.entries() if entry["kind"] == "file"}
    for digest, path in planned.items():
        if digest not in written:
            store.remove("layers", layer.key)
            raise changed(path)


def changed(path: str) -> ProjectError:
    """Return the error for a file that changed while it was being packed."""
    return ProjectError(
        Problem(
            f"cannot pack {path}: it changed while it was being packed",
            "changed-file",
            Location(path),
            "run again",
        )
    )


def check_conflicts(
    store: Store, layers: Sequence[tuple[PlannedLayer, Layer]], owned: Mapping[str, str]
) -> None:
    """Raise where two parts ship different files at one path; a base may be overridden.

    ``owned`` are paths of files that aren't made yet, with what will make them.
    """
    key = layer_key("conflicts", 2, [[layer.digest for _, layer in layers], dict(owned)])
    if store.get("verdicts", key) is not None:
        return
    seen: dict[str, tuple[str, object]] = {path: (owner, None) for path, owner in owned.items()}
    problems = []
    for planned, layer in layers:
        if planned.kind == "base":
            continue
        for entry in layer.entries():
            if entry["kind"] == "directory":
                continue
            what = entry.get("sha256") or entry.get("target")
            path = entry["path"]
            owner, before = seen.setdefault(path, (planned.title, what))
            if before != what and planned.kind != "configuration":
                problems.append(
                    Problem(
                        f"cannot pack /{path}: {owner!r} and {planned.title!r} ship different "
                        "files there",
                        "conflicting-files",
                        remedy=f"leave it out of one of them ('stage: [-{path}]')",
                    )
                )
    if problems:
        raise ProjectError(*problems[:20])
    with store.put("verdicts", key) as folder:
        (folder / "none").touch()
