"""Parts that are more than files: scripts, other plugins, remote sources."""

from rockery.part.build import Built, build, prepare_host

__all__ = ["Built", "build", "prepare_host"]
