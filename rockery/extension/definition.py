"""The format of ``extension.yaml``, and where definitions are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from rockery.data import data_folder
from rockery.errors import Location, Problem, ProjectError
from rockery.project import conformity, wording
from rockery.project.document import Document
from rockery.project.source import inside
from rockery.record import Record, field

#: Where a project keeps definitions of its own.
OWN = "rockery-extensions"

_FILE = "extension.yaml"

#: How like a name must be to another to be a slip: "django-framework" is none of Flask's.
_LIKENESS = 0.85

_T = TypeVar("_T", bound=Record)

#: How pydantic takes the classes here, when it is asked what is wrong with a file.
_CONFIG: dict[str, Any] = {
    "extra": "forbid",
    "alias_generator": lambda name: name.replace("_", "-"),
}


class Requires(Record):
    """Which distributions have to be among the installed ones: at least one of ``one_of``.

    ``never_from`` are others that are known not to bring one of them along.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _CONFIG

    one_of: tuple[str, ...] = ()
    never_from: tuple[str, ...] = ()


class Evidence(Record):
    """A place besides the code that may say where the application is; one of the three.

    ``toml`` is a file and a dotted key in it, ``variable`` a file of ``NAME=value`` lines and
    a name, ``commands`` programs that are given the application, in files by glob.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _CONFIG

    toml: tuple[str, str] | None = None
    variable: tuple[str, str] | None = None
    commands: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class EntrypointRules(Record):
    """How the application is found.

    ``modules`` and ``packages`` with their ``submodules`` are looked at first, then the rest
    of the project's root; ``{name}`` is the rock's name as a module's. ``names`` come before
    ``factories``.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _CONFIG

    interface: Literal["wsgi", "asgi"]
    constructors: tuple[str, ...]
    names: tuple[str, ...]
    not_constructors: tuple[str, ...] = ()
    factories: tuple[str, ...] = ()
    modules: tuple[str, ...] = ("app", "main")
    packages: tuple[str, ...] = ("app", "src", "{name}")
    submodules: tuple[str, ...] = ("", "app", "main")
    more: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class WorkerRule(Record):
    """The worker to ``use`` where one of ``installed`` is; without it, always.

    ``name[extra]`` is a distribution that is asked for with that extra. ``packages`` are
    requirements of the server that has this worker: loose ones, so that the project's own win.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _CONFIG

    use: str
    installed: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


class Own(Record):
    """What belongs to this extension alone, so that it comes and goes with it.

    ``requirements`` are requirement files and ``groups`` dependency groups that are installed
    where the project has them. ``distributions`` are looked for where another extension that
    serves an application is declared, and this one isn't.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _CONFIG

    requirements: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()


class Definition(Record):
    """One extension.

    One with ``entrypoint`` serves an application, and has ``service`` and ``app``; one without
    adds its snippet to what others make.

    ``app`` is where the project's files go in the rock, ``app_aliases`` what users may write
    in its place, ``formerly`` names the extension was once known by, ``part_aliases`` parts
    that others have and this one does not. ``snippet`` is a Jinja2 template of YAML; what it
    can name is listed in ``docs/extensions.md``.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _CONFIG

    name: str
    summary: str
    snippet: str
    service: str | None = None
    app: str | None = None
    entrypoint: EntrypointRules | None = None
    formerly: tuple[str, ...] = ()
    bases: tuple[str, ...] | None = None
    app_aliases: tuple[str, ...] = ()
    part_aliases: dict[str, str] = field(default_factory=dict)
    requires: Requires = field(default_factory=Requires)
    own: Own = field(default_factory=Own)
    workers: tuple[WorkerRule, ...] = ()


def names(project_folder: Path | None = None) -> tuple[str, ...]:
    """Return the names of the extensions there are, the project's own among them, sorted."""
    return tuple(sorted(_files(project_folder)))


def load_definition(name: str, project_folder: Path | None = None) -> Definition:
    """Return the definition ``name``, also by a name it was once known by.

    Raises :class:`ProjectError` where there is none, with the nearest name, and where the
    file is wrong.
    """
    files = _files(project_folder)
    if name in files:
        return _read(name, files[name])
    for known, file in files.items():
        if "formerly:" in file.read_text() and name in (found := _read(known, file)).formerly:
            return found
    raise ProjectError(unknown(name, project_folder))


def absent(declared: Iterable[Definition], project_folder: Path | None) -> Iterator[Definition]:
    """Give the extensions that serve applications and aren't among the declared ones.

    Nothing where none of the declared ones serves.
    """
    there = {each.name for each in declared if each.entrypoint}
    for name in names(project_folder) if there else ():
        if name not in there and (found := load_definition(name, project_folder)).entrypoint:
            yield found


def unknown(name: str, project_folder: Path | None, where: Location | None = None) -> Problem:
    """Return the problem of a name that no extension has."""
    known = names(project_folder)
    return Problem(
        f"cannot use the extension {name!r}: there is none of that name"
        f"{wording.nearest(name, known)}",
        "unknown-extension",
        where,
        f"there are {', '.join(known)}; your own goes into {OWN}/{name}/{_FILE}",
    )


def meant(name: str, project_folder: Path | None) -> Definition | None:
    """Return the extension that ``name`` is all but certainly a misspelling of."""
    known = wording.closest(name, names(project_folder), _LIKENESS)
    try:
        return load_definition(known, project_folder) if known else None
    except ProjectError:
        return None


def _files(project_folder: Path | None) -> dict[str, Path]:
    found = {file.parent.name: file for file in data_folder("extensions").glob(f"*/{_FILE}")}
    # A link that leads out of the project isn't followed, so neither is it looked into.
    if project_folder is not None and inside(project_folder, project_folder / OWN):
        for file in (project_folder / OWN).glob(f"*/{_FILE}"):
            if inside(project_folder, file):
                found[file.parent.name] = file
    return found


def _read(name: str, file: Path) -> Definition:
    own = file.parent.parent.name == OWN
    document = Document.read(file, f"{OWN}/{name}/{_FILE}" if own else f"{name}/{_FILE}")
    data: dict[str, Any] = {"name": name, **document.data}
    if not conformity.conforms(data, "extension"):
        from pydantic import TypeAdapter, ValidationError

        lacking = [key for key in ("service", "app") if "entrypoint" in data and key not in data]
        problems = [_missing(key, document) for key in lacking]
        try:
            made: Definition = TypeAdapter(Definition).validate_python(data)
        except ValidationError as error:
            raise ProjectError(*problems, *_problems(error, document)) from error
        if problems:
            raise ProjectError(*problems)
        return made
    entrypoint = data.get("entrypoint")
    if entrypoint is not None:
        evidence = [_made(Evidence, each) for each in entrypoint.get("evidence", ())]
        entrypoint = _made(EntrypointRules, {**entrypoint, "evidence": evidence})
    nested = {
        "requires": _made(Requires, data.get("requires", {})),
        "own": _made(Own, data.get("own", {})),
        "entrypoint": entrypoint,
        "workers": [_made(WorkerRule, each) for each in data.get("workers", ())],
    }
    return _made(Definition, {**data, **nested})


def _made(class_: type[_T], data: Mapping[str, Any]) -> _T:
    """Make a record of data that conforms: lists become tuples."""
    given = {name: name.replace("_", "-") for name in class_.field_names}
    values = {name: data[key] for name, key in given.items() if key in data}
    return class_(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def _problems(error: Any, document: Document) -> list[Problem]:
    found = wording.translate(error, document.where)
    missing = [
        _missing(str(finding["loc"][0]), document)
        for finding in error.errors(include_url=False)
        if finding["type"] == "missing" and len(finding["loc"]) == 1
    ]
    return [*found, *missing]


def _missing(key: str, document: Document) -> Problem:
    return Problem(
        f"cannot do without {key!r}: {document.file} does not give it",
        "missing-key",
        document.where(),
    )
