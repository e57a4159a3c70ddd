"""Resolving a distribution's packages, or remembering how that went."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rockery.base import Base
from rockery.pack.options import Options, Watcher
from rockery.resolution import distribution
from rockery.resolution.apt import Apt
from rockery.resolution.distribution import DistributionResolution
from rockery.store import Store


def resolve(
    store: Store,
    base: Base,
    architecture: str,
    words: Sequence[str],
    options: Options,
    watcher: Watcher,
    *,
    bare: bool,
) -> tuple[Apt, DistributionResolution]:
    """Return apt for the base, and what ``words`` come to.

    A stored answer is used until the words, the base or the mirrors change, or
    ``options.refresh`` asks for a new one.

    Raises:
        ProjectError: a package doesn't exist, or the set contradicts itself.
        SurroundingsError: an archive can't be reached.
    """
    apt = Apt(store, base, architecture, options.mirrors)
    key = distribution.identity(base, architecture, words, bare=bare)
    key = hashlib.sha256(f"{key} {apt.name}".encode()).hexdigest()
    found = None if options.refresh else distribution.stored(store, key)
    if found is None:
        title = f"resolving packages of {base.name}"
        watcher.step(title)
        apt.update(offline=options.offline, fresh=options.refresh)
        found = distribution.resolve(store, key, apt, words, bare=bare)
        watcher.done(title, f"{len(found.base) + len(found.runtime)} packages")
    return apt, found
