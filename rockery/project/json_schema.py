"""The JSON Schema of ``rockcraft.yaml``, extensions included, for editors.

``python -m rockery.project.json_schema > schema/rockcraft.json`` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rockery.data import data_folder
from rockery.project import bases, keys
from rockery.project.schema import RockFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def document() -> dict[str, Any]:
    """Return the schema, generated from the models and the table of keys."""
    whole = plain(RockFile.model_json_schema())
    definitions = whole["$defs"]
    for keyed, table in (
        (whole, keys.ROCK),
        (definitions["Service"], keys.SERVICE),
        (definitions["Check"], keys.CHECK),
        (definitions["Part"], keys.PART),
    ):
        _describe(keyed, table)
    whole["properties"]["extensions"] = {
        "description": keys.ROCK["extensions"].meaning,
        "type": "array",
        "items": {"anyOf": [{"enum": _extensions()}, {"type": "string"}]},
    }
    part = definitions["Part"]["properties"]
    for plugin, own in keys.PLUGINS.items():
        for key in own:
            known = part.setdefault(key, {})
            known.setdefault("description", f"a key of `plugin: {plugin}`")
    part["plugin"] = {"description": keys.PART["plugin"].meaning, "enum": [*keys.PLUGINS]}
    old = "|".join(sorted({name.partition("@")[0] for name in bases.known()}))
    for key, names in (("base", (bases.BARE, *bases.known())), ("build-base", bases.known())):
        whole["properties"][key] = {
            "description": keys.ROCK[key].meaning,
            "anyOf": [{"enum": [*names]}, {"pattern": f"^({old}):[0-9.]+$"}],
        }
    return {
        "$schema": DIALECT,
        "title": "rockcraft.yaml",
        "description": "A rock, and the extensions that say what is in it",
        **whole,
    }


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema of pydantic's without the titles and defaults that say nothing."""

    def cleaned(value: Any, *, named: bool) -> Any:
        if isinstance(value, list):
            return [cleaned(item, named=False) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: cleaned(item, named=not named and key in ("properties", "$defs"))
            for key, item in value.items()
            if named or key not in ("title", "default")
        }

    found: dict[str, Any] = cleaned(schema, named=False)
    return found


def text(schema: Mapping[str, Any]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _describe(model: dict[str, Any], table: Mapping[str, keys.Key]) -> None:
    """Say what each key means; one that is refused is none."""
    properties = model["properties"]
    for key, known in table.items():
        if key in properties:
            properties[key] = {"description": known.meaning, **properties[key]}
    model["additionalProperties"] = False
    model.pop("description", None)


def _extensions() -> list[str]:
    return sorted(file.parent.name for file in data_folder("extensions").glob("*/extension.yaml"))


if __name__ == "__main__":
    print(text(document()), end="")
