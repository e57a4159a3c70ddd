"""Where the application object is: what files say of it, then a search.

Nothing of the project is run. The order of evidence is fixed; the first that holds up
against the code wins, and one that doesn't is reported and passed over.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rockery.errors import Location, Problem
from rockery.extension.definition import EntrypointRules, Evidence
from rockery.extension.module import Module, Modules, Value, required_arguments
from rockery.extension.settings import Settings
from rockery.project import pyproject, toml
from rockery.project.pyproject import PyProject
from rockery.project.source import inside
from rockery.record import Record, field

# What only some projects need is compiled when it is needed: all together took a millisecond.
_REFERENCE = r"(?P<module>\w+(?:\.\w+)*):(?P<name>[A-Za-z_]\w*)(?P<call>\((?P<arguments>[^()]*)\))?"
#: Such a word in a command, which isn't the address of something else.
_SPOKEN = rf"(?<![^\s\"',\[\]{{}}])(?!(?:python|unix|file):){_REFERENCE}(?=[\s\"',\[\]{{}}]|$)"
#: A folder in a command that Python's path has then.
_FOLDER = (
    r"(?:--chdir|--pythonpath|--app-dir|(?<![\w-])cd)[\s\"',=]+"
    r"(?:\./)?(\w[\w./-]*?)/?(?=[\s\"',;]|$)"
)
#: Files at the root that never hold the application that is served.
_NEVER = re.compile(r"setup|conftest|noxfile|fabfile|tasks|test_.*|.*_test|gunicorn.*|.*\.conf")

_LARGEST = 256 * 1024
_MOST_MODULES = 200
_MOST_FILES = 100
_MOST_SHOWN = 12


class Entrypoint(Record):
    """The application: ``module:attribute``, called where it is a factory.

    ``path`` is the folder that has to be on Python's path besides the project's, "" for
    none. ``evidence`` says what told, ``where`` the place in the code.
    """

    module: str
    attribute: str
    call: str
    path: str
    evidence: str
    where: Location

    @property
    def text(self) -> str:
        """The application as Gunicorn takes it."""
        return f"{self.module}:{self.attribute}{self.call}"


class _Told(Record):
    """What a file says: ``reference`` is the application; ``folders`` are to be on the path."""

    reference: str
    where: Location
    source: str
    folders: tuple[str, ...] = ()


class Search(Record):
    """What a search found, with what it passed over and why."""

    entrypoint: Entrypoint | None
    notes: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()


def search(
    folder: Path,
    name: str,
    rules: EntrypointRules,
    python: str,
    project: PyProject | None,
    settings: Settings,
    service: str | None = None,
) -> Search:
    """Find the application of the project in ``folder`` whose rock is called ``name``.

    ``service`` is the one that a user could give a command instead.
    """
    hunt = _Hunt(folder, name.replace("-", "_").lower(), rules, python, settings, service)
    found = hunt.by_evidence(project) or hunt.by_search()
    if found is not None:
        return Search(found, tuple(hunt.notes))
    return Search(None, tuple(hunt.notes), tuple(hunt.failure()))


class _Hunt(Record, frozen=False):
    folder: Path
    name: str
    rules: EntrypointRules
    python: str
    settings: Settings = field(default_factory=Settings)
    service: str | None = None
    notes: list[Problem] = field(default_factory=list)
    rejected: list[Problem] = field(default_factory=list)
    broken: dict[str, Problem] = field(default_factory=dict)
    several: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.modules = Modules(self.folder, self.python)

    # --- evidence -----------------------------------------------------------------------

    def by_evidence(self, project: PyProject | None) -> Entrypoint | None:
        for told in self._told(project):
            found = self._resolved(told)
            if isinstance(found, Entrypoint):
                return found
            self.notes.append(
                Problem(
                    f"{told.source} names {told.reference!r}, which is passed over: {found}",
                    "unresolved-entrypoint",
                    told.where,
                )
            )
        return None

    def _told(self, project: PyProject | None) -> Iterator[_Told]:
        if own := self.settings.entrypoint_of(self.service):
            yield _Told(own, self.settings.where(own), self.settings.source)
        for evidence in self.rules.evidence:
            if evidence.toml is not None:
                yield from self._toml(evidence.toml, project)
            elif evidence.variable is not None:
                yield from self._variable(*evidence.variable)
            else:
                yield from self._commands(evidence)

    def _toml(self, place: tuple[str, str], project: PyProject | None) -> Iterator[_Told]:
        file, key = place
        value: Any = _toml_file(self.folder / file)
        if file == pyproject.FILE:
            value = project.data if project else {}
        for step in key.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str):
            where = project.where(value) if project and file == pyproject.FILE else Location(file)
            yield _Told(value, where, f"[{key.rpartition('.')[0]}]")

    def _variable(self, file: str, name: str) -> Iterator[_Told]:
        pattern = rf"\s*(?:export\s+)?{re.escape(name)}\s*=\s*([\"']?)(.*?)\1\s*(?:#.*)?"
        for number, line in enumerate(self._text(file).splitlines(), start=1):
            if (told := re.fullmatch(pattern, line)) and told[2]:
                yield _Told(told[2], Location(file, number), f"{name} in {file}")

    def _commands(self, evidence: Evidence) -> Iterator[_Told]:
        programs = "|".join(re.escape(program) for program in evidence.commands)
        command = rf"(?<![\w./-])(?:[\w./-]*/)?({programs})(?=[\s\"',\]])(.*)"
        for pattern in evidence.files:
            if "/" in pattern and not inside(self.folder, (self.folder / pattern).parent):
                continue  # not even listed
            for path in sorted(self.folder.glob(pattern))[:_MOST_FILES]:
                file = path.relative_to(self.folder).as_posix()
                text = self._text(file)
                joined = re.sub(r"\\\n", lambda _: " \v", text)  # \v keeps count of lines
                number = 0
                for line in joined.split("\n"):
                    number += 1
                    if not line.lstrip().startswith("#"):
                        yield from self._command(command, line, Location(file, number))
                    number += line.count("\v")

    @staticmethod
    def _command(command: str, line: str, where: Location) -> Iterator[_Told]:
        found = re.search(command, line)
        spoken = re.search(_SPOKEN, found[2]) if found else None
        if found is None or spoken is None:
            return
        word = spoken[0].replace('\\"', '"')  # in a list of JSON's
        call = "()" if "--factory" in found[2] and not word.endswith(")") else ""
        folders = tuple(re.findall(_FOLDER, line))
        yield _Told(word + call, where, f"{found[1]} in {where.file}", folders)

    def _text(self, file: str) -> str:
        path = self.folder / file
        try:
            if not path.is_file() or not inside(self.folder, path):
                return ""
            with path.open("rb") as stream:
                return stream.read(_LARGEST).decode("utf-8", "replace")
        except OSError:
            return ""

    def _resolved(self, told: _Told) -> Entrypoint | str:
        """Return the application that ``told`` names, or why it doesn't name one."""
        reference = told.reference.strip()
        file, _, rest = reference.partition(":")
        if file.endswith(".py"):  # FLASK_APP=src/hello.py
            file = file.removesuffix(".py").strip("./").replace("/", ".")
            reference = f"{file}:{rest}" if rest else file
        named = re.fullmatch(_REFERENCE, reference)
        if named is None and not re.fullmatch(r"\w+(\.\w+)*", reference):
            return "it is not of the form 'module:name'"
        module_name = named["module"] if named else reference
        found = self._module(module_name, told.folders)
        if found is None:
            return f"there is no module {module_name!r}"
        module, path = found
        if named is None:
            return self._in(module, path, told.source) or f"{module.file} has no application"
        if module.problem:
            self.broken.setdefault(module.file, module.problem)
        value = self.modules.value(module, named["name"])
        if value is None:
            if module.problem and not self.modules.judges_syntax:
                value = Value("unknown")
            else:
                return f"{module.file} has no {named['name']!r}"
        # Services' commands have the application between single quotes.
        call = re.sub(r"'([^'\"\\]*)'", r'"\1"', named["call"] or "")
        if "'" in call:
            return "its arguments have quotes that a command can't hold"
        verdict = self._verdict(value)
        if not call and verdict == "factory":
            call = "()"
        elif call and value.kind == "function" and not named["arguments"].strip():
            missing = required_arguments(value.node)
            if missing:
                return f"{named['name']}() needs {', '.join(missing)}"
        elif not call and verdict not in ("sure", "perhaps"):
            return verdict
        return Entrypoint(
            module.name, named["name"], call, path, told.source, module.where(named["name"])
        )

    def _module(self, name: str, folders: tuple[str, ...]) -> tuple[Module, str] | None:
        """Find a module that is named as if from one of ``folders``, the root, or ``src``."""
        for folder in folders:
            if found := self.modules.get(name, folder):
                return found, folder
        if found := self.modules.get(name):
            return self._placed(found)
        if found := self.modules.get(name, "src"):
            return found, "src"
        return None

    # --- search -------------------------------------------------------------------------

    def by_search(self) -> Entrypoint | None:
        usual = list(self._usual())
        if self.modules.judges_syntax:
            # What stands after a module that cannot be read is no better guess than it.
            for index, (module, _) in enumerate(usual):
                if module.problem:
                    self.broken[module.file] = module.problem
                    return self._first(usual[:index])
        found = self._first(usual)
        if found is not None:
            return found
        rest = list(self._rest())
        for module, _ in rest:
            if module.problem:
                self.broken[module.file] = module.problem
        packages = [(module, path) for module, path in rest if "/" in module.file]
        return (
            self._first(rest, sure=True)
            or self._first(packages)
            or self._only(self._within_packages())
        )

    def _first(self, modules: list[tuple[Module, str]], *, sure: bool = False) -> Entrypoint | None:
        for kinds in ("names", "factories"):
            for module, path in modules:
                found = self._named(module, path, kinds, f"search in {module.file}", sure=sure)
                if found is not None:
                    return found
        for module, path in modules:
            found = self._single(module, path, f"search in {module.file}")
            if found is not None:
                return found
        return None

    def _in(self, module: Module, path: str, source: str) -> Entrypoint | None:
        return (
            self._named(module, path, "names", source)
            or self._named(module, path, "factories", source)
            or self._single(module, path, source)
        )

    def _usual(self) -> Iterator[tuple[Module, str]]:
        seen: set[str] = set()
        rules = self.rules
        names = [name.replace("{name}", self.name) for name in rules.modules]
        packages = [name.replace("{name}", self.name) for name in rules.packages]
        for name in dict.fromkeys([*names, *self._below(packages, rules.submodules), *rules.more]):
            yield from self._candidate(name, seen)
        for package in packages:
            for name in rules.more:
                yield from self._candidate(f"{package}.{name}", seen)

    def _rest(self) -> Iterator[tuple[Module, str]]:
        seen: set[str] = set()
        for root in ("", "src"):
            if root and self.modules.get(root):
                continue  # a package of its own, seen from the root
            files, packages = self._listing(root)
            below = self._below(packages, (*self.rules.submodules, *self.rules.more))
            for name in [*files, *below]:
                module = self.modules.get(name, root)
                if module and module.file not in seen:
                    seen.add(module.file)
                    yield module, root

    def _within_packages(self) -> Iterator[tuple[Module, str]]:
        """Yield the modules of the packages at the top."""
        for package in self._listing("")[1]:
            for name in self._listing(package)[0][:_MOST_MODULES]:
                if module := self.modules.get(f"{package}.{name}"):
                    yield module, ""

    def _only(self, modules: Iterable[tuple[Module, str]]) -> Entrypoint | None:
        """Return the one application among modules of any name; where there are more, none."""
        found = [each for one in modules if (each := self._first([one], sure=True))]
        if len(found) > 1:
            self.several += [each.text for each in found]
        return found[0] if len(found) == 1 else None

    @staticmethod
    def _below(packages: list[str], submodules: tuple[str, ...]) -> list[str]:
        return [
            f"{package}.{name}" if name else package for package in packages for name in submodules
        ]

    def _listing(self, root: str) -> tuple[list[str], list[str]]:
        try:
            entries = sorted(os.scandir(self.folder / root), key=lambda entry: entry.name)
        except OSError:
            return [], []
        files, packages = [], []
        for entry in entries:
            stem = entry.name.removesuffix(".py")
            if stem != entry.name and stem.isidentifier() and not _NEVER.fullmatch(stem):
                files.append(stem)
            elif (
                entry.name.isidentifier()
                and entry.name not in ("tests", "test", "docs", "migrations")
                and (Path(entry.path) / "__init__.py").is_file()
            ):
                packages.append(entry.name)
        return files, packages

    def _candidate(self, name: str, seen: set[str]) -> Iterator[tuple[Module, str]]:
        module = self.modules.get(name)
        if module is None or module.file in seen:
            return
        seen.add(module.file)
        yield self._placed(module)

    def _placed(self, module: Module) -> tuple[Module, str]:
        """Return the module under the name that its own imports need, and its path.

        Below a folder without ``__init__.py`` the name starts under that folder where the
        module imports what lies beside it, and for ``src`` always; else from the root.
        """
        first, _, rest = module.name.partition(".")
        if not rest or self.modules.get(first):
            return module, ""
        beside = any(
            (self.modules.get(name, first) or self.modules.is_folder(name, first))
            and not self.modules.get(name)
            and not self.modules.is_folder(name)
            for name in module.imports
        )
        from_root = first in module.imports
        if (first == "src" or beside) and not from_root:
            return self.modules.get(rest, first) or module, first
        return module, ""

    def _named(
        self, module: Module, path: str, kinds: str, source: str, *, sure: bool = False
    ) -> Entrypoint | None:
        """Find an application by the "names" or "factories" of the rules."""
        if module.problem and not self.modules.judges_syntax and kinds == "names":
            return self._read_as_text(module, path, source)
        for name in self.rules.names if kinds == "names" else self.rules.factories:
            value = self.modules.value(module, name)
            if value is None:
                continue
            verdict = self._verdict(value)
            if kinds == "factories" and verdict == "factory" and not (sure and self._vague(value)):
                return Entrypoint(module.name, name, "()", path, source, module.where(name))
            if kinds == "names" and verdict in (("sure",) if sure else ("sure", "perhaps")):
                return Entrypoint(module.name, name, "", path, source, module.where(name))
            if verdict not in ("module", "sure", "perhaps", "factory"):
                self.rejected.append(
                    Problem(
                        f"{module.name}:{name} is passed over: {verdict}",
                        "rejected-entrypoint",
                        module.where(name),
                    )
                )
        return None

    def _vague(self, factory: Value) -> bool:
        made = self.modules.returned(factory)
        return made.kind != "made" or made.name not in self.rules.constructors

    def _read_as_text(self, module: Module, path: str, source: str) -> Entrypoint | None:
        """Go by lines where the syntax is newer than the Python that runs rockery."""
        for name in self.rules.names:
            if found := re.search(rf"^{name}\s*(?::[^=\n]+)?=[^=]", module.text, re.MULTILINE):
                line = module.text.count("\n", 0, found.start()) + 1
                where = Location(module.file, line)
                self.notes.append(
                    Problem(
                        f"{module.file} is read by its lines only: it does not parse on Python "
                        f"{sys.version_info[0]}.{sys.version_info[1]}, and the rock has "
                        f"{self.python}",
                        "newer-syntax",
                        where,
                    )
                )
                return Entrypoint(module.name, name, "", path, source, where)
        return None

    def _single(self, module: Module, path: str, source: str) -> Entrypoint | None:
        """Return the one application of the module, whatever its name."""
        sure = [
            name
            for name in module.bindings
            if not module.is_alias(name)
            and (value := self.modules.value(module, name))
            and self._verdict(value) == "sure"
        ]
        if len(sure) > 1:
            self.several += [f"{module.name}:{name}" for name in sure]
        if len(sure) != 1:
            return None
        return Entrypoint(module.name, sure[0], "", path, source, module.where(sure[0]))

    def _verdict(self, value: Value) -> str:
        """Return "sure", "perhaps", "factory", "module", or why it is no application."""
        rules = self.rules
        if value.kind == "made":
            if value.name in rules.constructors:
                return "sure"
            if value.name in rules.not_constructors:
                return f"it is made by {value.name}"
            return "perhaps"
        if value.kind == "function":
            return self._function(value)
        if value.kind == "nothing":
            return "it is no application"
        if value.kind == "class":
            return f"it is the class {value.name}, not an instance"
        return "module" if value.kind == "module" else "perhaps"

    def _function(self, value: Value) -> str:
        missing = required_arguments(value.node)
        if len(missing) == (2 if self.rules.interface == "wsgi" else 3):
            return "perhaps"  # environ and start_response, or scope, receive and send
        if missing:
            return f"calling it needs {', '.join(missing)}"
        if type(value.node).__name__ == "AsyncFunctionDef":
            return "it is a coroutine"
        made = self.modules.returned(value)
        if made.kind == "made" and made.name in self.rules.not_constructors:
            return f"it gives what {made.name} makes"
        return "factory"

    # --- nothing found ------------------------------------------------------------------

    def failure(self) -> Iterator[Problem]:
        if self.modules.judges_syntax and self.broken:
            yield from self.broken.values()
            return
        files, packages = self._listing("")
        hidden = [name for name in files if name in packages]
        seen = [f"{name}.py" for name in files if name not in hidden]
        seen += [f"{name}/" for name in packages]
        elsewhere = self._elsewhere()
        remedy = (
            f'name it in pyproject.toml: [tool.rockery] entrypoint = "module:name"; or give '
            f"'services: {self.service}: command:' in rockcraft.yaml"
        )
        if len(elsewhere) == 1:
            remedy = f"there is one in {elsewhere[0]}: try '-C {elsewhere[0]}'"
        several = list(dict.fromkeys(self.several))
        if several:
            remedy = remedy.replace("module:name", several[0])
        names = " or ".join(self.rules.names)
        yield Problem(
            f"cannot find the application: no global {names}"
            + (f", no factory {' or '.join(self.rules.factories)}" if self.rules.factories else ""),
            "missing-entrypoint",
            None,
            remedy,
            (
                f"looked at: {', '.join(seen) if seen else self._nothing_to_look_at()}",
                *([f"it may be {' or '.join(several[:5])}"] if several else []),
                *(
                    f"{name}.py is passed over: Python imports the package {name}/ in its place"
                    for name in hidden
                ),
                *dict.fromkeys(f"{each.where}: {each.message}" for each in self.rejected),
            ),
        )

    def _nothing_to_look_at(self) -> str:
        """Say that no Python is at the top, and what is."""
        try:
            names = sorted(
                entry.name + "/" * entry.is_dir(follow_symlinks=False)
                for entry in os.scandir(self.folder)
                if not entry.name.startswith(".")
            )
        except OSError:
            names = []
        shown = ", ".join(names[:_MOST_SHOWN]) + ", …" * (len(names) > _MOST_SHOWN)
        return f"no Python file at the top, which has {shown or 'nothing'}"

    def _elsewhere(self) -> list[str]:
        """Return the subfolders that would be projects of their own."""
        found = []
        try:
            folders = sorted(
                entry.name
                for entry in os.scandir(self.folder)
                if entry.is_dir(follow_symlinks=False)
            )
        except OSError:
            return []
        for name in folders:
            if name.startswith(".") or name in ("node_modules", "tests", "venv", "env"):
                continue
            below = _Hunt(self.folder / name, self.name, self.rules, self.python)
            if any(below._in(module, path, "") for module, path in below._usual()):
                found.append(name)
        return found


def _toml_file(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file() or not inside(path.parent, path):
            return {}
        return toml.parse(path.read_bytes().decode())
    except (OSError, ValueError, RecursionError):
        return {}
