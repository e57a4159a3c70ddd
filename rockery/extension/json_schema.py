"""The JSON Schema of ``extension.yaml``, for editors.

``python -m rockery.extension.json_schema > schema/extension.json`` writes it anew.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from rockery.extension.definition import (
    Definition,
    EntrypointRules,
    Evidence,
    Own,
    Requires,
    WorkerRule,
)
from rockery.project.json_schema import DIALECT, plain, text

#: What each key means; ``docs/extensions.md`` says it at length.
_MEANING: dict[type, dict[str, str]] = {
    Definition: {
        "name": "the folder's name where not given",
        "summary": "one line, shown by `rockery list-extensions`",
        "service": "its service; where the user gives that a `command`, no application is sought",
        "app": "where the project's files go in the rock, without a `/` in front",
        "entrypoint": "how the application is found",
        "snippet": "a Jinja2 template of the YAML that is merged into the user's file",
        "formerly": "names it was once known by",
        "bases": "the bases it works on; all where not given",
        "app-aliases": "what users may write in the place of `app`",
        "part-aliases": "parts of rockcraft's extension, by the part here that takes their place",
        "requires": "which distributions have to be among those installed",
        "own": "what comes and goes with this extension",
        "workers": "the first that fits is the one that serves",
    },
    Own: {
        "requirements": "requirement files, installed where the project has them",
        "groups": "dependency groups, installed where the project has them",
        "distributions": "what `rockery check` looks for where another extension serves alone",
    },
    Requires: {
        "one-of": "distributions of which one has to be installed",
        "never-from": "others that are known not to bring one of them",
    },
    EntrypointRules: {
        "interface": "how the server calls the application",
        "constructors": "dotted names of what makes an application",
        "not-constructors": "dotted names of what makes something else",
        "names": "global names of an application, in order",
        "factories": "functions that make one when called without arguments, in order",
        "modules": "modules at the top to look at first",
        "packages": "then these packages; `{name}` is the rock's name",
        "submodules": "the modules of a package to look at; `` is the package itself",
        "more": "further modules, at the top and in the packages",
        "evidence": "files that may name the application, in order",
    },
    Evidence: {
        "toml": "a file and a dotted key in it",
        "variable": "a file of `NAME=value` lines, and a name",
        "commands": "programs that are given the application",
        "files": "where those programs are looked for, by glob",
    },
    WorkerRule: {
        "installed": "it is this one where one of these is installed; always where not given",
        "use": "the worker's name",
        "packages": "requirements of the server that has it",
    },
}


def document() -> dict[str, Any]:
    """Return the schema, generated from the definition's classes."""
    whole = plain(TypeAdapter(Definition).json_schema())
    for class_, meanings in _MEANING.items():
        model = whole if class_ is Definition else whole["$defs"][class_.__name__]
        model.pop("description", None)
        for key, described in model["properties"].items():
            model["properties"][key] = {"description": meanings[key], **described}
    whole["required"].remove("name")
    whole["dependentRequired"] = {"entrypoint": ["service", "app"]}
    return {
        "$schema": DIALECT,
        "title": "extension.yaml",
        "description": "What a framework needs to be served from a rock",
        **whole,
    }


if __name__ == "__main__":
    print(text(document()), end="")
