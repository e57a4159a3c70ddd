"""Puts prebuilt components into a wheel where scripts/wheel has built them."""

from __future__ import annotations

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ComponentsHook(BuildHookInterface[Any]):
    """Adds the folder that ``ROCKERY_WHEEL_COMPONENTS`` names, if it names one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map the folder to where :mod:`rockery.data` looks for it."""
        folder = os.environ.get("ROCKERY_WHEEL_COMPONENTS")
        if folder and version != "editable":
            build_data["force_include"][folder] = "rockery/_data/components"
