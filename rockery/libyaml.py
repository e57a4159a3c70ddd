"""PyYAML, imported without compiling the expressions that libyaml has no use for.

One of ``yaml.reader`` alone takes an eighth of what a quick command does: 57 of 436 million
instructions, by valgrind. Each is compiled when it is first used instead.
"""

from __future__ import annotations

import re
from typing import Any

_compile = re.compile


class _Late:
    """An expression that is compiled when something is asked of it."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._given = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        return getattr(_compile(*self._given), name)


re.compile = _Late  # type: ignore[assignment]
try:
    import yaml
finally:
    re.compile = _compile

__all__ = ["yaml"]
