"""Extensions: what a framework needs, as data, and expanding a project with it.

What is imported on first use costs more than most commands do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rockery.extension.definition import Definition as Definition
    from rockery.extension.definition import load_definition as load_definition
    from rockery.extension.definition import names as names
    from rockery.extension.expansion import Expansion as Expansion
    from rockery.extension.expansion import dump_yaml as dump_yaml
    from rockery.extension.expansion import expand as expand
    from rockery.extension.profile import initialise as initialise
    from rockery.extension.profile import profiles as profiles

_HOMES = {
    "Definition": "definition",
    "load_definition": "definition",
    "names": "definition",
    "Expansion": "expansion",
    "dump_yaml": "expansion",
    "expand": "expansion",
    "initialise": "profile",
    "profiles": "profile",
}

__all__ = [
    "Definition",
    "Expansion",
    "dump_yaml",
    "expand",
    "initialise",
    "load_definition",
    "names",
    "profiles",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
