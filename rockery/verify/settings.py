"""Which settings an import that failed asks for, and what to give it to get further.

Only what the failure itself names is set. Placeholders for every name that was read and
not found break gevent, loguru and protobuf (tried).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from rockery.verify.verdict import Frame, Raised, Report, mentioned

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"url|uri|dsn", re.IGNORECASE)
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*[A-Z0-9]")


def asked_for(report: Report) -> tuple[str, ...]:
    """Return the environment variables that the report's exceptions name."""
    reads = {read.name for read in report.reads}
    names: list[str] = []
    for raised in report.raised:
        names += [field.name for field in raised.fields if field.type == "missing"]
        words = _WORD.findall(raised.message)
        names += [word for word in [raised.key, *words] if word in reads]
        # A copy of the environment was asked, which we don't see.
        if raised.key and _CAPITALS.fullmatch(raised.key):
            names.append(raised.key)
        if "environment variable" in raised.message.lower():
            names += [word for word in words if _CAPITALS.fullmatch(word)]
        # int(os.environ.get("PORT")): the line names what the exception doesn't.
        needed = {read.name for read in report.reads if read.need != "defaulted"}
        names += [word for word in _WORD.findall(_own_line(raised)) if word in needed]
    return tuple(dict.fromkeys(name for name in names if _WORD.fullmatch(name)))


def placeholder(name: str) -> str:
    """Return a first value for a setting, one that is recognised wherever it turns up."""
    return f"placeholder_{name}"


def refined(report: Report, placeholders: Mapping[str, str]) -> dict[str, str]:
    """Return better values for the placeholders that the report's exceptions complain about."""
    better = {}
    for name, value in placeholders.items():
        raised = mentioned(value, report.raised)
        if raised is None and _ADDRESS.search(name):  # SQLAlchemy keeps a bad URL to itself
            raised = next((each for each in report.raised if _ADDRESS.search(each.message)), None)
        found = raised and _better(raised, name, value)
        if found and found != value:
            better[name] = found
    return better


def unset(names: Collection[str], placeholders: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names that have no placeholder yet."""
    return tuple(name for name in names if name not in placeholders)


def _better(raised: Raised, name: str, value: str) -> str | None:
    # What pydantic says of this one field, where it speaks of several.
    told = [field.type for field in raised.fields if value in field.input or field.name == name]
    words = " ".join(told) if told else f"{raised.type} {raised.message}".replace(value, "")
    words = words.replace("_", " ").lower()
    if re.search(r"\b(int|integer|float|number|numeric|decimal|digit)\b|base 10", words):
        return "1"
    if re.search(r"\bbool(ean)?\b|truth value", words):
        return "true"
    if "error parsing value for field" in words:
        return "[]"
    if "json" in words:
        return "{}"
    if "sqlalchemy" in words or "rfc1738" in words:
        return "sqlite://"
    if re.search(r"\b(url|uri)\b", words):
        return "http://localhost/placeholder"
    return None


def _own_line(raised: Raised) -> str:
    """Return the project's line in which an exception came up."""
    own: list[Frame] = [frame for frame in raised.frames if frame.origin == "project"]
    return own[-1].text if own else ""
