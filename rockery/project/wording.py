"""What is said of a value that does not fit: pydantic's findings in rockery's words."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from rockery.errors import Location, Problem

if TYPE_CHECKING:
    from pydantic import ValidationError

    from rockery.project.rules import Where

_NEEDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "tuple_type": "a list",
    "list_type": "a list",
}


def kind(value: Any) -> str:
    """Name what ``value`` is to someone who writes YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list | tuple) else "keys and values"


def nearest(word: str, words: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest of ``words``, or nothing."""
    found = closest(word, words)
    return f"; did you mean {found!r}?" if found else ""


def closest(word: str, words: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return that of the first 1,000 ``words`` which is most like ``word``.

    ``likeness`` is the least it may have, where 1 is equal.
    """
    import difflib  # needed only when something is wrong

    if len(word) > 100:
        return None
    among = [each for each in islice(words, 1000) if len(each) <= 100]
    found = difflib.get_close_matches(word, among, n=1, cutoff=likeness)
    return found[0] if found else None


def translate(
    error: ValidationError | None, where: Where, *, skip: Collection[Location | None] = ()
) -> list[Problem]:
    """Return a problem for each finding whose position isn't in ``skip`` already."""
    found: dict[tuple[str | int, ...], Problem] = {}
    for finding in error.errors(include_url=False) if error else ():
        path = finding["loc"]
        place = where(*path)
        if place in skip or path in found:
            continue
        if finding["type"] == "missing" and len(path) == 1:
            continue  # reported with an example by the schema itself
        found[path] = Problem(
            f"cannot use {_name(path)}: {_reason(finding)}",
            "missing-key" if finding["type"] == "missing" else "bad-value",
            place,
        )
    return list(found.values())


def _name(path: tuple[str | int, ...]) -> str:
    """Name a value as ``parts.web.prime[0]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return repr(text)


def _reason(finding: Any) -> str:
    type_, context, value = finding["type"], finding.get("ctx", {}), finding.get("input")
    if type_ == "value_error":
        return str(context["error"])
    if type_ == "literal_error":
        allowed = str(context["expected"])
        return f"{value!r} is not one of {allowed.replace(' or ', ', ')}"
    if type_ == "missing":
        return "it is missing"
    if type_ in _NEEDS:
        return f"needs {_NEEDS[type_]}, not {kind(value)}"
    if type_ in ("greater_than_equal", "less_than_equal"):
        bound = context.get("ge", context.get("le"))
        return f"{value} has to be at {'least' if 'ge' in context else 'most'} {bound}"
    return str(finding["msg"]).lower()
