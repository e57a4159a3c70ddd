"""Rendering an extension's snippet: a Jinja2 template of YAML."""

from __future__ import annotations

from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rockery.errors import Location, Problem, ProjectError
from rockery.extension.definition import Definition
from rockery.project.document import Document

# An extension of a project's own is the user's data: a template of it can compute texts, and
# reach nothing else.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)
# The order of keys is for people.
_ENVIRONMENT.policies["json.dumps_kwargs"] = {"sort_keys": False}


def render(definition: Definition, values: dict[str, Any]) -> dict[str, Any]:
    """Return the snippet of ``definition`` for ``values``.

    Raises :class:`ProjectError` for a template or its YAML that is broken.
    """
    file = f"{definition.name}/extension.yaml (snippet)"
    try:
        text = _ENVIRONMENT.from_string(definition.snippet).render(values)
    except (jinja2.TemplateError, TypeError, ArithmeticError) as error:
        line = getattr(error, "lineno", None)
        problem = Problem(
            f"cannot render the snippet of {definition.name}: {error}",
            "broken-snippet",
            Location(file, line),
        )
        raise ProjectError(problem) from error
    return Document.parse(text, file).data
