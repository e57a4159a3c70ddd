"""The store: the content-addressed cache on disk that all projects of a user share."""

from rockery.store.store import Store, default_root

__all__ = ["Store", "default_root"]
