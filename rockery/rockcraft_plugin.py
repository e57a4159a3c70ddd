"""rockery's extensions in a rockcraft that runs in the same environment.

rockcraft loads it by the entry point group ``craft_application_plugins.application`` and calls
:func:`configure`. From then on ``flask-framework`` and ``fastapi-framework`` are rockery's
there, and a project's own extensions work too. Imported by rockcraft alone.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any


def configure(app: Any) -> None:
    """Register the extensions with rockcraft; other programs of that framework are left alone."""
    if getattr(getattr(app, "app", None), "name", None) != "rockcraft":
        return
    from rockcraft import extensions  # type: ignore[import-not-found]

    from rockery.extension.definition import names

    for name in names(Path(getattr(app, "project_dir", None) or ".")):
        extensions.register(name, _extension(name))


def _extension(name: str) -> type[Any]:
    """Return a class that rockcraft takes for the extension ``name``."""
    from rockcraft.errors import ExtensionError  # type: ignore[import-not-found]
    from rockcraft.extensions.extension import Extension  # type: ignore[import-not-found]

    from rockery.errors import ProjectError
    from rockery.project import bases

    class RockeryExtension(Extension):  # type: ignore[misc]
        @staticmethod
        def get_supported_bases() -> tuple[str, ...]:
            own = [base for base in bases.known() if base.startswith("ubuntu@")]
            return (bases.BARE, *own, *(base.replace("@", ":") for base in own))

        @staticmethod
        def is_experimental(base: str | None) -> bool:
            return False

        def get_root_snippet(self) -> dict[str, Any]:
            try:
                return snippet(name, self.project_root, self.yaml_data)
            except ProjectError as error:
                lines = [
                    f"{problem.where}: {problem.message}" if problem.where else problem.message
                    for problem in error.problems
                ]
                remedies = [problem.remedy for problem in error.problems if problem.remedy]
                raise ExtensionError(
                    "\n".join(lines), resolution="; ".join(dict.fromkeys(remedies)) or None
                ) from error

        def get_part_snippet(self) -> dict[str, Any]:
            return {}

        def get_parts_snippet(self) -> dict[str, Any]:
            return {}

    return RockeryExtension


def snippet(name: str, folder: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Return what the extension adds to ``data``, a parsed ``rockcraft.yaml`` in ``folder``.

    It is self-contained, as :mod:`rockery.extension.portable` makes it; rockcraft merges the
    user's keys over it.

    Raises:
        ProjectError: the extension doesn't fit, or stock rockcraft could not pack the project.
    """
    from dataclasses import replace

    from rockery.errors import ProjectError
    from rockery.extension import portable
    from rockery.extension.expansion import attempt
    from rockery.project import load

    project = replace(load(folder), data={**copy.deepcopy(data), "extensions": [name]})
    tried = attempt(project)
    if tried.expansion is None:
        raise ProjectError(*tried.problems)
    whole = tried.expansion.data
    # What the user wrote is among the reasons to refuse.
    portable.check(whole, tried.expansion.where)
    added = tried.snippets[name]
    return {
        **added,
        "environment": {**portable.ENVIRONMENT, **added.get("environment", {})},
        "parts": portable.parts(added, whole),
    }
