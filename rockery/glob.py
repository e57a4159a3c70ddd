"""Globs over paths: ``*`` and ``?`` within a component, ``**`` over any depth."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable


def matcher(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return a test whether a path matches any of ``patterns``; "a/**" is all below a."""
    return _matcher(tuple(patterns))


@functools.lru_cache(maxsize=1024)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    if not patterns:
        return lambda _path: False
    compiled = re.compile("|".join(f"(?:{expression(p)})" for p in patterns), re.DOTALL)
    return lambda path: compiled.fullmatch(path) is not None


def expression(pattern: str, *, escapes: bool = False) -> str:
    """Return the regular expression that a whole path has to match.

    What stands between two wildcards matches where it first can and is never tried anywhere
    else: the second one takes the rest. So a match takes no more than the product of the two
    lengths.
    """
    steps = re.sub(r"(?<![^/])(\*\*/)+", "**/", pattern).split("/")
    pieces: list[list[str]] = [[]]  # parted by the "**" that have something after them
    for index, step in enumerate(steps):
        last = index == len(steps) - 1
        if step == "**" and not last:
            pieces.append([])
        else:
            end = ".+" if step == "**" else component(step, escapes=escapes)
            pieces[-1].append(end if last else f"{end}/")
    return _parted(["".join(piece) for piece in pieces], "(?:[^/]+/)*")


def _parted(pieces: list[str], wild: str) -> str:
    """Return an expression for ``pieces`` with anything that ``wild`` matches between them."""
    first, *others = pieces
    if not others:
        return first
    middle = "".join(f"(?>{wild}?{piece})" for piece in others[:-1])
    return f"{first}{middle}{wild}{others[-1]}"


@functools.lru_cache(maxsize=4096)
def component(glob: str, *, escapes: bool = False) -> str:
    r"""Return the expression for one component of a glob, which has no "/" in it.

    ``*`` and ``?`` match dots at the start too. With ``escapes`` a backslash takes the next
    character literally, as in gitignore. A class without an end is literal text, and a class
    that cannot be (``[z-a]``) matches nothing.
    """
    pieces, index = [""], 0
    while index < len(glob):
        character = glob[index]
        index += 1
        if character == "*":
            while index < len(glob) and glob[index] == "*":
                index += 1
            pieces.append("")
        elif character == "?":
            pieces[-1] += "[^/]"
        elif character == "\\" and escapes and index < len(glob):
            pieces[-1] += re.escape(glob[index])
            index += 1
        elif character == "[" and (end := _end_of_class(glob, index)) > 0:
            pieces[-1] += _class(glob[index:end])
            index = end + 1
        else:
            pieces[-1] += re.escape(character)
    return _parted(pieces, "[^/]*")


def has_magic(path: str) -> bool:
    """Tell whether ``path`` as a glob could match anything but itself."""
    return any(character in path for character in "*?[")


def literal(path: str) -> str:
    """Return the glob that matches ``path`` alone."""
    return re.sub(r"([*?[])", r"[\1]", path)


def _end_of_class(glob: str, start: int) -> int:
    first = start + 1 if glob[start : start + 1] in ("!", "^") else start
    return glob.find("]", first + 1)


def _class(body: str) -> str:
    negated = body[:1] in ("!", "^")
    body = body[1:] if negated else body
    body = body.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace("^", "\\^")
    expression = f"(?!/)[{'^' if negated else ''}{body}]"
    try:
        re.compile(expression)
    except re.error:
        return "(?!)"
    return expression
