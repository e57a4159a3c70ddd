"""Running a rock on this machine: with Docker, with podman, or with no engine at all."""

from rockery.run.runner import Runner, Wishes, choose
from rockery.run.watch import Watch

__all__ = ["Runner", "Watch", "Wishes", "choose"]
