"""Expanding a project's extensions into ordinary ``rockcraft.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rockery.errors import Location, Problem, ProjectError
from rockery.extension import definition as definitions
from rockery.extension import dependencies, entrypoint, settings, shipping, system
from rockery.extension.definition import Definition, EntrypointRules, WorkerRule
from rockery.extension.dependencies import Asked, Dependencies
from rockery.extension.entrypoint import Entrypoint
from rockery.extension.merging import differing, merged
from rockery.extension.plain import plain
from rockery.extension.requirements import Requirements, Target, Wanted, first_name
from rockery.extension.settings import Settings
from rockery.project import Project, bases, document, pyproject, python, rules
from rockery.project.document import Document
from rockery.record import Record, field

#: The order of the keys at the top of what is expanded.
_ORDER = (
    "name",
    "title",
    "version",
    "summary",
    "description",
    "license",
    "contact",
    "issues",
    "source-code",
    "adopt-info",
    "base",
    "build-base",
    "platforms",
    "run-user",
    "environment",
    "entrypoint-service",
    "entrypoint-command",
    "services",
    "checks",
    "parts",
)


class Expansion(Record):
    """A project as ordinary ``rockcraft.yaml``.

    ``notes`` are findings that stop nothing. ``definitions`` are the extensions that were
    expanded, ``entrypoints`` what was found for each service that the user gave no command.
    ``left_out`` are the project's paths that don't ship, by extension.
    """

    data: dict[str, Any]
    notes: tuple[Problem, ...] = ()
    definitions: tuple[Definition, ...] = ()
    entrypoints: dict[str, Entrypoint] = field(default_factory=dict)
    left_out: dict[str, tuple[shipping.Ignored, ...]] = field(default_factory=dict)
    _document: Document | None = None
    _spelled: dict[str, str] = field(default_factory=dict)

    def where(self, *path: str | int) -> Location:
        """Return the position in the user's file of the value at ``path`` of ``data``.

        What an extension added stands where the extension is declared.
        """
        assert self._document is not None
        steps = list(path)
        if len(steps) > 1 and steps[0] == "parts" and isinstance(steps[1], str):
            steps[1] = self._spelled.get(steps[1], steps[1])
        if self._document.has(*steps):
            return self._document.where(*steps)
        if len(steps) > 2 and self._document.has(*steps[:2]):
            return self._document.where(*steps[:-1])
        if len(steps) > 1 and self.definitions:
            return self._document.where("extensions", 0)
        return self._document.where(*steps)


class Finding(Record):
    """One thing that detection found out: what it is about, what it is, and where that stands."""

    topic: str
    text: str
    where: Location | None = None


class Attempt(Record):
    """What came of expanding: an expansion where there are no problems.

    ``findings`` are what detection went by, ``snippets`` what is added, for each extension;
    ``requirements`` are what the project asks for.
    """

    expansion: Expansion | None
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    findings: dict[str, tuple[Finding, ...]]
    snippets: dict[str, dict[str, Any]] = field(default_factory=dict)
    requirements: Requirements = field(default_factory=Requirements)


def expand(project: Project) -> Expansion:
    """Return ``project`` as ordinary ``rockcraft.yaml``, without ``extensions``.

    A pure function of the project's files: nothing is resolved, fetched or run. Raises one
    :class:`ProjectError` with everything that is wrong, in ``rockcraft.yaml`` too.
    """
    tried = attempt(project)
    problems = wrong(project, tried)
    if problems or tried.expansion is None:
        raise ProjectError(*problems)
    return tried.expansion


def wrong(project: Project, tried: Attempt) -> list[Problem]:
    """Return what is wrong with the project's file, and what its extensions found."""
    problems = rules.problems(project.data, project.where)
    return problems + [problem for problem in tried.problems if problem not in problems]


def attempt(project: Project) -> Attempt:
    """Expand ``project``, and tell also what was found on the way where that fails."""
    try:
        found, unusable = _definitions(project, project.data.get("extensions") or [])
    except ProjectError as error:
        return Attempt(None, error.problems, (), {})
    data = {key: value for key, value in project.data.items() if key != "extensions"}
    serving = [each for each in found if each.entrypoint]
    work: list[_Expanding] = []
    for each in found:
        work.append(_Expanding(project, each, data, serving))
        data = work[-1].user
    needed: Dependencies | None = None
    for one in work:
        one.user = data
        needed = one.find(needed)
        data = one.user
    for one in work:
        one.write()
    problems = unusable + [problem for one in work for problem in one.problems]
    if not problems:
        problems += _clashes(project, work)
    notes = tuple(dict.fromkeys(note for one in work for note in one.notes))
    findings = {one.definition.name: tuple(one.findings) for one in work}
    if problems:
        return Attempt(None, tuple(dict.fromkeys(problems)), notes, findings)
    added: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for one in work:
        added = merged(added, one.snippet)
        spelled |= one.spelled
    whole = merged(added, data)
    for key in ("base", "build-base"):
        if isinstance(whole.get(key), str):
            whole[key] = bases.spelled(whole[key])
    expansion = Expansion(
        ordered(whole),
        notes,
        tuple(found),
        {
            one.definition.service: one.entrypoint
            for one in work
            if one.entrypoint and one.definition.service
        },
        {one.definition.name: one.left_out for one in work},
        project.document,
        spelled,
    )
    snippets = {one.definition.name: one.snippet for one in work}
    requirements = needed.requirements if needed else Requirements()
    return Attempt(expansion, (), notes, findings, snippets, requirements)


def server_variable(service: str) -> str:
    """Return the image's variable that says how the launcher serves with a second server."""
    return f"ROCK_SERVER_{re.sub(r'[^A-Z0-9]', '_', service.upper())}"


def ordered(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``data`` with the keys at its top in the order that people expect."""
    known = {key: data[key] for key in _ORDER if key in data}
    return known | {key: value for key, value in data.items() if key not in known}


def _clashes(project: Project, work: list[_Expanding]) -> Iterator[Problem]:
    """Give a problem for each value that two extensions set to different things."""
    for index, one in enumerate(work):
        for before in work[:index]:
            for path in differing(before.snippet, one.snippet):
                yield Problem(
                    f"cannot use {one.definition.name!r} beside {before.definition.name!r}: they "
                    f"set {'.'.join(path)!r} to different values",
                    "conflicting-extensions",
                    project.where("extensions", index),
                    "keep one of them, or set it in rockcraft.yaml and in neither",
                )


def _definitions(project: Project, declared: Any) -> tuple[list[Definition], list[Problem]]:
    """Return the extensions to go on with, and what is wrong with those that are declared.

    In the place of a misspelt one stands the one that is meant, so that all else that is
    wrong with the project is found as well.
    """
    if isinstance(declared, str) or not isinstance(declared, list):
        problem = Problem(
            "cannot use 'extensions': it needs a list, such as [flask-framework]",
            "bad-value",
            project.where("extensions"),
        )
        raise ProjectError(problem)
    found: list[Definition] = []
    problems: list[Problem] = []
    for index, name in enumerate(declared):
        try:
            one = definitions.load_definition(str(name), project.folder)
        except ProjectError as error:
            unknown = any(problem.code == "unknown-extension" for problem in error.problems)
            problems += [
                definitions.unknown(str(name), project.folder, project.where("extensions", index))
                if problem.code == "unknown-extension"
                else problem
                for problem in error.problems
            ]
            meant = definitions.meant(str(name), project.folder) if unknown else None
            if meant is None:
                continue
            one = meant
        if not any(each.name == one.name for each in found):
            found.append(one)
    return found, problems


class _Expanding:
    """One extension at work on one project.

    ``serving`` are all that serve an application. The first of them has what they share: the
    service, the packages and the project's files.
    """

    def __init__(
        self,
        project: Project,
        definition: Definition,
        user: dict[str, Any],
        serving: Sequence[Definition],
    ) -> None:
        self.project = project
        self.definition = definition
        self.serving = serving
        self.is_first = definition in serving[:1]
        self.notes: list[Problem] = []
        self.problems: list[Problem] = []
        self.findings: list[Finding] = []
        self.left_out: tuple[shipping.Ignored, ...] = ()
        self.spelled: dict[str, str] = {}
        self.user = self._own_terms(user)
        self.snippet: dict[str, Any] = {}
        self.needed: Dependencies | None = None
        self.shipped: shipping.Shipping | None = None
        self.worker = WorkerRule(use="")
        self.entrypoint: Entrypoint | None = None
        self.settings = Settings()
        base = user.get("build-base" if user.get("base") == bases.BARE else "base", "")
        self.base = bases.spelled(str(base))
        self.python = bases.python_of(self.base) or "3.11"
        self.target = Target(self.python, _architecture(user.get("platforms")))

    def find(self, needed: Dependencies | None) -> Dependencies | None:
        """Find everything out and collect what is wrong.

        ``needed`` is what the first of those that serve has found that the project needs.
        """
        self._check_base()
        if self.definition.entrypoint is None:
            return needed
        self._find("base", f"{self.base} has Python {self.python}", self.project.where("base"))
        try:
            project = pyproject.read(self.project.folder)
        except ProjectError as error:
            self.problems += error.problems
            project = None
        try:
            self.settings = settings.read(self.project.folder, project)
        except ProjectError as error:
            self.problems += error.problems
        if needed is None:
            needed = self._dependencies(project)
            self._check_python(project, needed)
            self._suggest_packages(needed)
            self.needed = needed
        else:
            self._check_service()
        self._check_requires(needed)
        self.worker = self._worker(needed)
        self._find_entrypoint(project, self.definition.entrypoint)
        if self.is_first:
            self.shipped = self._ship()
            self.notes += [*needed.notes, *self.shipped.notes]
            self.problems += [*needed.problems, *self.shipped.problems]
        return needed

    def write(self) -> None:
        """Render the snippet: whatever is wrong, which parts there are is known."""
        values = self._values()
        if self.definition.entrypoint is not None:
            values |= self._values_of_application()
        self.snippet = self._render(values)
        self._check_parts()
        if self.definition.entrypoint is not None and not (self.is_first or self.problems):
            self._check_second()

    def _find(self, topic: str, text: str, where: Location | None = None) -> None:
        self.findings.append(Finding(topic, text, where))

    # --- the user's file ----------------------------------------------------------------

    def _own_terms(self, user: dict[str, Any]) -> dict[str, Any]:
        """Bring names of parts and paths in them into this extension's own spelling."""
        parts = user.get("parts")
        if not isinstance(parts, dict):
            return user
        renamed: dict[str, Any] = {}
        for name, part in parts.items():
            own = self._part_name(name)
            self.spelled[own] = name
            if isinstance(part, dict) and isinstance(part.get("after"), list):
                part = {**part, "after": [self._part_name(str(each)) for each in part["after"]]}
            renamed[own] = merged(renamed.get(own), part)
        app = f"{self.definition.name}/install-app"
        if self.definition.app and isinstance(renamed.get(app), dict):
            renamed[app] = self._app_part(renamed[app])
        return {**user, "parts": renamed}

    def _part_name(self, name: str) -> str:
        """Return the name of a part as this extension spells it.

        What is written for another that serves is for the first, which has the parts: so the
        order of the two can change, and nothing else has to.
        """
        for each in self.serving if self.is_first else (self.definition,):
            for known in (each.name, *each.formerly):
                found = re.fullmatch(rf"{re.escape(known)}[/.](.+)", name)
                if found:
                    part = each.part_aliases.get(found[1], found[1])
                    return f"{self.definition.name}/{part}"
        return name

    def _app_part(self, part: dict[str, Any]) -> dict[str, Any]:
        changed = dict(part)

        app = self.definition.app or ""
        others = (name for each in self.serving for name in (each.app or "", *each.app_aliases))
        aliases = tuple(name for name in others if name and name != app)

        def own(path: Any) -> str:
            return shipping.rewritten(str(path), app, aliases)

        for key in ("prime", "stage"):
            if isinstance(part.get(key), list):
                changed[key] = [own(entry) for entry in part[key]]
        if isinstance(part.get("organize"), dict):
            changed["organize"] = {key: own(value) for key, value in part["organize"].items()}
        if isinstance(part.get("permissions"), list):
            changed["permissions"] = [
                {**each, "path": own(each["path"])}
                if isinstance(each, dict) and "path" in each
                else each
                for each in part["permissions"]
            ]
        return changed

    def _part(self, name: str) -> dict[str, Any]:
        parts = self.user.get("parts")
        part = parts.get(f"{self.definition.name}/{name}") if isinstance(parts, dict) else None
        return part if isinstance(part, dict) else {}

    def _where(self, part: str, *path: str | int) -> Location:
        name = f"{self.definition.name}/{part}"
        return self.project.where("parts", self.spelled.get(name, name), *path)

    # --- checks -------------------------------------------------------------------------

    def _check_base(self) -> None:
        base = self.user.get("base")
        allowed = self.definition.bases
        if allowed is not None and isinstance(base, str) and bases.spelled(base) not in allowed:
            self.problems.append(
                Problem(
                    f"cannot use {self.definition.name!r} on base {base!r}",
                    "unsupported-base",
                    self.project.where("base"),
                    f"it works on {', '.join(allowed)}",
                )
            )

    def _dependencies(self, project: pyproject.PyProject | None) -> Dependencies:
        servers = {
            first_name(text)
            for each in self.serving
            for rule in each.workers
            for text in (*rule.installed, *rule.packages)
        }
        asked = Asked(
            self.definition.name,
            self._part("dependencies"),
            lambda *path: self._where("dependencies", *path),
            self.settings,
            tuple(name for each in self.serving for name in each.requires.one_of),
            frozenset(servers),
            tuple(file for each in self.serving for file in each.own.requirements),
            tuple(group for each in self.serving for group in each.own.groups),
        )
        found = dependencies.gather(self.project.folder, project, self.target, asked)
        if found.server_apart:
            self._move_to_server()
        if found.source is not None:
            named = len(found.requirements.wanted)
            how = f"plugin {found.part['plugin']}"
            self._find(
                "packages",
                f"{found.source} names {named} ({how})",
                Location(found.source),
            )
        return found

    def _check_python(self, project: pyproject.PyProject | None, needed: Dependencies) -> None:
        """Report what says that the project is for another Python than the base has."""
        if bases.python_of(self.base) is None:
            return
        wanted = list(python.wishes(self.project.folder, project))
        locked = needed.lock.python if needed.lock else None
        if locked and needed.lock and not any(wish.firm for wish in wanted):
            file = needed.lock.file
            wanted.append(python.Wish(locked, file, Location(file), firm=True))
        for wish in wanted:
            self._find("python", f"{wish.source} asks for {wish.specifier}", wish.where)
        for firm, problem in python.conflicts(iter(wanted), self.base, self.python):
            (self.problems if firm else self.notes).append(problem)

    def _check_service(self) -> None:
        """Report what is written for a service that another one takes the place of."""
        first, service = self.serving[0], self.definition.service
        services = self.user.get("services")
        given = services.get(service) if isinstance(services, dict) else None
        if isinstance(given, dict) and not given.get("command"):
            self.problems.append(
                Problem(
                    f"cannot use the service {service!r}: the web service of this rock is "
                    f"{first.service!r}, named after the extension that is listed first",
                    "renamed-service",
                    self.project.where("services", str(service)),
                    f"write it under {first.service!r}, or list {self.definition.name} first",
                )
            )

    def _check_second(self) -> None:
        """Report a snippet that can't stand beside the first one's, and tell of the choice."""
        first, name = self.serving[0], str(self.definition.service)
        services = self.snippet.get("services") or {}
        variables = self.snippet.get("environment") or {}
        index = list(self.project.data.get("extensions") or ()).index
        where = self.project.where("extensions", 0)
        with suppress(ValueError):
            where = self.project.where("extensions", index(self.definition.name))
        if name in services or server_variable(name) not in variables:
            self.problems.append(
                Problem(
                    f"cannot use {self.definition.name!r} beside {first.name!r}: its snippet "
                    "adds a service of its own, or not what starts it as another's second server",
                    "conflicting-extensions",
                    where,
                    "keep one of them, or see 'first' in docs/extensions.md",
                )
            )
            return
        self.notes.append(
            Problem(
                f"the web service is {first.service!r}, after the extension that is listed "
                f"first; SERVER_TYPE={name} serves with {name} instead",
                "second-server",
                where,
            )
        )

    def _move_to_server(self) -> None:
        """Take what only ``plugin: python`` knows to the part that has this plugin."""
        name, server = f"{self.definition.name}/dependencies", f"{self.definition.name}/server"
        part = self._part("dependencies")
        moved = {key: part[key] for key in ("python-packages", "python-constraints") if key in part}
        if not moved:
            return
        parts = dict(self.user["parts"])
        parts[name] = {key: value for key, value in part.items() if key not in moved}
        parts[server] = merged(moved, parts.get(server))
        self.user = {**self.user, "parts": parts}
        self.spelled.setdefault(server, self.spelled.get(name, name))

    def _suggest_packages(self, needed: Dependencies) -> None:
        """Name packages of the distribution that Python packages want and no part stages."""
        parts = self.user.get("parts")
        staged = [
            str(word)
            for part in (parts.values() if isinstance(parts, dict) else ())
            for key in ("stage-packages", "stage-slices")
            if isinstance(part, dict)
            for word in _list(part.get(key))
        ]
        for each in system.suggestions(needed.requirements, self.base, staged):
            packages = ", ".join(each.packages)
            self.notes.append(
                Problem(
                    f"{each.name} wants {packages} of the distribution: {each.reason}",
                    "suggested-package",
                    each.where,
                    f"add to rockcraft.yaml: parts: {self.definition.name}/runtime: "
                    f"stage-packages: [{packages}]",
                )
            )

    def _check_requires(self, needed: Dependencies) -> None:
        """Report a requirement that is certainly missing; only a resolution tells the rest."""
        wanted = self.definition.requires.one_of
        what = " or ".join(wanted)
        if needed.source is None:
            if not needed.requirements.wanted and not needed.problems and not self.problems:
                self.problems.append(self._no_source(what))
            return
        for name in wanted:
            if found := needed.requirements.asks_for(name):
                self._find("framework", f"{found.text} is asked for", found.where)
                return
        if not wanted:
            return
        if needed.problems:
            return  # what cannot be read may well be the one that is missed
        known = plain() | set(self.definition.requires.never_from)
        certain = needed.lock is not None or (
            needed.requirements.complete
            and all(each.name in known and not each.extras for each in needed.requirements.wanted)
        )
        if certain:
            for each in needed.requirements.elsewhere:
                if each.name in wanted:
                    marker = each.text.partition(";")[2].strip()
                    self.problems.append(
                        Problem(
                            f"cannot serve the project: {each.name} is asked for only where "
                            f"{marker}, and the rock has Python {self.python} on Linux for "
                            f"{self.target.architecture}",
                            "missing-requirement",
                            each.where,
                            f"ask for {each.name} there too, or change the base",
                        )
                    )
                    return
            self.problems.append(
                Problem(
                    f"cannot serve the project: {needed.source} "
                    + (f"holds no {what}" if needed.lock else f"does not ask for {what}"),
                    "missing-requirement",
                    Location(needed.source),
                    f"add a line '{wanted[0]}' to it"
                    if needed.source.endswith(".txt")
                    else f'add "{wanted[0]}" to its dependencies',
                )
            )
            return
        self.notes.append(
            Problem(
                f"{needed.source} does not name {what}: 'rockery pack' checks that another "
                "package brings it",
                "indirect-requirement",
                Location(needed.source),
            )
        )

    def _no_source(self, what: str) -> Problem:
        folder = self.project.folder
        locks = [name for name in dependencies.PLUGINS if (folder / name).is_file()]
        others = sorted(
            path.relative_to(folder).as_posix()
            for pattern in (
                "requirements/*.txt",
                "requirements*.in",
                "*requirements*.txt",
                "setup.py",
                "setup.cfg",
                "Pipfile",
                "environment.y*ml",
            )
            for path in folder.glob(pattern)
            if path.is_file()
        )
        details = (f"there is {', '.join([*locks, *others])}",) if locks or others else ()
        remedy = f"add a requirements.txt with a line '{what.split(' or ')[0]}'"
        if "Pipfile" in others:
            remedy = "write its lock with 'pipenv lock'"
        text_files = [name for name in others if name.endswith(".txt")]
        if text_files:
            remedy = (
                f"name the file in rockcraft.yaml: parts: {self.definition.name}/dependencies: "
                f"python-requirements: [{text_files[0]}]"
            )
        return Problem(
            "cannot tell what the project needs: there is no requirements.txt and no [project] "
            "in a pyproject.toml",
            "no-requirements",
            None,
            remedy,
            details,
        )

    def _find_entrypoint(self, project: pyproject.PyProject | None, rules: EntrypointRules) -> None:
        services = self.user.get("services")
        service = services.get(self.definition.service) if isinstance(services, dict) else None
        if isinstance(service, dict) and service.get("command"):
            # The user's own command stays, and says what is served.
            where = self.project.where("services", str(self.definition.service), "command")
            self._find("application", f"{service['command']} (the user's command)", where)
            return
        name = str(self.user.get("name", ""))
        found = entrypoint.search(
            self.project.folder,
            name,
            rules,
            self.python,
            project,
            self.settings,
            self.definition.service,
        )
        self.entrypoint = found.entrypoint
        self.notes += found.notes
        self.problems += found.problems
        if found.entrypoint is not None:
            told = f"{found.entrypoint.text} ({found.entrypoint.evidence})"
            self._find("application", told, found.entrypoint.where)
            self.notes.append(
                Problem(
                    f"the application is {found.entrypoint.text} ({found.entrypoint.evidence})",
                    "found-entrypoint",
                    found.entrypoint.where,
                )
            )

    def _ship(self) -> shipping.Shipping:
        app = self.definition.app or ""
        prime = tuple(str(entry) for entry in _list(self._part("install-app").get("prime")))
        good: list[str] = []
        positions: list[Location] = []
        for index, entry in enumerate(prime):
            where = self._where("install-app", "prime", index)
            if shipping.below(entry.removeprefix("-"), app):
                good.append(entry)
                positions.append(where)
            else:
                self.problems.append(
                    Problem(
                        f"cannot ship {entry!r}: 'prime' of the app starts each path with '{app}/'",
                        "bad-prime",
                        where,
                        f"write '{'-' * entry.startswith('-')}{app}/{entry.lstrip('-/')}'",
                    )
                )
        shipped = shipping.ship(
            self.project.folder,
            app,
            tuple(good),
            lambda index: positions[index],
            self.settings.ignore,
        )
        self._find(
            "files",
            f"{len(shipped.organize)} names at the top ship to /{app}, {len(shipped.ignored)} "
            "paths are left out",
        )
        self.left_out = shipped.ignored
        return shipped

    def _check_parts(self) -> None:
        """Report parts that carry the extension's name and are none of its parts."""
        from rockery.project.wording import nearest

        known = self.snippet.get("parts") or {}
        parts = self.user.get("parts")
        for name, part in parts.items() if isinstance(parts, dict) and known else ():
            if (
                name.startswith(f"{self.definition.name}/")
                and name not in known
                and not (isinstance(part, dict) and "plugin" in part)
            ):
                self.problems.append(
                    Problem(
                        f"cannot add to part {name!r}: {self.definition.name} has no such part"
                        f"{nearest(name, known)}",
                        "unknown-part",
                        self.project.where("parts", str(self.spelled.get(name, name))),
                        f"it has {', '.join(known)}",
                    )
                )

    # --- the snippet --------------------------------------------------------------------

    def _worker(self, needed: Dependencies) -> WorkerRule:
        rule, what, asked = _worker(self.definition, needed)
        if asked is not None:
            self._find("worker", f"{rule.use}: {what} is asked for", asked.where)
        elif rule.use:
            self._find("worker", f"{rule.use}: nothing asks for another")
        return rule

    def _python_parts(self, needed: Dependencies) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return the part of the project's packages, and one of the servers' own if need be."""
        part = dict(needed.part)
        chosen = [_worker(each, needed)[0] for each in self.serving]
        servers = [package for rule in chosen for package in rule.packages]
        if needed.server_apart:
            packages = list(dict.fromkeys(servers))
            return part, {"plugin": "python", "source": ".", "python-packages": packages}
        packages = list(dict.fromkeys([*servers, *part.pop("python-packages", ())]))
        head = {key: part.pop(key) for key in ("plugin", "source")}
        return head | ({"python-packages": packages} if packages else {}) | part, None

    def _values(self) -> dict[str, Any]:
        """Return what every snippet can name."""
        return {
            "name": str(self.user.get("name", "")),
            "base": str(self.user.get("base", "")),
            "bare": self.user.get("base") == bases.BARE,
            "python": self.python,
        }

    def _values_of_application(self) -> dict[str, Any]:
        """Return what the snippet of an extension that serves an application can name besides."""
        found = self.entrypoint
        path = found.path if found else ""
        values: dict[str, Any] = {
            "first": self.is_first,
            "app": self.definition.app,
            "entrypoint": found.text if found else "app:app",
            "pythonpath": f"/{self.definition.app}/{path}" if path else "",
            "worker": self.worker.use,
            "dependencies": {},
            "server": None,
            "organize": {},
            "excludes": [],
            "shared_app": f"/{self.serving[0].app}",
            "server_variable": "",
        }
        if self.needed is not None and self.shipped is not None:
            part, server = self._python_parts(self.needed)
            values |= {
                "dependencies": part,
                "server": server,
                "organize": self.shipped.organize,
                "excludes": list(self.shipped.excludes),
            }
            if len(self.serving) > 1:
                values["server_variable"] = self.settings.server_variable or ""
        return values

    def _render(self, values: dict[str, Any]) -> dict[str, Any]:
        from rockery.extension.snippet import render

        try:
            return render(self.definition, values)
        except ProjectError as error:
            self.problems += error.problems
            return {}


def _worker(definition: Definition, needed: Dependencies) -> tuple[WorkerRule, str, Wanted | None]:
    """Return the rule that counts, what it goes by, and where that is asked for."""
    for rule in definition.workers:
        for what in rule.installed:
            if found := needed.requirements.asks_for(what):
                return rule, what, found
        if not rule.installed:
            return rule, "", None
    return WorkerRule(use=""), "", None


def _architecture(platforms: Any) -> str:
    """Return the architecture of the first platform, for markers."""
    for label, given in platforms.items() if isinstance(platforms, dict) else ():
        wanted = given.get("build-for", label) if isinstance(given, dict) else label
        name = wanted[0] if isinstance(wanted, list) and wanted else wanted
        if name in ("amd64", "arm64"):
            return str(name)
    return "amd64"


def _list(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else ()


#: How ``expand-extensions`` writes an expansion.
dump_yaml = document.dump
