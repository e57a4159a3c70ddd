"""Telling at once whether a file is as its JSON Schema says.

The schemas in ``schema/`` are generated from the models, for editors. What conforms to one is
fine by its models too, and they needn't be imported; what doesn't is looked at by the models,
which tell what is wrong. Only the keywords that the schemas use are known here.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from rockery.data import data_folder

Schema = Mapping[str, Any]


def conforms(value: Any, name: str) -> bool:
    """Tell whether ``value`` conforms to the schema ``name`` ("rockcraft", "extension")."""
    whole = schema(name)
    return _Checking(whole.get("$defs", {})).holds(value, whole)


@functools.cache
def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of that name."""
    found: dict[str, Any] = json.loads((data_folder("schema") / f"{name}.json").read_text())
    return found


class _Checking:
    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def holds(self, value: Any, schema: Schema | bool) -> bool:
        if isinstance(schema, bool):
            return schema
        return all(
            keyword in _SILENT or _KEYWORDS[keyword](self, value, argument, schema)
            for keyword, argument in schema.items()
        )

    def reference(self, value: Any, argument: str, _: Schema) -> bool:
        return self.holds(value, self._definitions[argument.removeprefix("#/$defs/")])

    def properties(self, value: Any, argument: Mapping[str, Schema], _: Schema) -> bool:
        if not isinstance(value, dict):
            return True
        return all(self.holds(value[key], argument[key]) for key in value if key in argument)

    def patterns(self, value: Any, argument: Mapping[str, Schema], _: Schema) -> bool:
        if not isinstance(value, dict):
            return True
        return all(
            self.holds(item, below)
            for pattern, below in argument.items()
            for key, item in value.items()
            if _matches(pattern, key)
        )

    def rest(self, value: Any, argument: Schema | bool, schema: Schema) -> bool:
        if not isinstance(value, dict) or argument is True:
            return True
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        return all(
            self.holds(item, argument)
            for key, item in value.items()
            if key not in known and not any(_matches(pattern, key) for pattern in patterns)
        )

    def names(self, value: Any, argument: Schema, _: Schema) -> bool:
        return not isinstance(value, dict) or all(self.holds(key, argument) for key in value)

    def items(self, value: Any, argument: Schema, _: Schema) -> bool:
        return not isinstance(value, list) or all(self.holds(item, argument) for item in value)

    def prefix(self, value: Any, argument: list[Schema], _: Schema) -> bool:
        if not isinstance(value, list):
            return True
        return all(self.holds(*pair) for pair in zip(value, argument, strict=False))

    def any_of(self, value: Any, argument: list[Schema], _: Schema) -> bool:
        return any(self.holds(value, one) for one in argument)

    def all_of(self, value: Any, argument: list[Schema], _: Schema) -> bool:
        return all(self.holds(value, one) for one in argument)

    def no(self, value: Any, argument: Schema, _: Schema) -> bool:
        return not self.holds(value, argument)


def _is(value: Any, type_: str | list[str]) -> bool:
    if isinstance(type_, list):
        return any(_is(value, one) for one in type_)
    if isinstance(value, bool):
        return type_ == "boolean"
    return isinstance(value, _TYPES[type_])


_TYPES: dict[str, Any] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "object": dict,
    "array": list,
    "null": type(None),
    "boolean": bool,
}


def _matches(pattern: str, text: str) -> bool:
    # "$" is the end of the text in a schema, and in Python also a line's before it.
    return re.search(re.sub(r"\$$", r"\\Z", pattern), text) is not None


def _dependent(value: Any, argument: Mapping[str, list[str]]) -> bool:
    if not isinstance(value, dict):
        return True
    return all(key not in value or set(needed) <= value.keys() for key, needed in argument.items())


#: Keywords that ask for nothing.
_SILENT = frozenset({"$schema", "$id", "$defs", "title", "description", "default", "examples"})

# A text may be written as a number, and what is said of texts is said of those too.
_KEYWORDS: dict[str, Callable[[_Checking, Any, Any, Schema], bool]] = {
    "$ref": _Checking.reference,
    "type": lambda _, value, argument, __: _is(value, argument),
    "enum": lambda _, value, argument, __: value in argument,
    "const": lambda _, value, argument, __: value == argument,
    "pattern": lambda _, value, argument, __: _matches(argument, str(value)),
    "minLength": lambda _, value, argument, __: len(str(value)) >= argument,
    "maxLength": lambda _, value, argument, __: len(str(value)) <= argument,
    "minimum": lambda _, value, argument, __: not _is(value, "number") or value >= argument,
    "maximum": lambda _, value, argument, __: not _is(value, "number") or value <= argument,
    "minItems": lambda _, value, argument, __: not _is(value, "array") or len(value) >= argument,
    "maxItems": lambda _, value, argument, __: not _is(value, "array") or len(value) <= argument,
    "minProperties": lambda _, value, argument, __: (
        not _is(value, "object") or len(value) >= argument
    ),
    "required": lambda _, value, argument, __: (
        not _is(value, "object") or set(argument) <= value.keys()
    ),
    "dependentRequired": lambda _, value, argument, __: _dependent(value, argument),
    "properties": _Checking.properties,
    "patternProperties": _Checking.patterns,
    "additionalProperties": _Checking.rest,
    "propertyNames": _Checking.names,
    "prefixItems": _Checking.prefix,
    "items": _Checking.items,
    "anyOf": _Checking.any_of,
    "allOf": _Checking.all_of,
    "not": _Checking.no,
}
