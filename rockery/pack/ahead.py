"""What a pack will need for sure, begun before anything else is known."""

from __future__ import annotations

from rockery.pack import memory
from rockery.pack.options import Options
from rockery.sbom.writer import Writer
from rockery.store import Store


def writer(options: Options, store: Store) -> Writer:
    """Return who writes the bill of materials, at work already where there never was one."""
    made = Writer()
    if not memory.knows(store, options.folder):
        made.start()
    return made
