"""The store: the content-addressed cache on disk that all projects of a user share."""

from rockery.store.digests import Digests, digest_of, settles
from rockery.store.seal import is_sound, is_unpacked
from rockery.store.store import Store, default_root

__all__ = [
    "Digests",
    "Store",
    "default_root",
    "digest_of",
    "is_sound",
    "is_unpacked",
    "settles",
]
