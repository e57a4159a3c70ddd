"""The parts of a rock, sorted by how they become layers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from rockery.base import Base
from rockery.component import components
from rockery.data import VARIABLE, data_folder
from rockery.errors import Location, Problem, ProjectError
from rockery.plan.spec import BuiltSpec, FilesSpec, PlannedFile
from rockery.project import build_source, script, source
from rockery.project.fileset import Ownership, permissions_for, prunable, select
from rockery.project.schema import Part, RockFile
from rockery.resolution import distribution
from rockery.resolution.locks import Kind, Lock, kind_of
from rockery.resolution.python import PythonRequest
from rockery.store import digest_of

_PYTHON_PLUGINS = ("python", "uv", "poetry")

#: The lock that a plugin installs from.
_LOCKS: dict[str, tuple[Kind, str]] = {
    "uv": ("uv", "uv.lock"),
    "poetry": ("poetry", "poetry.lock"),
}

#: The title of the layer of all Python parts.
PYTHON_PACKAGES = "Python packages"

_NESTED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]?\s*(\S+)", re.MULTILINE)

Where = Callable[..., Location]


class Parts:
    """The parts of ``rock``, whose project lies in ``folder``.

    ``data`` is the ordinary ``rockcraft.yaml`` behind ``rock``; ``where`` finds positions in
    the user's file, ``digest`` tells the SHA-256 of a file; ``keep`` are globs of what stays of
    the Python packages. Raises :class:`ProjectError` on
    construction for a part that no layer can be made of.
    """

    def __init__(
        self,
        rock: RockFile,
        data: Mapping[str, Any],
        base: Base,
        folder: Path,
        where: Where,
        digest: Callable[[Path], str] = digest_of,
        keep: tuple[str, ...] = (),
    ) -> None:
        self.rock = rock
        self.data = data
        self.base = base
        self.folder = folder
        self.where = where
        self.digest = digest
        self.keep = keep
        self.notes: list[Problem] = []
        problems = [p for name, part in rock.parts.items() for p in self._refusals(name, part)]
        if problems:
            raise ProjectError(*problems)

    @property
    def bare(self) -> bool:
        """Whether nothing lies under the runtime."""
        return self.rock.base == "bare"

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All packages that the runtime is asked for, slices included."""
        staged = [
            word
            for part in self.rock.parts.values()
            for word in (*part.stage_packages, *part.stage_slices)
        ]
        return distribution.request(self.base, staged, bare=self.bare)

    def filtering_packages(self) -> Iterator[Part]:
        """Give the parts whose filesets narrow the files of their own packages."""
        for part in self.rock.parts.values():
            if part.stage_packages and (part.stage or part.prime or part.organize):
                yield part

    def component_parts(self) -> dict[str, str]:
        """Return the components that parts name by their Go source, with the part's name."""
        found = {}
        for name, part in self.rock.parts.items():
            component = _component_of(part)
            if component is not None:
                found[component] = name
        return found

    def build_packages(self) -> tuple[str, ...]:
        """Return the packages that building Python packages wants."""
        names = {word for part in self._python().values() for word in part.build_packages}
        return tuple(sorted(names))

    def python_fileset(self) -> Part:
        """Return the part whose ``stage`` and ``prime`` narrow the Python packages' files."""
        stage = [entry for part in self._python().values() for entry in part.stage]
        prime = [entry for part in self._python().values() for entry in part.prime]
        return Part.model_validate({"stage": stage, "prime": prime})

    @cached_property
    def python_request(self) -> PythonRequest:
        """What the Python parts ask for together."""
        requirements: list[str] = []
        constraints: list[str] = []
        packages: list[str] = []
        locks: list[Lock] = []
        where: Location | None = None
        for name, part in self._python().items():
            prefix = self._prefix(part)
            if part.plugin in _LOCKS:
                locks.append(self._lock(name, part, prefix))
            for path in part.python_requirements:
                kind = kind_of(path)
                if kind is None:
                    requirements.append(prefix + path)
                else:
                    locks.append(Lock(kind, prefix + path))
            constraints += [prefix + path for path in part.python_constraints]
            packages += part.python_packages
            if part.python_requirements and where is None:
                where = self.where("parts", name, "python-requirements")
        projects = tuple(
            prefix.rstrip("/") or "."
            for prefix in dict.fromkeys(
                self._prefix(part) for part in self._python().values() if part.plugin == "python"
            )
            if not any(lock.path.startswith(prefix) for lock in locks)
            and (self.folder / prefix / "pyproject.toml").is_file()
            and _is_project(self.folder / prefix / "pyproject.toml")
        )
        digests: dict[str, str] = {}
        for path in (*requirements, *constraints):
            self._digest(path, digests)
        for lock in locks:
            self._digest(lock.path, digests)
            if lock.kind in ("uv", "poetry"):
                self._digest((Path(lock.path).parent / "pyproject.toml").as_posix(), digests)
        for project in projects:
            self._digest(f"{project}/pyproject.toml".removeprefix("./"), digests)
        # Where the requirements are, else where the part is.
        if where is None and self._python():
            where = self.where("parts", next(iter(self._python())))
        return PythonRequest(
            tuple(dict.fromkeys(requirements)),
            tuple(dict.fromkeys(constraints)),
            tuple(dict.fromkeys(packages)),
            projects,
            digests,
            where,
            tuple(locks),
        )

    def _lock(self, name: str, part: Part, prefix: str) -> Lock:
        kind, file = _LOCKS[part.plugin]
        if not (self.folder / prefix / file).is_file():
            raise ProjectError(
                Problem(
                    f"cannot build part {name!r}: there is no {prefix}{file}",
                    "missing-lock",
                    self.where("parts", name, "plugin"),
                    f"write it with '{part.plugin} lock'",
                )
            )
        groups = (*part.uv_groups, *part.poetry_with)
        return Lock(kind, f"{prefix}{file}", part.uv_extras, groups)

    @cached_property
    def python_projects(self) -> tuple[str, ...]:
        """The local projects that are installed themselves, not only their dependencies."""
        prefixes = dict.fromkeys(self._prefix(part) for part in self._python().values())
        return tuple(
            prefix.rstrip("/") or "."
            for prefix in prefixes
            if (self.folder / prefix / "pyproject.toml").is_file()
            and _is_installable(self.folder / prefix / "pyproject.toml")
        )

    def project_facts(self, path: str) -> dict[str, str]:
        """Return the digests of what building the local project in ``path`` sees, by path."""
        return build_source.facts(self.folder / path, self.digest)

    def files(
        self, architecture: str
    ) -> tuple[list[tuple[str, FilesSpec | BuiltSpec]], list[tuple[str, FilesSpec | BuiltSpec]]]:
        """Return the layers of the parts: rockery's data and what is built, then the project's.

        The project's own files come last, because they change most.
        """
        made: list[tuple[str, FilesSpec | BuiltSpec]] = []
        own: list[tuple[str, FilesSpec | BuiltSpec]] = []
        for name in self._ordered():
            part = self.rock.parts[name]
            if self._is_built(part):
                made.append((name, self._built(name, part, architecture)))
            elif links := script.links_of(part):
                made.append((name, FilesSpec(self._linked(part, links))))
            elif part.plugin == "dump":
                root, shipped = self._source(part)
                files = tuple(self._dumped(name, part, root))
                if not files:
                    continue
                if shipped:
                    compiled_for = self.base if any(map(_is_module, files)) else None
                    made.append((name, FilesSpec(files, compiled_for)))
                else:
                    own.append((name, FilesSpec(files)))
        return made, own

    def dependencies_script(self, architecture: str) -> BuiltSpec | None:
        """Return the Python part with scripts, in whose steps the packages are installed."""
        for name, part in self._python().items():
            if part.scripts:
                return self._built(name, part, architecture)
        return None

    def version_part(self) -> str | None:
        """Return the part that sets the rock's version, where the file has none."""
        return self.rock.adopt_info if self.rock.version is None else None

    def _is_built(self, part: Part) -> bool:
        """Tell whether the part wants more than files put in place."""
        if part.plugin in _PYTHON_PLUGINS or _component_of(part) is not None:
            return False
        scripted = part.scripts and script.links_of(part) is None
        return bool(scripted) or part.plugin not in ("nil", "dump") or _is_remote(part)

    def _built(self, name: str, part: Part, architecture: str) -> BuiltSpec:
        local = part.source is not None and not _is_remote(part)
        facts = build_source.facts(self.folder / self._prefix(part), self.digest) if local else {}
        keys = self.data["parts"][name]
        after = tuple(self._title(before) for before in part.after)
        return BuiltSpec(name, part, keys, self.folder, architecture, after, facts)

    def _title(self, name: str) -> str:
        """Return the title of the layer that holds what the part ``name`` makes."""
        return PYTHON_PACKAGES if name in self._python() else name

    def _ordered(self) -> list[str]:
        """Return the parts' names, each after those it names under ``after``."""
        ordered: list[str] = []
        waiting: list[str] = []

        def visit(name: str) -> None:
            if name in ordered:
                return
            if name in waiting:
                raise ProjectError(
                    Problem(
                        f"cannot build part {name!r} after itself: {' → '.join([*waiting, name])}",
                        "circular-parts",
                        self.where("parts", name, "after"),
                        "take one of them out of its 'after'",
                    )
                )
            waiting.append(name)
            for before in self.rock.parts[name].after:
                visit(before)
            waiting.pop()
            ordered.append(name)

        for name in self.rock.parts:
            visit(name)
        return ordered

    def _python(self) -> dict[str, Part]:
        parts = self.rock.parts.items()
        return {name: part for name, part in parts if part.plugin in _PYTHON_PLUGINS}

    def _prefix(self, part: Part) -> str:
        """Return the part's source relative to the project, with "/" at the end, or ""."""
        steps = [step for step in (part.source or ".", part.source_subdir or "") if step]
        path = Path(*steps)
        return "" if path == Path() else f"{path.as_posix()}/"

    def _digest(self, path: str, digests: dict[str, str]) -> None:
        """Remember the digest of a requirement file and of those it includes."""
        if path in digests:
            return
        try:
            data = (self.folder / path).read_bytes()
        except OSError:
            digests[path] = "missing"
            return
        digests[path] = hashlib.sha256(data).hexdigest()
        if path.endswith(".toml"):
            return
        here = Path(path).parent
        for nested in _NESTED.findall(data.decode("utf-8", "replace")):
            if "://" not in nested:
                self._digest((here / nested).as_posix(), digests)

    def _source(self, part: Part) -> tuple[Path, bool]:
        """Return the folder of a part's source, and whether it is rockery's own data."""
        assert part.source is not None
        if part.source.startswith(VARIABLE):
            name, _, rest = part.source.removeprefix(VARIABLE).strip("/").partition("/")
            return data_folder(name) / rest, True
        return self.folder / self._prefix(part), False

    def _linked(self, part: Part, links: script.Links) -> tuple[PlannedFile, ...]:
        planned = []
        for path in links.folders:
            owner = permissions_for(part.permissions, path)
            planned.append(_directory(path, owner))
        for path, target in links.links.items():
            owner = permissions_for(part.permissions, path)
            uid, gid = owner.owner or 0, owner.group or 0
            planned.append(PlannedFile(path, "symlink", 0o777, uid, gid, target=target))
        return tuple(planned)

    def _dumped(self, name: str, part: Part, root: Path) -> Iterator[PlannedFile]:
        if not root.is_dir():
            raise ProjectError(
                Problem(
                    f"cannot find the source of part {name!r}: there is no folder {part.source}",
                    "missing-source",
                    self.where("parts", name, "source"),
                    "correct the path; it is relative to the project's folder",
                )
            )
        skip = prunable(part)
        found = {
            e.path: e for e in source.walk(root, lambda path: path.endswith("/") and skip(path))
        }
        for place, origin in select(part, found).items():
            path = place.rstrip("/")
            owner = permissions_for(part.permissions, path)
            if place.endswith("/"):
                yield _directory(path, owner)
                continue
            entry = found[origin]
            uid, gid = owner.owner or 0, owner.group or 0
            if entry.kind == "link":
                if entry.dangling:
                    self.notes.append(
                        Problem(
                            f"the link {origin} leads to nothing in the project ({entry.target})",
                            "dangling-link",
                            Location(origin),
                        )
                    )
                yield PlannedFile(path, "symlink", 0o777, uid, gid, target=entry.target or "")
            elif entry.kind == "file":
                yield self._file(path, root / origin, origin, owner)

    def _file(self, path: str, full: Path, origin: str, owner: Ownership) -> PlannedFile:
        """Plan a file: only whether it is executable counts, so that the umask doesn't show."""
        try:
            status = full.stat()
            digest = self.digest(full)
        except OSError as error:
            raise ProjectError(
                Problem(
                    f"cannot read {origin}: {(error.strerror or str(error)).lower()}",
                    "unreadable-file",
                    Location(origin),
                    "correct its permissions, or leave it out (.rockignore)",
                )
            ) from error
        mode = 0o755 if status.st_mode & 0o100 else 0o644
        mode = owner.mode if owner.mode is not None else mode
        return PlannedFile(
            path,
            "file",
            mode,
            owner.owner or 0,
            owner.group or 0,
            source=str(full),
            size=status.st_size,
            sha256=digest,
        )

    def _refusals(self, name: str, part: Part) -> Iterator[Problem]:
        """Give what this version can't build, by name."""
        for key in ("overlay", "overlay-packages", "overlay-script", "override-overlay"):
            if key in part.keys_given:
                yield Problem(
                    f"cannot build part {name!r}: overlays change a base as root, which rockery "
                    "never is",
                    "overlay",
                    self.where("parts", name, key),
                    "use 'stage-packages', or files in their place with 'plugin: dump'",
                )


def _is_remote(part: Part) -> bool:
    source = part.source or ""
    return "://" in source or source.startswith("git@") or part.source_type not in (None, "local")


def _is_module(file: PlannedFile) -> bool:
    """Tell whether this is a module where the distribution's Python looks for them."""
    return file.path.startswith("usr/lib/python3/dist-packages/") and file.path.endswith(".py")


def _component_of(part: Part) -> str | None:
    """Return the component that a ``go`` part with a git source at a version tag names."""
    if part.plugin != "go" or not part.source:
        return None
    wanted = part.source.removesuffix(".git")
    for component in components():
        if component.go_source and component.go_source.removesuffix(".git") == wanted:
            return component.name
    return None


def _directory(path: str, owner: Ownership) -> PlannedFile:
    mode = owner.mode if owner.mode is not None else 0o755
    return PlannedFile(path, "directory", mode, owner.owner or 0, owner.group or 0)


def _toml(path: Path) -> Mapping[str, object]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProjectError(
            Problem(
                f"cannot read {path.name}: {error}",
                "broken-toml",
                Location(path.name),
            )
        ) from error


def _is_project(path: Path) -> bool:
    """Tell whether a pyproject.toml names dependencies: one with only tool settings doesn't."""
    return "project" in _toml(path)


def _is_installable(path: Path) -> bool:
    """Tell whether installing the project itself gives what its files alone don't.

    Without ``[build-system]``, and without scripts, entry points or a ``src`` folder, the
    files in the application's folder are all there is to import; installing them is what
    fails with "multiple top-level packages".
    """
    data = _toml(path)
    tool = data.get("tool", {})
    if isinstance(tool, dict) and (
        tool.get("poetry", {}).get("package-mode") is False
        or tool.get("uv", {}).get("package") is False
    ):
        return False  # its author says that it is no package
    project = data.get("project")
    build = data.get("build-system")
    backend = str(build.get("build-backend", "")) if isinstance(build, dict) else "poetry"
    if (
        isinstance(tool, dict)
        and "poetry" in backend
        and _poetry_lacks_package(tool.get("poetry"), project, path.parent)
    ):
        return False
    named = isinstance(project, dict) and {"scripts", "entry-points", "gui-scripts"} & set(project)
    return "build-system" in data or bool(named) or (path.parent / "src").is_dir()


def _poetry_lacks_package(poetry: Any, project: Any, folder: Path) -> bool:
    """Tell whether Poetry would find nothing to build: its users say ``install --no-root``.

    It takes what ``packages`` or ``include`` name, else a package or module of the project's
    own name, at the top or in ``src``.
    """
    if not isinstance(poetry, dict) or {"packages", "include"} & set(poetry):
        return False
    name = poetry.get("name") or (project.get("name") if isinstance(project, dict) else None)
    module = re.sub(r"[-.]+", "_", str(name or ""))
    return not any(
        (folder / place / module).is_dir() or (folder / place / f"{module}.py").is_file()
        for place in ("", "src")
    )
