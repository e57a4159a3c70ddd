"""Components: the programs a rock carries that are not the user's."""

from rockery.component.component import Binaries, Component, Program, component, components

__all__ = ["Binaries", "Component", "Program", "component", "components"]
