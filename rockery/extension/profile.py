"""Writing the first ``rockcraft.yaml`` of a project."""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import Any

from rockery.data import data_folder
from rockery.errors import Location, Problem, ProjectError, UsageError
from rockery.extension import proposal
from rockery.extension.definition import load_definition
from rockery.extension.proposal import Trial
from rockery.project import FILES, pyproject, wording

_TEMPLATE = "rockcraft.yaml.j2"
_OS_RELEASE = Path("/etc/os-release")


def profiles() -> tuple[str, ...]:
    """Return the names that ``init --profile`` knows, sorted."""
    templates = data_folder("templates").glob(f"*/{_TEMPLATE}")
    return tuple(sorted(path.parent.name for path in templates))


def initialise(
    folder: Path,
    profile: str | None = None,
    name: str | None = None,
    *,
    os_release: Path = _OS_RELEASE,
    trial: Trial | None = None,
) -> Path:
    """Write ``rockcraft.yaml`` for ``profile`` into ``folder`` and return its path.

    Without a profile it is the one that fits. The rock's name comes from ``pyproject.toml``,
    else the folder's; the base is the newest of the distribution in ``os_release`` whose
    Python suits the project (``trial`` tells of its packages); the platform is the host's.
    Raises :class:`UsageError` for an unknown profile or a name that can't be one, and
    :class:`ProjectError` where there is a file already: nothing is ever overwritten.
    """
    if profile is not None and profile not in profiles():
        raise UsageError(
            Problem(
                f"cannot use the profile {profile!r}: there is none of that name"
                f"{wording.nearest(profile, profiles())}",
                "unknown-profile",
                remedy=f"there are {', '.join(profiles())}",
            )
        )
    for file in FILES:
        if (folder / file).exists():
            raise ProjectError(_there_already(file))
    rock = name if name is not None else name_of(folder)
    if name is not None and name_from(name) != name:
        raise UsageError(
            Problem(
                f"cannot name a rock {name!r}: lower-case letters, digits and single hyphens "
                "between them, with at least one letter",
                "bad-name",
                remedy=f"{name_from(name)!r} would do",
            )
        )
    if profile is None:
        profile = proposal.detect(folder, profiles())
    found = proposal.propose(folder, profile, release_of(os_release), trial)
    definition = load_definition(profile)
    text = _render(
        profile,
        name=rock,
        build_base=found.base,
        architecture=_architecture(),
        proposal=found,
        app=definition.app,
    )
    path = folder / FILES[0]
    try:
        with path.open("x", encoding="utf-8") as file_:
            file_.write(text)
    except FileExistsError as error:
        raise ProjectError(_there_already(FILES[0])) from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ProjectError(
            Problem(f"cannot write {FILES[0]}: {reason}", "unwritable-file", Location(FILES[0]))
        ) from error
    return path


def name_of(folder: Path) -> str:
    """Return the name of a rock for the project in ``folder``."""
    try:
        project = pyproject.read(folder)
    except ProjectError:
        project = None
    named = project.get("project", "name") if project else None
    return name_from(named if isinstance(named, str) and named else folder.resolve().name)


def name_from(text: str) -> str:
    """Return the nearest valid name of a rock: ``My_App 2`` is ``my-app-2``."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
    return name if re.search("[a-z]", name) else f"app-{name}".strip("-")


def release_of(os_release: Path) -> str:
    """Return the release that the file describes as a base is named, such as ``debian@12``."""
    try:
        text = os_release.read_text("utf-8", "replace")
    except OSError:
        return ""
    found = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', text, re.MULTILINE))
    return f"{found.get('ID', '')}@{found.get('VERSION_ID', '')}"


def _there_already(file: str) -> Problem:
    return Problem(
        f"cannot write {file}: there is one already",
        "file-exists",
        Location(file),
        "edit it, or move it out of the way",
    )


def _render(profile: str, **values: Any) -> str:
    import jinja2

    template = (data_folder("templates") / profile / _TEMPLATE).read_text("utf-8")
    environment = jinja2.Environment(  # noqa: S701 - it makes YAML, and the values are checked
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(template).render(values)


def _architecture() -> str:
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "amd64"
