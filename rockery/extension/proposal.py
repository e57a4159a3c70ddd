"""What ``init`` proposes for a project, from what its files tell."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rockery.errors import Location, Problem, ProjectError
from rockery.extension import dependencies, settings, shipping, system
from rockery.extension.definition import Definition, load_definition
from rockery.extension.dependencies import Asked, Dependencies
from rockery.extension.expansion import attempt
from rockery.extension.requirements import Target, first_name
from rockery.project import FILES, Project, bases, pyproject, schema
from rockery.project.document import Document
from rockery.project.python import Wish, admits, wishes
from rockery.project.source import inside

#: Gives those of some requirements that have no wheel for a Python ("3.13"); None where it
#: can't tell.
Trial = Callable[[tuple[str, ...], str], "frozenset[str] | None"]

#: What a project is built on where the host's distribution is none of the bases'.
_DISTRIBUTION = "debian"

#: Proposed on such a host alone: rockcraft calls its extensions experimental there.
_EXPERIMENTAL = frozenset({"ubuntu@26.04"})

_LARGEST = 1024 * 1024
_MOST_FOLDERS = 50
_MOST_SHIPPED = 20

#: Of a project that doesn't say its own.
_VERSION = "0.1"

#: Programs whose package has another name, and those that every rock has.
_PROGRAMS = {"python": "", "python3": "", "huey_consumer": "huey", "huey_consumer.py": "huey"}


@dataclass(frozen=True)
class Worker:
    """A service from a Procfile; ``sure`` where its program is known to be in the rock."""

    name: str
    command: str
    sure: bool


@dataclass(frozen=True)
class Front:
    """A build step of ``package.json``: its script, and what installs and runs it."""

    script: str
    install: str
    run: str


@dataclass(frozen=True)
class Proposal:
    """What the file will say; ``base`` with the reason for it.

    ``summary`` is "" where the project gives none; ``ships`` are paths of the project that
    its rock is likely to need.
    """

    base: str
    because: str
    version: str = _VERSION
    summary: str = ""
    ships: tuple[str, ...] = ()
    packages: tuple[system.Suggestion, ...] = ()
    workers: tuple[Worker, ...] = ()
    front: Front | None = None


def propose(folder: Path, profile: str, host: str, trial: Trial | None = None) -> Proposal:
    """Look at the project in ``folder`` for ``profile``; ``host`` is this machine's release.

    What is wrong with the project's files is no matter here: a check tells it.
    """
    definition = load_definition(profile)
    try:
        project = pyproject.read(folder)
    except ProjectError:
        project = None
    wanted = list(wishes(folder, project))
    needed = _needed(folder, project, definition)
    if needed.lock and needed.lock.python:
        where = Location(needed.lock.file)
        wanted.append(Wish(needed.lock.python, needed.lock.file, where, firm=True))
    texts = () if needed.lock else tuple(each.text for each in needed.requirements.wanted)
    base, because = choose(wanted, host, texts, trial)
    return Proposal(
        base,
        because,
        _version(project),
        _summary(project),
        tuple(_ships(folder, definition)),
        tuple(system.suggestions(needed.requirements, base)),
        tuple(_workers(folder, needed)),
        _front(folder),
    )


def detect(folder: Path, profiles: tuple[str, ...]) -> str:
    """Return the one of ``profiles`` that fits the project.

    Raises:
        ProjectError: none does, or several do; it says why, for each.
    """
    against = _against(folder, profiles)
    fitting = [name for name in profiles if name not in against]
    if len(fitting) == 1:
        return fitting[0]
    remedy = f"add --profile, one of {', '.join(profiles)}"
    below = [] if fitting else list(_folders_that_fit(folder, profiles))
    if len(below) == 1:
        remedy = f"the app is in {below[0]}: try '-C {below[0]}'"
    elif below:
        remedy = f"there are apps in {', '.join(below)}: choose one, such as '-C {below[0]}'"
    elif not fitting and {problem.code for problem in against.values()} == {"no-requirements"}:
        remedy = "write requirements.txt: what the app needs, such as flask, a line each"
    seen = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))[:20]
    raise ProjectError(
        Problem(
            "cannot tell the framework: "
            + (f"{' and '.join(fitting)} fit" if fitting else "no profile fits"),
            "missing-profile",
            None,
            remedy,
            (
                *(f"{name}: {problem.message}" for name, problem in against.items()),
                f"there is {', '.join(seen) if seen else 'nothing'}",
            ),
        )
    )


def _against(folder: Path, profiles: tuple[str, ...]) -> dict[str, Problem]:
    """Return the first thing that is against each of ``profiles`` that doesn't fit."""
    text = (
        "name: app\nversion: '0'\nbase: bare\nbuild-base: debian@13\nplatforms: {amd64: }\n"
        "extensions: []\n"
    )
    document = Document.parse(text, FILES[0])
    found: dict[str, Problem] = {}
    for name in profiles:
        data = {**document.data, "extensions": [name]}
        tried = attempt(Project(folder, folder / FILES[0], document, data))
        against = [p for p in tried.problems if p.code != "python-conflict"]
        if against:
            found[name] = against[0]
    return found


def _folders_that_fit(folder: Path, profiles: tuple[str, ...]) -> Iterator[str]:
    """Give the subfolders that are projects which one of ``profiles`` fits."""
    folders = sorted(
        entry.name
        for entry in os.scandir(folder)
        if entry.is_dir(follow_symlinks=False) and re.fullmatch(r"\w[\w.-]*", entry.name)
    )
    for name in folders[:_MOST_FOLDERS]:
        if len(_against(folder / name, profiles)) < len(profiles):
            yield name


def choose(
    wanted: list[Wish], host: str, requirements: tuple[str, ...] = (), trial: Trial | None = None
) -> tuple[str, str]:
    """Return a base and the reason for it.

    It is, among the releases of the host's distribution, the newest whose Python suits the
    project: what its files say counts first, then whether its packages have wheels for it.
    """
    distribution = host.partition("@")[0]
    known = [base for base in bases.known() if base not in _EXPERIMENTAL or base == host]
    own = [base for base in known if base.partition("@")[0] == distribution]
    if not own:
        own = [base for base in known if base.startswith(f"{_DISTRIBUTION}@")]
    own.sort(key=_release, reverse=True)
    others = sorted(set(known) - set(own), key=_release, reverse=True)
    firm = [wish for wish in wanted if wish.firm]
    for wishing, among in ((wanted, own), (firm, own), (wanted, others), (firm, others)):
        fitting = [base for base in among if _suits(base, wishing)]
        if fitting:
            break
    else:
        return own[0], "no base has the Python that the project asks for"
    told = f"{wishing[0].source} asks for {wishing[0].specifier}" if wishing else ""
    if trial is None or not requirements or len(fitting) == 1:
        return fitting[0], told
    lacking = {base: trial(requirements, bases.python_of(base) or "") for base in fitting}
    tried = {base: missing for base, missing in lacking.items() if missing is not None}
    if len(tried) < len(fitting):
        return fitting[0], told
    best = min(fitting, key=lambda base: len(tried[base]))
    newest = fitting[0]
    if best == newest:
        return newest, told
    reason = (
        f"not {newest}: {', '.join(sorted(tried[newest] - tried[best]))} has no wheel for "
        f"Python {bases.python_of(newest)}"
    )
    return best, "; ".join(part for part in (told, reason) if part)


def _suits(base: str, wanted: list[Wish]) -> bool:
    python = bases.python_of(base)
    return python is not None and all(
        admits(wish.specifier, python) is not False for wish in wanted
    )


def _release(base: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", base))


def _version(project: pyproject.PyProject | None) -> str:
    said = project.get("project", "version") if project else None
    return said if isinstance(said, str) and schema.is_version(said) else _VERSION


def _summary(project: pyproject.PyProject | None) -> str:
    said = project.get("project", "description") if project else None
    text = " ".join(said.split()) if isinstance(said, str) else ""
    return text if text.isprintable() else ""


def _ships(folder: Path, definition: Definition) -> Iterator[str]:
    """Give the folders and modules at the top that are shipped where no list says otherwise."""
    shipped = shipping.ship(folder, definition.app or "", (), lambda _: Location(FILES[0]))
    names = [name for name in shipped.organize if re.fullmatch(r"\w[\w.-]*", name)]
    for name in names[:_MOST_SHIPPED]:
        if name.endswith(".py") or (folder / name).is_dir():
            yield name


def _needed(
    folder: Path, project: pyproject.PyProject | None, definition: Definition
) -> Dependencies:
    try:
        own = settings.read(folder, project)
    except ProjectError:
        own = settings.Settings()
    asked = Asked(
        definition.name, {}, lambda *_: Location(FILES[0]), own, definition.requires.one_of
    )
    return dependencies.gather(folder, project, Target("3.13"), asked)


def _workers(folder: Path, needed: Dependencies) -> Iterator[Worker]:
    """Give a service for each line of the Procfile that is a worker's."""
    seen: set[str] = set()
    for line in _text(folder / "Procfile").splitlines():
        found = re.fullmatch(r"([A-Za-z0-9_-]*worker[A-Za-z0-9_-]*):\s*(.+?)\s*", line)
        if found is None:
            continue
        # Service names that end so mean something to charms.
        name = re.sub(r"[^a-z0-9]+", "-", found[1].lower()).strip("-")
        name = (
            name
            if name.endswith("-worker")
            else f"{name.replace('worker', '').strip('-') or 'app'}-worker"
        )
        command = re.sub(r"^python(?= )", "python3", found[2])
        if name not in seen:
            seen.add(name)
            yield Worker(name, command, _is_sure(command, needed))


def _is_sure(command: str, needed: Dependencies) -> bool:
    if re.search(r"[$|&;<>`]", command):
        return False  # a shell's, and there may be none in the rock
    try:
        program = shlex.split(command)[0]
    except (ValueError, IndexError):
        return False
    package = _PROGRAMS.get(program, first_name(program))
    return not package or needed.requirements.asks_for(package) is not None


def _front(folder: Path) -> Front | None:
    try:
        data: Any = json.loads(_text(folder / "package.json") or "{}")
        script = data["scripts"]["build"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(script, str):
        return None
    for lock, install, run in (
        ("yarn.lock", "yarn install --frozen-lockfile", "yarn run build"),
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm run build"),
        ("package-lock.json", "npm ci", "npm run build"),
    ):
        if (folder / lock).is_file():
            return Front(script, install, run)
    return Front(script, "npm install", "npm run build")


def _text(path: Path) -> str:
    try:
        if not path.is_file() or not inside(path.parent, path):
            return ""
        with path.open("rb") as stream:
            return stream.read(_LARGEST).decode("utf-8-sig", "replace")
    except OSError:
        return ""
