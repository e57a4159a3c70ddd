"""Licences as SPDX expressions (SPDX specification 2.3, annex D).

What has no identifier on SPDX's list keeps its name as ``LicenseRef-…``, with the text that
came with it. A name that may mean several licences ("BSD") is not guessed at.
"""

from __future__ import annotations

import functools
import hashlib
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Licence:
    """An SPDX expression, "" where nothing is known, and the texts of its references."""

    expression: str
    texts: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self.expression)


NO_LICENCE = Licence("")


# The library completes what it knows while it parses.
_PARSING = threading.Lock()


@functools.cache
def _licensing() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def parse(expression: str, *, validate: bool = False) -> Any:
    """Return an expression as the library has it, in any thread.

    Raises:
        ExpressionError: with ``validate``, it has other words than SPDX's list.
        ExpressionParseError: it is none.
    """
    with _PARSING:
        return _licensing().parse(expression, validate=validate)


@functools.lru_cache(maxsize=1024)
def known(text: str) -> str | None:
    """Return ``text`` as a canonical expression of SPDX identifiers, or None if it isn't one."""
    from license_expression import ExpressionError, ExpressionParseError

    if not re.fullmatch(r"[\w.+() -]+", text):
        return None
    try:
        parsed = parse(text, validate=True)
    except (ExpressionError, ExpressionParseError):
        return None
    expression = "" if parsed is None else str(parsed)
    return None if not expression or "LicenseRef" in expression else expression


def reference(name: str, text: str = "") -> Licence:
    """Return a licence outside SPDX's list.

    Equal names of unequal texts must not meet: a digest of the text is part of the reference.
    """
    word = re.sub(r"[^A-Za-z0-9.]+", "-", name.replace("+", "-or-later-")).strip("-.") or "unnamed"
    text = text.strip()
    if text:
        word += "-" + hashlib.sha256(text.encode()).hexdigest()[:8]
    ref = f"LicenseRef-{word}"
    return Licence(ref, {ref: text or f"Known only by its name: {name}"})


def joined(licences: Iterable[Licence], word: Literal["AND", "OR"] = "AND") -> Licence:
    """Return all ``licences`` as one expression, each once, in a fixed order."""
    texts: dict[str, str] = {}
    expressions: set[str] = set()
    for licence in licences:
        texts |= licence.texts
        expressions.update(_terms(licence.expression, word))
    if len(expressions) == 1:
        return Licence(expressions.pop(), texts)
    other = " OR " if word == "AND" else " AND "
    terms = [f"({term})" if other in term else term for term in sorted(expressions)]
    return Licence(f" {word} ".join(terms), texts)


def _terms(expression: str, word: str) -> list[str]:
    """Return what ``word`` joins in an expression: "A AND B" gives A and B for AND."""
    if not expression:
        return []
    parsed = parse(expression)
    if isinstance(parsed, getattr(_licensing(), word)):
        return [str(term) for term in parsed.args]
    return [str(parsed)]
