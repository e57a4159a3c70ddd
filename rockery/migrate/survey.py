"""What stands between a project and FastAPI."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rockery.errors import Location, Problem, ProjectError
from rockery.migrate import counterpart, requirement, start, template, usage
from rockery.migrate.conversion import Conversion, Written, target
from rockery.migrate.reference import References
from rockery.migrate.scope import Scope, collect, is_test
from rockery.migrate.use import Use
from rockery.project import source, syntax

#: Larger modules are not converted: nobody would read the result, and it takes long.
_MOST_CONVERTED = 128 * 1024
#: Folders that hold nothing of the project's own.
_SKIPPED = frozenset(
    [
        "node_modules",
        "bower_components",
        "__pycache__",
        "site-packages",
        "venv",
        "env",
        ".venv",
        ".env",
        ".git",
        ".hg",
        ".svn",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".eggs",
        "build",
        "dist",
        "htmlcov",
    ]
)
#: Hidden folders that are read.
_HIDDEN = frozenset({".circleci", ".github"})


@dataclass(frozen=True)
class Survey:
    """All uses of Flask in a project, sorted, and how far the project is.

    ``modules`` counts its Python modules, ``free`` those without a use of Flask, ``fastapi`` the
    routes that are FastAPI's, ``unread`` what could not be looked at.
    """

    uses: tuple[Use, ...]
    modules: int
    free: int
    fastapi: int
    unread: tuple[Problem, ...] = ()

    @property
    def flask(self) -> int:
        """How many routes are Flask's."""
        return self.counts.get("route", 0)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many uses there are of each kind, in the order of a report."""
        found = Counter(use.kind for use in self.uses)
        return {kind: found[kind] for kind in counterpart.KINDS if found[kind]}


def survey(folder: Path) -> Survey:
    """Read the project in ``folder``, without running anything of it or writing."""
    return _Reading(folder).survey()


def convert(folder: Path) -> tuple[Survey, tuple[Written, ...]]:
    """Return the survey, and what each module of Flask's converts to; nothing is written.

    A module of the application that imports Flask is converted, tests are not.
    """
    reading = _Reading(folder)
    found = reading.survey()
    modules = tuple(reading.converted(found))
    return replace(found, unread=tuple(reading.unread)), modules


class _Reading:
    """Reads a project's files, each within bounds and inside the project."""

    references: References

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uses: set[Use] = set()
        self.unread: list[Problem] = []

    def survey(self) -> Survey:
        paths = [
            entry.path
            for entry in source.walk(self.folder, _skipped)
            if entry.kind in ("file", "link") and not entry.dangling
        ]
        scopes = dict(self._scopes(path for path in paths if path.endswith(".py")))
        references = self.references = References(scopes)
        usage.follow_views(references)
        fastapi = 0
        for scope in scopes.values():
            module = usage.Module(scope, references)
            tree = self._tree(scope.file)
            if tree is not None:
                try:
                    module.read(tree)
                except RecursionError:
                    self._deep(scope.file)
            self.uses.update(module.uses.values())
            fastapi += module.fastapi
        used = {use.file for use in self.uses}
        for path in paths:
            self._other(path)
        return Survey(
            tuple(sorted(self.uses)),
            modules=len(scopes),
            free=len(scopes.keys() - used),
            fastapi=fastapi,
            unread=tuple(self.unread),
        )

    def converted(self, found: Survey) -> Iterator[Written]:
        modules = self.references.modules
        chosen = frozenset(
            use.file
            for use in found.uses
            if use.kind == "import" and use.file in modules and not is_test(use.file)
        )
        chosen -= {target(path) for path in modules}  # written before
        for path in sorted(chosen):
            tree, content = self._tree(path), self._content(path)
            if tree is None or content is None:
                continue
            if len(content) > _MOST_CONVERTED:
                reason = f"it has more than {_MOST_CONVERTED // 1024} kB"
                self.unread.append(
                    Problem(f"cannot convert {path}: {reason}", "large-module", Location(path))
                )
                continue
            one = Conversion(self.folder, content, tree, modules[path], self.references)
            try:
                text, marked = one.run([u for u in found.uses if u.file == path], chosen)
            except (RecursionError, UnicodeDecodeError, SyntaxError):
                self._deep(path)
                continue
            yield Written(path, target(path), text, marked)

    def _scopes(self, paths: Iterator[str]) -> Iterator[tuple[str, Scope]]:
        for path in paths:
            tree = self._tree(path, tell=True)
            if tree is None:
                continue
            try:
                yield path, collect(tree, path)
            except RecursionError:
                self._deep(path)

    def _tree(self, path: str, *, tell: bool = False) -> ast.Module | None:
        content = self._content(path)
        if content is None:
            return None
        try:
            return syntax.tree(content, self.folder, path, None)
        except ProjectError as error:
            if tell:
                self.unread.extend(error.problems)
            return None

    def _deep(self, path: str) -> None:
        self.unread.append(
            Problem(f"cannot read {path}: it is nested too deeply", "syntax-error", Location(path))
        )

    def _other(self, path: str) -> None:
        """Read a file that isn't a module, or not only that."""
        readers = [
            *((template.uses,) if template.is_template(path) else ()),
            *((start.uses, requirement.installed) if start.starts(path) else ()),
            *((requirement.uses,) if requirement.declares(path) else ()),
        ]
        content = self._content(path) if readers else None
        if content is None:
            return
        text = content.decode("utf-8-sig", "replace")
        for reader in readers:
            self.uses.update(reader(text, path))

    def _content(self, path: str) -> bytes | None:
        """Return what is in a file, or None where it is too large to be anyone's writing."""
        full = self.folder / path
        if not full.is_file():
            return None
        with full.open("rb") as stream:
            content = stream.read(syntax.LARGEST + 1)
        # A module that is too large is told of by the parser.
        return content if path.endswith(".py") or len(content) <= syntax.LARGEST else None


def _skipped(path: str) -> bool:
    name = path.rstrip("/").rpartition("/")[2]
    if not path.endswith("/"):
        return False
    return name in _SKIPPED or (name.startswith(".") and name not in _HIDDEN)
