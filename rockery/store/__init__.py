"""The store: the content-addressed cache on disk that all projects of a user share."""

from rockery.store.digests import GRAIN, Digests, digest_of
from rockery.store.seal import is_sound
from rockery.store.store import Store, default_root

__all__ = ["GRAIN", "Digests", "Store", "default_root", "digest_of", "is_sound"]
