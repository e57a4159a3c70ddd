"""rockery packs Flask and FastAPI projects as rocks."""

__version__ = "0.1.0"
