"""Where a project says which packages it needs, and what it says.

One source counts, in this order:

1. what the user names on the part ``<extension>/dependencies``: ``python-requirements``, or a
   lock by the plugin (``plugin``, ``uv-extras``, ``uv-groups``, ``poetry-with``);
2. a lock: ``uv.lock``, ``pylock.toml``, ``poetry.lock`` or ``Pipfile.lock``. Of two, neither;
3. ``requirements.txt``, with ``[project]`` of ``pyproject.toml``;
4. ``[project]`` alone.

A lock that lacks the framework, where ``requirements.txt`` has it, is for something else and
doesn't count. What is passed over is named in a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rockery.errors import Location, Problem, ProjectError
from rockery.extension.requirements import (
    Requirements,
    Target,
    Wanted,
    first_name,
    parse,
    read,
)
from rockery.extension.settings import Settings
from rockery.project import pyproject, wording
from rockery.project.pyproject import PyProject
from rockery.project.wording import nearest
from rockery.record import Record, field

if TYPE_CHECKING:
    from rockery.extension.lock import Lock

#: Lock files, and the plugin of the part that installs from each.
PLUGINS = {
    "uv.lock": "uv",
    "pylock.toml": "python",
    "poetry.lock": "poetry",
    "Pipfile.lock": "python",
}

_REQUIREMENTS = "requirements.txt"

#: Groups that serve development: that a server is among them says nothing.
_DEVELOPMENT = frozenset({"dev", "develop", "development", "test", "tests", "testing", "lint"})


class Asked(Record):
    """What decides besides the project's files.

    ``part`` is the user's ``<extension>/dependencies``, ``where`` the position of a key in it.
    ``requires`` are the distributions of which one is needed, ``servers`` those that tell how
    the application is served. ``own_requirements`` and ``own_groups`` are those that belong to
    an extension, and count where the project has them.
    """

    name: str
    part: Mapping[str, Any]
    where: Callable[..., Location]
    settings: Settings
    requires: tuple[str, ...] = ()
    servers: frozenset[str] = frozenset()
    own_requirements: tuple[str, ...] = ()
    own_groups: tuple[str, ...] = ()

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list that the user gives under ``key``."""
        value = self.part.get(key)
        return tuple(str(item) for item in value) if isinstance(value, list) else ()

    @property
    def plugin(self) -> str | None:
        """The plugin that the user's keys imply."""
        if isinstance(plugin := self.part.get("plugin"), str):
            return plugin
        if "uv-extras" in self.part or "uv-groups" in self.part:
            return "uv"
        return "poetry" if "poetry-with" in self.part else None


class Dependencies(Record):
    """What the project needs.

    ``source`` is what the findings came from and ``part`` what it means to the part that
    installs them; ``lock`` is the lock where one counts. ``requirements`` holds all of it, the
    user's own lists included.
    """

    source: str | None
    part: Mapping[str, Any]
    requirements: Requirements
    lock: Lock | None = None
    notes: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def server_apart(self) -> bool:
        """Tell whether the plugin can't install the server, so that a part of its own does."""
        return bool(self.part["plugin"] != "python")


def gather(folder: Path, project: PyProject | None, target: Target, asked: Asked) -> Dependencies:
    """Read what the project in ``folder`` needs; what is wrong is in the result."""
    return _Gathering(folder, project, target, asked).run()


class _Gathering(Record, frozen=False):
    folder: Path
    project: PyProject | None
    target: Target
    asked: Asked
    notes: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.own_groups = tuple(self._own_groups())
        self.groups = (*self.asked.settings.groups, *self.own_groups)

    def _own_groups(self) -> Iterator[str]:
        """Give the groups of the extensions that the project has and doesn't name itself."""
        tables = [self.project.get(*path) for path in _GROUPS] if self.project else []
        there = {name for table in tables if isinstance(table, dict) for name in table}
        for name in self.asked.own_groups:
            if name in there and name not in self.asked.settings.groups:
                yield name

    def run(self) -> Dependencies:
        settings = self.asked.settings
        try:
            lock = self._lock()
        except ProjectError as error:
            self.problems += error.problems
            lock = None
        packages = {
            self.asked.where("python-packages", index): text
            for index, text in enumerate(self.asked.texts("python-packages"))
        }
        if lock is not None:
            found = self._of_lock(lock) + parse(packages, self.target)
            part: dict[str, Any] = {"plugin": lock.plugin, "source": "."}
            if lock.plugin == "python" and lock.file not in self.asked.texts("python-requirements"):
                part["python-requirements"] = [lock.file]
            elif lock.plugin == "uv":
                part |= _given("uv-extras", settings.extras) | _given("uv-groups", self.groups)
            elif lock.plugin == "poetry":
                part |= _given("poetry-with", self.groups)
            self._passed_over(lock.file, (*PLUGINS, _REQUIREMENTS))
            self._unused(lock.choices, lock)
            return self._result(lock.file, part, found, lock)
        source, own, found = self._of_files()
        chosen = dict(self._chosen())
        found += parse(packages | {where: text for text, where in chosen.items()}, self.target)
        part = {"plugin": "python", "source": ".", **_given("python-packages", chosen)}
        part |= _given("python-requirements", own)
        if not self.problems:
            self._passed_over(source, PLUGINS)
            self._unused(self._choices(), None)
        return self._result(source, part, found, None)

    def _result(
        self, source: str | None, part: dict[str, Any], found: Requirements, lock: Lock | None
    ) -> Dependencies:
        problems = (*found.problems, *self.problems)
        return Dependencies(source, part, found, lock, tuple(self.notes), problems)

    # --- which lock ---------------------------------------------------------------------

    def _lock(self) -> Lock | None:
        there = [name for name in PLUGINS if (self.folder / name).is_file()]
        named = [text for text in self.asked.texts("python-requirements") if text in PLUGINS]
        plugin = self.asked.plugin
        if named:
            return self._read(named[0])
        if plugin in ("uv", "poetry"):
            wanted = next(name for name, of in PLUGINS.items() if of == plugin)
            if wanted not in there:
                raise ProjectError(self._missing(wanted, plugin))
            return self._read(wanted)
        if self.asked.texts("python-requirements") or plugin is not None:
            return None
        usable = [name for name in there if self._is_usable(name)]
        if len(usable) > 1:
            raise ProjectError(self._competing(usable))
        if not usable:
            return None
        lock = self._read(usable[0])
        return None if self._is_for_something_else(lock) else lock

    def _read(self, file: str) -> Lock:
        settings = self.asked.settings
        extras = (*settings.extras, *self.asked.texts("uv-extras"))
        groups = (
            *self.groups,
            *self.asked.texts("uv-groups"),
            *self.asked.texts("poetry-with"),
        )
        from rockery.extension import lock as locks

        lock = locks.read(
            self.folder, file, self.project, self.target, extras=extras, groups=groups
        )
        if lock.choices or lock.plugin != "python":
            for kind, names in (("extra", extras), ("group", groups)):
                for name in names:
                    if (kind, name) not in lock.choices and name not in self.own_groups:
                        self.problems.append(self._unknown(kind, name, file, lock.choices))
        return lock

    def _is_usable(self, file: str) -> bool:
        """Tell whether the lock's own tool could install from it."""
        return PLUGINS[file] == "python" or self.project is not None

    def _is_for_something_else(self, lock: Lock) -> bool:
        """Tell whether the lock lacks the framework that another source asks for."""
        wanted = self.asked.requires
        if not wanted or lock.packages.intersection(wanted):
            return False
        _, _, found = self._of_files()
        if not any(found.asks_for(name) for name in wanted):
            return False
        self.notes.append(
            Problem(
                f"{lock.file} is not used: it holds no {' or '.join(wanted)}",
                "ignored-source",
                Location(lock.file),
            )
        )
        return True

    def _of_lock(self, lock: Lock) -> Requirements:
        where = Location(lock.file)
        names = sorted(lock.packages)
        return Requirements(tuple(Wanted(name, name, where) for name in names), (lock.file,))

    def _missing(self, wanted: str, plugin: str) -> Problem:
        key = next(
            key
            for key in ("plugin", "uv-extras", "uv-groups", "poetry-with")
            if key in self.asked.part
        )
        return Problem(
            f"cannot install with {plugin}: there is no {wanted}",
            "missing-lock",
            self.asked.where(key),
            f"write it with '{plugin} lock'",
        )

    def _competing(self, files: list[str]) -> Problem:
        part = f"parts: {self.asked.name}/dependencies"
        ways = {
            "uv": "plugin: uv",
            "poetry": "plugin: poetry",
        }
        choices = [ways.get(PLUGINS[file], f"python-requirements: [{file}]") for file in files]
        return Problem(
            f"cannot tell which packages the project needs: {' and '.join(files)} compete",
            "competing-locks",
            Location(files[0]),
            f"remove one of them, or choose in rockcraft.yaml: {part}: {' or '.join(choices)}",
        )

    # --- requirement files and pyproject.toml --------------------------------------------

    def _of_files(self) -> tuple[str | None, tuple[str, ...], Requirements]:
        """Return the source, the files that the part names, and what they ask for."""
        found = Requirements()
        source: str | None = None
        own: tuple[str, ...] = ()
        if (self.folder / _REQUIREMENTS).is_file():
            source, own = _REQUIREMENTS, (_REQUIREMENTS,)
            found += read(self.folder, _REQUIREMENTS, self.target)
        for file in self.asked.own_requirements:
            if (self.folder / file).is_file():
                source, own = source or file, (*own, file)
                found += read(self.folder, file, self.target)
        if self.project is not None and self.project.installable:
            source = source or pyproject.FILE
            found += self._declared(self.project)
        elif any((self.folder / name).is_file() for name in ("setup.py", "setup.cfg")):
            found += Requirements(complete=False)
        for index, file in enumerate(self.asked.texts("python-requirements")):
            if file not in own:
                named = self.asked.where("python-requirements", index)
                found += read(self.folder, file, self.target, named)
                source = source or file
        return source, own, found

    def _declared(self, project: PyProject) -> Requirements:
        """Return what ``[project]`` asks for; dynamic dependencies may be read from files."""
        declared = project.dependencies
        if declared is not None:
            return parse({project.where(text): text for text in declared}, self.target)
        if (wrong := project.get("project", "dependencies")) is not None:
            problem = Problem(
                "cannot read pyproject.toml: 'dependencies' of [project] needs a list, not "
                f"{wording.kind(wrong)}",
                "bad-value",
                project.where("dependencies"),
            )
            return Requirements(problems=(problem,), complete=False)
        dynamic = project.get("tool", "setuptools", "dynamic", "dependencies", "file")
        files = [dynamic] if isinstance(dynamic, str) else dynamic
        found = Requirements(complete=isinstance(files, list))
        for file in files if isinstance(files, list) else ():
            found += read(self.folder, str(file), self.target)
        return found

    # --- extras and groups ----------------------------------------------------------------

    def _choices(self) -> dict[tuple[str, str], frozenset[str]]:
        """Return the extras and groups of ``pyproject.toml`` with the names in each."""
        return {
            (kind, name): frozenset(first_name(text) for text in self._texts(kind, name, _FOLLOWED))
            for kind, name in self._declared_choices()
        }

    def _declared_choices(self) -> Iterator[tuple[str, str]]:
        if self.project is None:
            return
        for kind, path in _TABLES:
            table = self.project.get(*path)
            yield from ((kind, str(name)) for name in (table if isinstance(table, dict) else ()))

    def _texts(self, kind: str, name: str, most: int | None = None) -> Iterator[str]:
        """Give the requirements in an extra or group, included groups followed: ``most``."""
        assert self.project is not None
        waiting, seen = [name], {name}
        while waiting and (most is None or len(seen) <= most):
            listed = self.project.get(*dict(_TABLES)[kind], waiting.pop(0))
            for item in listed if isinstance(listed, list) else ():
                if isinstance(item, str):
                    yield item
                included = item.get("include-group") if isinstance(item, dict) else None
                if isinstance(included, str) and included not in seen:
                    seen.add(included)
                    waiting.append(included)

    def _chosen(self) -> Iterator[tuple[str, Location]]:
        """Give the requirements of the extras and groups that the settings name."""
        settings = self.asked.settings
        known = set(self._declared_choices())
        for kind, names in (("extra", settings.extras), ("group", self.groups)):
            for name in names:
                if (kind, name) not in known and name in self.own_groups:
                    continue
                if (kind, name) not in known:
                    self.problems.append(self._unknown(kind, name, pyproject.FILE, known))
                    continue
                assert self.project is not None
                for text in self._texts(kind, name):
                    yield text, self.project.where(text)

    def _unknown(
        self, kind: str, name: str, file: str, choices: Iterable[tuple[str, str]]
    ) -> Problem:
        known = sorted(each for of, each in choices if of == kind)
        keys = ("uv-extras",) if kind == "extra" else ("uv-groups", "poetry-with")
        where = self.asked.settings.where(name)
        for key in keys:
            if name in self.asked.texts(key):
                where = self.asked.where(key, name)
        return Problem(
            f"cannot install the {kind} {name!r}: {file} has none of that name"
            f"{nearest(name, known)}",
            "unknown-group",
            where,
            f"there are {', '.join(known)}" if known else None,
        )

    def _unused(self, choices: Mapping[tuple[str, str], frozenset[str]], lock: Lock | None) -> None:
        """Name the extras and groups that hold a server and are not installed."""
        settings = self.asked.settings
        used = {("extra", name) for name in (*settings.extras, *self.asked.texts("uv-extras"))}
        used |= {
            ("group", name)
            for name in (
                *self.groups,
                *self.asked.texts("uv-groups"),
                *self.asked.texts("poetry-with"),
            )
        }
        for (kind, name), inside in choices.items():
            servers = sorted(inside & self.asked.servers)
            if not servers or (kind, name) in used or name in _DEVELOPMENT:
                continue
            key = f"'{kind}s = [\"{name}\"]' under [tool.rockery]"
            if lock is not None and lock.plugin != "python":
                keys = {"uv": f"uv-{kind}s", "poetry": "poetry-with"}
                key = f"'{keys[lock.plugin]}: [{name}]' on part {self.asked.name}/dependencies"
            self.notes.append(
                Problem(
                    f"the {kind} {name!r} holds {' and '.join(servers)} and is not installed",
                    "unused-group",
                    self.project.where(name) if self.project else None,
                    f"{key} adds it",
                )
            )

    def _passed_over(self, source: str | None, files: Iterable[str]) -> None:
        told = {note.where.file for note in self.notes if note.where}
        for file in files:
            if file != source and file not in told and (self.folder / file).is_file():
                self.notes.append(
                    Problem(
                        f"{file} is not used: packages come from {source or 'no other file'}",
                        "ignored-source",
                        Location(file),
                    )
                )


#: How many included groups are followed to say what a group has. Each of thousands may include
#: all others; what is installed is followed to the end.
_FOLLOWED = 64

_TABLES = (
    ("extra", ("project", "optional-dependencies")),
    ("group", ("dependency-groups",)),
)

_GROUPS = (("dependency-groups",), ("tool", "poetry", "group"))


def _given(key: str, values: Iterable[str]) -> dict[str, list[str]]:
    """Return the key with its list, or nothing where that is empty."""
    return {key: listed} if (listed := list(values)) else {}
