"""Path patterns: ``*`` within a component, ``**`` over any depth, many at once as one regex."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Iterable


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return a test whether a path matches any of ``patterns``; "a/**" is all below a."""
    return _matcher(tuple(patterns))


@functools.cache
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    if not patterns:
        return lambda _path: False
    compiled = re.compile("|".join(f"(?:{_regex(pattern)})" for pattern in patterns))
    return lambda path: compiled.fullmatch(path) is not None


def _regex(pattern: str) -> str:
    out = []
    for n, component in enumerate(steps := pattern.split("/")):
        last = n == len(steps) - 1
        if component == "**":
            out.append(".*" if last else "(?:[^/]+/)*")
            continue
        translated = fnmatch.translate(component)  # "(?s:…)\Z"
        inner = translated[len("(?s:") : translated.rindex(")")]
        out.append(inner.replace(".*", "[^/]*") + ("" if last else "/"))
    return "".join(out)
