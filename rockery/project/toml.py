"""TOML that a user wrote, parsed in bounded time."""

from __future__ import annotations

import re
from typing import Any

#: A key of more parts than anyone writes, where keys stand. The parser takes quadratic time for
#: one, minutes for a file of 600 kB.
_LONG_KEY = r"(?m)(?:^|[\[{,])[ \t]*(?:[\w-]+[ \t]*\.[ \t]*){200}"


def parse(text: str) -> dict[str, Any]:
    """Return what ``text`` says.

    Raises:
        tomllib.TOMLDecodeError: it isn't TOML, or a key has more than 200 parts; the message
            ends with the position as the parser's own do.
        RecursionError: it is nested too deeply.
    """
    import tomllib

    long = re.search(_LONG_KEY, text)
    if long:
        line = text.count("\n", 0, long.start()) + 1
        raise tomllib.TOMLDecodeError(f"A key has more than 200 parts (at line {line}, column 1)")
    return tomllib.loads(text)
