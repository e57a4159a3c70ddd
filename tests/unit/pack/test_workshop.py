"""Making a layer that several packs want at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from rockery.amount import Amount
from rockery.layer import Ground, Layer
from rockery.layer import build as build_layer
from rockery.layer.compression import GZIP
from rockery.pack import act
from rockery.plan import FilesSpec, PlannedFile, PlannedLayer
from rockery.store import Store

PLANNED = PlannedLayer(
    *("part", "app", "key", FilesSpec((PlannedFile("x", "file", 0o644, 0, 0, data=b"x"),))),
    *({}, False, "not made yet", "content", GZIP),
)


class Silent:
    """Watches and says nothing."""

    def step(self, title: str, amount: Amount | None = None) -> None:
        pass

    def done(self, title: str, outcome: str) -> None:
        pass


def workshop(store: Store) -> act.Workshop:
    """Return what makes a layer of files, and nothing else of a pack."""
    made: Any = object.__new__(act.Workshop)
    made.store, made.ground, made.watcher = store, Ground(), Silent()
    made._mtime, made._made = 0, {}
    return made  # type: ignore[no-any-return]


def test_packs_that_want_the_same_layer_make_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    made: list[str] = []

    def slowly(*given: Any, **named: Any) -> Layer:
        made.append(named["title"])
        time.sleep(0.2)  # as long as any other needs to come here too
        return build_layer(*given, **named)

    monkeypatch.setattr(act, "build", slowly)
    packs = [workshop(store) for _ in range(4)]
    threads = [threading.Thread(target=pack._keep_made, args=(PLANNED,)) for pack in packs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert made == ["app"]
    assert {pack._made["app"].digest for pack in packs} == {packs[0]._made["app"].digest}
