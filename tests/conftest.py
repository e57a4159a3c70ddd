"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# What takes long on a busy machine is no failure: how long things take is measured in bench/.
settings.register_profile("rockery", deadline=None, max_examples=60)
settings.load_profile("rockery")
