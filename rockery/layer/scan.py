"""What reading the files of installed packages says, read once for each distribution.

One is known by its RECORD, which has the checksums of its files. Of scikit-learn's 16 packages
reading takes longer than installing them.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rockery.layer.layer import key
from rockery.layer.recorded import listed
from rockery.store import Store


def scanned(
    store: Store,
    site: Path,
    paths: Iterable[str],
    question: tuple[str, int],
    scan: Callable[[str], Any],
) -> dict[str, Any]:
    """Return what ``scan`` says of the files at ``paths`` below ``site``, where it says something.

    That is JSON data. ``question`` is its name, and a number to raise when ``scan`` changes.
    """
    listing: dict[str, list[Path]] = {path: [] for path in paths}
    for record in sorted(site.glob("*.dist-info/RECORD")):
        for path in listed(record):
            if path in listing:
                listing[path].append(record)
    owned: dict[Path, list[str]] = defaultdict(list)
    # Of a file that several list nobody knows whose it is.
    left: list[str] = []
    for path, records in sorted(listing.items()):
        (owned[records[0]] if len(records) == 1 else left).append(path)
    found = _said(left, scan)
    for record, own in owned.items():
        digest = hashlib.sha256(record.read_bytes()).hexdigest()
        name = key(f"scan for {question[0]}", question[1], [digest, own])
        folder = store.get("verdicts", name)
        if folder is None:
            said = _said(own, scan)
            with store.put("verdicts", name) as content:
                (content / "said.json").write_text(json.dumps(said))
        else:
            said = json.loads((folder / "said.json").read_text())
        found |= said
    return found


def _said(paths: Iterable[str], scan: Callable[[str], Any]) -> dict[str, Any]:
    return {path: said for path in paths if (said := scan(path))}
