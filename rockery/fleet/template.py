"""Rendering a fleet's files from templates, and writing them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rockery.data import data_folder
from rockery.errors import Location, Problem, ProjectError, SurroundingsError, UsageError
from rockery.fleet.fleet import Fleet
from rockery.project.source import inside

#: Where a project keeps templates of its own, in a folder named like the form.
OWN = "rockery-templates"

_SUFFIX = ".j2"

#: Made once and then the user's: settings, secrets among them.
_KEPT = ".env"


def write(
    form: str,
    fleet: Fleet,
    output: Path,
    *,
    project: Path,
    templates: Path | None = None,
    force: bool = False,
    **values: Any,
) -> tuple[str, ...]:
    """Render a form for a fleet into the folder ``output``; return which files were kept.

    Each template can be replaced by one at the same path below ``templates``, else below the
    project's own folder for them. What else lies there is rendered too, and of a template
    whose text is empty nothing becomes. ``values`` are what templates can name besides
    ``fleet``. Everything is rendered before anything is written, and each file appears whole.
    Settings (``*.env``) that are there are the user's, and kept.

    Raises:
        ProjectError: a template is broken, or a file is there already and differs, unless
            ``force``.
        UsageError: the folder of templates isn't there.
        SurroundingsError: the folder can't be written.
    """
    rendered = {
        name.removesuffix(_SUFFIX): text
        for name, path in _sources(form, fleet, project, templates).items()
        if (text := _rendered(path, fleet, values)).strip()
    }
    kept = tuple(
        name for name in rendered if name.endswith(_KEPT) and os.path.lexists(output / name)
    )
    for name in kept:
        del rendered[name]
    if not force:
        _refuse_to_overwrite(output, rendered)
    try:
        for name, text in rendered.items():
            _write(output / name, text)
    except OSError as error:
        raise _unwritable(output, error) from error
    return kept


def copy(form: str, output: Path) -> tuple[Path, ...]:
    """Copy the templates of a form to a folder, to be changed there; none is overwritten.

    Raises:
        ProjectError: one of them is there already.
        SurroundingsError: the folder can't be written.
    """
    found = {
        name: path.read_text("utf-8") for name, path in _files(data_folder("templates") / form)
    }
    _refuse_to_overwrite(output, dict.fromkeys(found, ""))
    try:
        for name, text in found.items():
            _write(output / name, text)
    except OSError as error:
        raise _unwritable(output, error) from error
    return tuple(output / name for name in found)


def _sources(form: str, fleet: Fleet, project: Path, templates: Path | None) -> dict[str, Path]:
    """Return what is rendered, by its path: ours, replaced by what the user has."""
    found = dict(_files(data_folder("templates") / form))
    if form == "compose":
        metrics = data_folder("statsd-exporter")
        for name in fleet.frameworks:
            rules, dashboard = f"{name}.rules.yaml", f"{name}.json"
            found[f"prometheus/{rules}"] = metrics / "prometheus" / rules
            found[f"grafana/dashboards/{dashboard}"] = metrics / "grafana" / dashboard
    if templates is None:
        own = project / OWN / form
        # A link that leads out of the project isn't followed.
        theirs = _files(own) if own.is_dir() and inside(project, own) else iter(())
    elif templates.is_dir():
        theirs = _files(templates)
    else:
        raise UsageError(
            Problem(
                f"cannot use --templates {templates}: there is no such folder",
                "no-folder",
                remedy="--copy-templates DIR makes one with ours",
            )
        )
    for name, path in theirs:
        # A file takes the place of a template, and the other way round.
        found.pop(name.removesuffix(_SUFFIX), None)
        found.pop(f"{name}{_SUFFIX}", None)
        found[name] = path
    return dict(sorted(found.items()))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _rendered(path: Path, fleet: Fleet, values: dict[str, Any]) -> str:
    """Return a template's text; a file that is none stays as it is."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(
            Problem(f"cannot read the template {path}: {error}", "unreadable-file")
        ) from error
    if path.suffix != _SUFFIX:
        return text
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # A project's own template can compute texts, and reach nothing else.
    environment = ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    try:
        return environment.from_string(text).render(fleet=fleet, **values)
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
        raise ProjectError(
            Problem(
                f"cannot render the template: {error}",
                "broken-template",
                Location(str(path), getattr(error, "lineno", None)),
                "what a template can name is in docs/fleet.md",
            )
        ) from error


def _refuse_to_overwrite(output: Path, texts: dict[str, str]) -> None:
    """Raise for each file that is there already and isn't what would be written."""
    problems = []
    for name, text in texts.items():
        path = output / name
        if not os.path.lexists(path):
            continue
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if not path.is_symlink() and path.read_text("utf-8") == text:
                continue
        problems.append(
            Problem(
                f"cannot write {path}: there is one already, and it differs",
                "file-exists",
                Location(str(path)),
                "--force writes over it; --output names another folder",
            )
        )
    if problems:
        raise ProjectError(*problems)


def _write(path: Path, text: str) -> None:
    """Write a file in one step; a container's user has to read it, whatever our umask is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file, temporary = tempfile.mkstemp(dir=path.parent, prefix=".rockery-")
    try:
        with os.fdopen(file, "w", encoding="utf-8") as opened:
            opened.write(text)
        private, runs = path.name.endswith(_KEPT), text.startswith("#!")
        Path(temporary).chmod(0o600 if private else 0o755 if runs else 0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _unwritable(output: Path, error: OSError) -> SurroundingsError:
    reason = (error.strerror or str(error)).lower()
    return SurroundingsError(
        Problem(
            f"cannot write into {output}: {reason}",
            "output-not-writable",
            remedy="name another folder with --output",
        )
    )
