"""Rendering an extension's snippet: a Jinja2 template of YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rockery.errors import Location, Problem, ProjectError
from rockery.extension.definition import Definition
from rockery.project.document import Document


def render(definition: Definition, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the snippet of ``definition`` for ``values``.

    Raises :class:`ProjectError` for a template or its YAML that is broken.
    """
    text = plain(definition.snippet, values)
    if text is None:
        text = _rendered(definition, values)
    return Document.parse(text, _file(definition)).data


def _file(definition: Definition) -> str:
    return f"{definition.name}/extension.yaml (snippet)"


# --- most templates ---------------------------------------------------------------------

_TAG = re.compile(r"(?s)\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
_TEXT = r"'[^'\\]*'|\"[^\"\\]*\""
_EXPRESSION = re.compile(
    rf"(?P<then>{_TEXT}) if (?P<test>\w+) else (?P<other>{_TEXT})"
    r"|(?P<name>[a-z]\w*)(?P<json> ?\| ?tojson)?"
)
_TEST = re.compile(r"if (?P<no>not )?(?P<name>[a-z]\w*)")
#: What HTML would take for markup is escaped by Jinja2, so that it is the same here.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&'"}


def plain(template: str, values: Mapping[str, Any]) -> str | None:
    """Render a template that only names values and asks whether they are true.

    ``{{ name }}``, ``{{ name | tojson }}``, ``{{ 'a' if name else 'b' }}``, ``{% if name %}``,
    ``{% if not name %}``, ``{% else %}`` and ``{% endif %}`` mean what they mean to Jinja2,
    whose import takes longer than all else that an expansion does. Returns None for a
    template that has anything else.
    """
    if "\r" in template:
        return None
    rendered: list[str] = []
    #: For the whole and each open "if": whether its text counts, and "else" may still come.
    counting = [(True, False)]
    try:
        for text, tag in _pieces(template):
            if re.search(r"\{[{%#]", text):
                raise _UnusualError
            if counting[-1][0]:
                rendered.append(text)
            if tag.startswith("{{"):
                shown = _shown(tag[2:-2].strip(), values)
                if counting[-1][0]:
                    rendered.append(shown)
            elif tag:
                _count(tag[2:-2].strip(), values, counting)
    except _UnusualError:
        return None
    return "".join(rendered) if len(counting) == 1 else None


class _UnusualError(Exception):
    """Something that only Jinja2 knows."""


def _pieces(template: str) -> Iterator[tuple[str, str]]:
    """Give each text with the tag after it, "" at the end; white space is as configured below.

    The line break after a block, and white space between a line's start and a block, are cut
    away (``trim_blocks``, ``lstrip_blocks``); ``-`` cuts all around it.
    """
    start = 0
    cut, at_start = "none", True
    for found in _TAG.finditer(template):
        text, tag = template[start : found.start()], found[0]
        start = found.end()
        if tag.startswith("{#") or tag[2] == "+" or tag[-3] == "+":
            raise _UnusualError
        text, at_start = _cut_start(text, cut, at_start)
        block = tag.startswith("{%")
        if tag[2] == "-":
            text, tag = text.rstrip(), tag[:2] + tag[3:]
        elif block:
            line, indent = _last_line(text)
            if not indent.strip(" \t") and (line or at_start):
                text = line
        cut = "all" if tag[-3] == "-" else "line" if block else "none"
        tag = tag[:-3] + tag[-2:] if tag[-3] == "-" else tag
        yield text, tag
        at_start = False
    rest, _ = _cut_start(template[start:], cut, at_start)
    # Jinja2 leaves out one line break at the end.
    yield rest.removesuffix("\n"), ""


def _cut_start(text: str, cut: str, at_start: bool) -> tuple[str, bool]:
    """Return the text without what the tag before it cuts, and whether it starts a line."""
    if cut == "all":
        return text.lstrip(), text[: len(text) - len(text.lstrip())].endswith("\n")
    if cut == "line" and text.startswith("\n"):
        return text[1:], True
    return text, at_start


def _last_line(text: str) -> tuple[str, str]:
    end = text.rfind("\n") + 1
    return text[:end], text[end:]


def _shown(expression: str, values: Mapping[str, Any]) -> str:
    found = _EXPRESSION.fullmatch(expression)
    if found is None:
        raise _UnusualError
    if found["name"] is None:
        return str(found["then" if _value(found["test"], values) else "other"][1:-1])
    value = _value(found["name"], values)
    if found["json"]:
        return json.dumps(value).translate(_ESCAPES)
    if not isinstance(value, str):
        raise _UnusualError
    return value


def _count(statement: str, values: Mapping[str, Any], counting: list[tuple[bool, bool]]) -> None:
    if found := _TEST.fullmatch(statement):
        true = bool(_value(found["name"], values)) != bool(found["no"])
        counting.append((counting[-1][0] and true, True))
    elif statement == "else" and counting[-1][1]:
        counted, _ = counting.pop()
        counting.append((counting[-1][0] and not counted, False))
    elif statement == "endif" and len(counting) > 1:
        counting.pop()
    else:
        raise _UnusualError


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise _UnusualError  # Jinja2 says what is wrong
    return values[name]


# --- all others -------------------------------------------------------------------------


def _rendered(definition: Definition, values: Mapping[str, Any]) -> str:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # An extension of a project's own is the user's data: a template of it can compute texts,
    # and reach nothing else.
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    # The order of keys is for people.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    try:
        return environment.from_string(definition.snippet).render(values)
    except (jinja2.TemplateError, TypeError, ArithmeticError, OverflowError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        problem = Problem(
            f"cannot render the snippet of {definition.name}: {error}",
            "broken-snippet",
            Location(_file(definition), line),
        )
        raise ProjectError(problem) from error
