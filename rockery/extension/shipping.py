"""Which files of a project an extension puts into the rock, and which it leaves out."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from pathlib import Path

from rockery.data import data_folder
from rockery.errors import Location, Problem
from rockery.project import fileset
from rockery.project.glob import has_magic, literal
from rockery.project.ignore import Ignore
from rockery.project.source import Entry, inside, walk
from rockery.record import Record, field

#: The project's own ignore file.
FILE = ".rockignore"

#: What tests and tools leave behind at any moment. It is left out by globs that are always
#: there, so that the expansion stays the same whether they ran or not.
_CACHES = ("**/__pycache__", "**/*.py[cod]")

_MOST_RULES = 5_000
_LONGEST_RULE = 4_096

#: Files that may hold a private key: by their ends, and the JSON of accounts.
_KEYS = (".pem", ".key", ".p8", ".ppk")
_ACCOUNT = r"credential|secret|service.?account|key"
_SENSITIVE = (
    r"\.env(\..*)?|.*\.env|\.envrc|\.netrc|\.npmrc|\.pypirc|\.htpasswd|\.pgpass"
    r"|id_(rsa|dsa|ecdsa|ed25519)|.*\.(p12|pfx|jks|kdbx|tfstate)"
)
_SAMPLE = r"\.env\.(example|sample|template|dist)"
_VARIABLE = r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*="


class Ignored(Record):
    """A path of the project that is left out, and what said so."""

    path: str
    reason: str


class Shipping(Record):
    """What goes into the rock, in the terms of a part.

    ``organize`` has the names at the top of the project; ``excludes`` are entries of
    ``prime`` that take away what is left out below them.
    """

    organize: dict[str, str]
    excludes: tuple[str, ...]
    ignored: tuple[Ignored, ...]
    notes: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()


def ship(
    folder: Path,
    app: str,
    prime: tuple[str, ...],
    where: Callable[[int], Location],
    ignore: tuple[str, ...] = (),
) -> Shipping:
    """Decide what of ``folder`` goes to ``app`` in the rock.

    ``prime`` are the user's entries, all below ``app``; ``where`` gives the position of one.
    ``ignore`` are lines as of a ``.rockignore``, from the project's settings.
    Without an include among them everything is shipped that no ignore list names.
    """
    return _Shipment(folder, app, prime, where, ignore).decide()


def rewritten(entry: str, app: str, aliases: tuple[str, ...]) -> str:
    """Return an entry of ``prime`` or ``stage`` with an alias of ``app`` in its place.

    ``-`` in front stays. What is below neither comes back as it is.
    """
    sign, path = ("-", entry[1:].lstrip()) if entry.startswith("-") else ("", entry)
    for alias in aliases:
        if below(path, alias) and not below(path, app):
            return f"{sign}{app}{path.removeprefix(alias)}"
    return sign + path


def below(path: str, folder: str) -> bool:
    """Tell whether ``path`` is ``folder`` or lies in it, by component."""
    return path.rstrip("/") == folder or path.startswith(f"{folder}/")


class _Shipment(Record, frozen=False):
    folder: Path
    app: str
    prime: tuple[str, ...]
    where: Callable[[int], Location]
    ignore: tuple[str, ...] = ()
    ignored: list[Ignored] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    paths: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.includes = [
            entry.removeprefix(self.app).strip("/") for entry in self.prime if entry[:1] != "-"
        ]
        #: What the first component has to match; nothing else is even looked at.
        self.first = {path.partition("/")[0] for path in self.includes}
        #: Paths that are shipped because they are named, whatever an ignore list says.
        self.named = {path for path in self.includes if path and not has_magic(path)}
        self.ignores = [
            ("the default ignore list", _ignore(data_folder("extensions") / "default.rockignore"))
        ]
        own = self.folder / FILE
        if own.is_file() and inside(self.folder, own):
            self._take_ignores(own)
        if self.ignore:
            self.ignores.append(("'ignore' of rockery's settings", Ignore.parse(self.ignore)))

    def _take_ignores(self, own: Path) -> None:
        lines = own.read_text("utf-8-sig", "replace").splitlines()
        if len(lines) <= _MOST_RULES and all(len(line) <= _LONGEST_RULE for line in lines):
            self.ignores.append((FILE, Ignore.parse(lines)))
            return
        # Passing a rule over could ship what it keeps back.
        self.problems.append(
            Problem(
                f"cannot read {FILE}: it has more than {_MOST_RULES:,} lines, or one of more than "
                f"{_LONGEST_RULE:,} characters",
                "bad-ignore",
                Location(FILE),
            )
        )

    def decide(self) -> Shipping:
        for entry in walk(self.folder, self._left_out):
            self._take(entry)
        top = [path.rstrip("/") for path in self.paths if "/" not in path.rstrip("/")]
        self._check_top(top)
        self._check_entries()
        organize = {literal(name): f"{self.app}/{name}" for name in top if _speakable(name)}
        return Shipping(
            organize,
            tuple(self._excludes(set(top))),
            tuple(self.ignored),
            tuple(self.notes),
            tuple(self.problems),
        )

    # --- which are left out -------------------------------------------------------------

    def _left_out(self, path: str) -> bool:
        name = path.rstrip("/")
        if (
            "/" not in name
            and self.first
            and "" not in self.first
            and not any(_matches(name, pattern) for pattern in self.first)
        ):
            return True
        if self.named and (
            name in self.named or any(other.startswith(f"{name}/") for other in self.named)
        ):
            if name in self.named:
                self._warn_of_secret(name, "'prime'", self._position(name))
            return False
        reason = self._reason(name, folder=path.endswith("/"))
        if reason is None:
            return False
        self.ignored.append(Ignored(path, reason))
        return True

    def _reason(self, path: str, *, folder: bool) -> str | None:
        if self.named and self._is_beside_what_is_named(path):
            return "only what is named beside it is shipped"
        for source, ignore in reversed(self.ignores):
            rule = ignore.last(path, folder=folder)
            if rule is not None and rule.keeps and not folder and source == FILE:
                self._warn_of_secret(path, FILE, Location(FILE, rule.line))
            if rule is not None:
                return None if rule.keeps else f"{source} has {rule.text!r}"
        if folder and (self.folder / path / "pyvenv.cfg").is_file():
            return "it is a virtual environment"
        if not folder and self._holds_private_key(path):
            return "it holds a private key"
        return None

    def _is_beside_what_is_named(self, path: str) -> bool:
        """Tell whether a folder above is entered only for something else in it."""
        above = path
        while above and above not in self.named:
            above = above.rpartition("/")[0]
        return not above and any(
            name.startswith(f"{part}/") for name in self.named for part in self._ignored_above(path)
        )

    def _ignored_above(self, path: str) -> list[str]:
        """Return the folders above ``path`` that are entered for a named path in them only."""
        found = []
        above = path.rpartition("/")[0]
        while above:
            if any(ignore.matching(above, folder=True) for _, ignore in self.ignores):
                found.append(above)
            above = above.rpartition("/")[0]
        return found

    def _holds_private_key(self, path: str) -> bool:
        name = path.rpartition("/")[2].lower()
        if not name.endswith(_KEYS) and not (name.endswith(".json") and re.search(_ACCOUNT, name)):
            return False
        full = self.folder / path
        try:
            if not full.is_file() or not inside(self.folder, full):
                return False
            with full.open("rb") as stream:
                return b"PRIVATE KEY" in stream.read(65536)
        except OSError:
            return True  # what cannot be read isn't shipped either

    def _warn_of_secret(self, path: str, source: str, where: Location) -> None:
        name = path.rpartition("/")[2]
        if re.fullmatch(_SAMPLE, name):
            return
        if not re.fullmatch(_SENSITIVE, name) and not self._holds_private_key(path):
            return
        variables = self._variables(path) if ".env" in name else []
        self.notes.append(
            Problem(
                f"{path} is shipped because {source} names it: whoever has the rock can read it",
                "shipped-secret",
                where,
                "give such values to the container when it starts",
                (f"it sets {', '.join(variables)}",) if variables else (),
            )
        )

    def _variables(self, path: str) -> list[str]:
        full = self.folder / path
        try:
            if not full.is_file() or not inside(self.folder, full):
                return []
            lines = full.read_text("utf-8", "replace").splitlines()[:1000]
        except OSError:
            return []
        return [found[1] for line in lines if (found := re.match(_VARIABLE, line))]

    # --- what is there ------------------------------------------------------------------

    def _take(self, entry: Entry) -> None:
        if entry.kind == "other":
            self.ignored.append(Ignored(entry.path, "it is no file, folder or link"))
            return
        if entry.dangling:
            self.notes.append(
                Problem(
                    f"the link {entry.path} leads to {entry.target}, which is not in the project; "
                    "it is shipped as it is",
                    "dangling-link",
                    Location(entry.path),
                )
            )
        self.paths[entry.path] = None

    def _check_top(self, top: list[str]) -> None:
        first = self.app.partition("/")[0]
        # A folder that is no package never hides one: Python looks on.
        if first in top and (self.folder / first / "__init__.py").is_file():
            self.problems.append(
                Problem(
                    f"cannot ship the folder {first!r}: it would hide the package of that name",
                    "hiding-folder",
                    Location(first),
                    f"rename it, or add '/{first}' to {FILE}",
                )
            )
        for name in top:
            if not _speakable(name):
                shown = name.encode("utf-8", "replace").decode()
                self.notes.append(
                    Problem(
                        f"{shown!r} is not shipped: its name cannot stand in rockcraft.yaml",
                        "unspeakable-name",
                        Location(shown),
                    )
                )

    def _check_entries(self) -> None:
        for index, entry in enumerate(self.prime):
            path = entry.removeprefix("-").removeprefix(self.app).strip("/")
            if path and not self._is_there(path):
                self.notes.append(
                    Problem(
                        f"'prime' has {entry!r}, which matches nothing",
                        "unmatched-entry",
                        self.where(index),
                    )
                )

    def _is_there(self, path: str) -> bool:
        if not has_magic(path):
            return path in self.paths or f"{path}/" in self.paths
        return any(fileset.passes([path], known) for known in self.paths)

    def _position(self, path: str) -> Location:
        for index, entry in enumerate(self.prime):
            if entry.removeprefix(self.app).strip("/") == path:
                return self.where(index)
        return Location(path)

    def _excludes(self, top: set[str]) -> list[str]:
        caches = [f"-{self.app}/{glob}" for glob in _CACHES]
        entries = list(caches)
        for ignored in self.ignored:
            name = ignored.path.rstrip("/")
            if name.partition("/")[0] not in top:
                continue
            if fileset.passes(caches, f"{self.app}/{ignored.path}"):
                entries.append(f"-{self.app}/{_as_glob(name)}")
        return entries


def _ignore(path: Path) -> Ignore:
    return Ignore.parse(path.read_text("utf-8-sig", "replace").splitlines())


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) if has_magic(pattern) else name == pattern


def _speakable(name: str) -> bool:
    """Tell whether YAML can hold the name, and craft-parts can take it literally."""
    return "*" not in name and name.isprintable()


def _as_glob(path: str) -> str:
    """Return a glob for ``path``; what YAML cannot hold matches any character."""
    return "".join(character if character.isprintable() else "?" for character in literal(path))
