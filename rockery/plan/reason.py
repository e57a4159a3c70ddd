"""Why a layer is made: what differs from the last pack of the project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: Facts that have no name in the project. Packs of older versions of rockery noted none of
#: them, so one that is new has not changed.
PYTHON, FILTERS, COMPILER = "the rock's Python", "what parts take of packages", "the compiler"
OTHERS = "what else is installed"
EPOCH, COMPRESSION = "SOURCE_DATE_EPOCH", "the compression"
_UNNAMED = frozenset({PYTHON, FILTERS, COMPILER, OTHERS, EPOCH, COMPRESSION})

#: The reason of a layer that neither this nor another pack of the project has made.
NOT_MADE = "not made yet"

#: The reason of a layer of which no fact changed: how it is made did.
CHANGED_RULES = "rockery, or what it knows of the base, changed"


def reason(now: Mapping[str, str], before: Mapping[str, str] | None) -> str:
    """Say how the facts of a layer differ from those of the last pack, None if there was none."""
    if before is None:
        return NOT_MADE
    now = {name: fact for name, fact in now.items() if name in before or name not in _UNNAMED}
    changed = sorted(name for name in now if now[name] != before.get(name))
    gone = sorted(name for name in before if name not in now and name not in _UNNAMED)
    words = [_listed([n for n in changed if n in before], "changed")]
    words += [_listed([n for n in changed if n not in before], "added"), _listed(gone, "removed")]
    return ", ".join(word for word in words if word) or CHANGED_RULES


def _listed(names: Sequence[str], verb: str) -> str:
    if not names:
        return ""
    return f"{names[0]} {verb}" if len(names) == 1 else f"{len(names)} {verb} ({names[0]}, …)"
