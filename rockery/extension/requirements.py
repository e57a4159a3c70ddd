"""Requirement files, read as pip reads them, for the Python that the rock will have.

The format is pip's ("Requirements File Format" in its documentation): comments, continued
lines, ``-r``, ``-c``, ``-e``, per-requirement options, URLs and paths, any encoding with a
byte-order mark or a ``coding`` line, else UTF-8. Nothing is resolved and nothing is fetched.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from rockery.errors import Location, Problem
from rockery.project.source import inside
from rockery.record import Record, field

#: Larger files are no requirement files; the largest seen was 60 kB, with hashes.
_LARGEST = 4 * 1024 * 1024
_MOST = 20_000
_MOST_PROBLEMS = 100
#: Characters of one requirement without its hashes; reading one takes the square of them.
_LONGEST = 8_000

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODING = rb"^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)"
#: A "#" at the start or after white space; what is before it is stripped by whoever cuts.
_COMMENT = re.compile(r"(?<!\S)#.*$")
_FILE_OPTION = (
    r"(?:(?P<short>-[rce])\s*=?\s*|(?P<long>--(?:requirement|constraint|editable))(?:\s+|=))"
    r"(?P<value>.+)"
)
#: Options of pip that stand on a line of their own and say nothing of what is required.
_GLOBAL_OPTION = (
    r"-[if]\b|-[if](?=\S)|--(index-url|pypi-url|extra-index-url|no-index|find-links|no-binary|"
    r"only-binary|prefer-binary|require-hashes|pre|trusted-host|use-feature|process-dependency-"
    r"links|always-unzip|no-use-wheel|use-wheel)\b"
)
_LINE_OPTION = r" (?:--(?:hash|config-settings?|global-option|install-option)|-C)\b"
_ARCHIVE = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"\d+(?:\.\d+)*(?:(?:a|b|rc)\d+)?(?:\.post\d+)?(?:\.dev\d+)?"
# What most lines are: a name, maybe with extras, then clauses with commas between them. Nothing
# else is needed to read them, and ``packaging`` takes as long to import as all else does together.
_NAMED = re.compile(rf"({_NAME}) ?(?:\[ ?({_NAME}(?: ?, ?{_NAME})*) ?\])? ?(.*)", re.ASCII)
_CLAUSE = re.compile(
    rf"(?:==|!=) ?\d+(?:\.\d+)*\.\*|(?:==|!=|<=|>=|<|>) ?{_VERSION}|~= ?\d+(?:\.\d+)+", re.ASCII
)


def normalised(name: str) -> str:
    """Return the name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def first_name(text: str) -> str:
    """Return the normalised name that a requirement starts with, or ""."""
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", text)
    return normalised(found[1]) if found else ""


class Target(Record):
    """The Python that requirements are read for."""

    python: str
    architecture: str = "amd64"

    def environment(self, extra: str = "") -> dict[str, str]:
        """Return the values of markers there."""
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(self.architecture, self.architecture)
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
            "extra": extra,
        }

    def applies(self, marker: str | None) -> bool:
        """Tell whether a marker holds; one that cannot be read does."""
        if not marker:
            return True
        from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

        try:
            return Marker(marker).evaluate(self.environment())
        except (InvalidMarker, UndefinedEnvironmentName, ValueError, RecursionError, TypeError):
            return True


class Wanted(Record):
    """One requirement; ``name`` is normalised, or None where only a build would tell."""

    name: str | None
    text: str
    where: Location
    extras: frozenset[str] = frozenset()
    is_url: bool = False
    #: The folder in the project that is to be installed, for "." and "-e .".
    folder: str | None = None


class Requirements(Record):
    """What requirement files ask for, includes followed, markers of the target applied.

    ``problems`` are what makes pip refuse a file. ``complete`` is False where something that
    is not known here (a URL's file, a project to install) may ask for more. ``elsewhere`` is
    what only another target is asked to have.
    """

    wanted: tuple[Wanted, ...] = ()
    files: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    complete: bool = True
    elsewhere: tuple[Wanted, ...] = ()

    def __add__(self, other: Requirements) -> Requirements:
        return Requirements(
            self.wanted + other.wanted,
            self.files + tuple(file for file in other.files if file not in self.files),
            self.problems + other.problems,
            self.complete and other.complete,
            self.elsewhere + other.elsewhere,
        )

    def asks_for(self, what: str) -> Wanted | None:
        """Return the first requirement of ``what``: a name, or ``name[extra]``."""
        name, _, extra = what.rstrip("]").partition("[")
        for wanted in self.wanted:
            if wanted.name == normalised(name) and (not extra or extra in wanted.extras):
                return wanted
        return None


def read(folder: Path, file: str, target: Target, named: Location | None = None) -> Requirements:
    """Read ``file`` of the project in ``folder``, and what it includes.

    ``named`` is where something asks for the file. What is wrong in it is in ``problems`` of
    the result; nothing is raised.
    """
    reading = _Reading(folder, target)
    reading.file(file, named, constraint=False)
    return reading.result()


def parse(texts: Mapping[Location, str], target: Target) -> Requirements:
    """Read requirements that stand somewhere else, such as in ``pyproject.toml``."""
    reading = _Reading(Path(), target)
    for where, text in texts.items():
        if len(reading.wanted) >= _MOST or len(reading.problems) >= _MOST_PROBLEMS:
            break
        reading.requirement(text.strip(), where)
    return reading.result()


class _Reading(Record, frozen=False):
    folder: Path
    target: Target
    wanted: list[Wanted] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    complete: bool = True
    elsewhere: list[Wanted] = field(default_factory=list)

    def result(self) -> Requirements:
        return Requirements(
            tuple(self.wanted),
            tuple(self.files),
            tuple(self.problems),
            self.complete,
            tuple(self.elsewhere),
        )

    def file(self, file: str, named: Location | None, *, constraint: bool) -> None:
        if file in self.files:
            return
        path = self.folder / file
        try:
            if not inside(self.folder, path):
                self.fail(f"cannot read {file}: it lies outside of the project", named, file)
                return
            if path.stat().st_size > _LARGEST:
                self.fail(
                    f"cannot read {file}: it is too large for a requirement file", named, file
                )
                return
            text = _decoded(path.read_bytes())
        except (OSError, ValueError, LookupError) as error:
            reason = _reason(error)
            self.fail(f"cannot read {file}: {reason}", named, file, "unreadable-requirements")
            return
        self.files.append(file)
        for number, line in _lines(text):
            if len(self.problems) >= _MOST_PROBLEMS:
                return  # no requirement file at all: who corrects it isn't helped by more
            if len(self.wanted) >= _MOST:
                where = Location(file, number)
                self.fail(f"cannot read {file}: it has more than {_MOST:,} requirements", where)
                return
            self.line(line, Location(file, number), constraint=constraint)

    def line(self, line: str, where: Location, *, constraint: bool) -> None:
        option = re.fullmatch(_FILE_OPTION, line) if line.startswith("-") else None
        if option is None and line.startswith("-"):
            if not re.match(_GLOBAL_OPTION, line):
                self.fail(f"cannot read {line!r}: pip knows no such option", where)
            return
        if option is None:
            if not constraint:
                self.requirement(line, where)
            return
        kind = (option["short"] or option["long"]).lstrip("-")[0]
        value = option["value"].strip().strip("\"'")
        if kind == "e":
            if not constraint:
                self.requirement(value, where)
        elif "://" in value:
            self.complete = False  # only fetching it would tell
        else:
            above = Path(where.file).parent
            self.file(
                _normal((above / value).as_posix()), where, constraint=constraint or kind == "c"
            )

    def requirement(self, line: str, where: Location) -> None:
        # Runs of white space are folded: the expressions here would try each way to cut one.
        text = " ".join(line.split())
        if " -" in text:
            text = re.split(_LINE_OPTION, text, maxsplit=1)[0]
        if len(text) > _LONGEST:
            reason = f"it has {len(text):,} characters"
            self.fail(f"cannot read the requirement {text[:80]!r}: {reason}", where)
            return
        if "://" in text.split(" ")[0].split("@")[0] or _is_path(text):
            self.located(text, where)
            return
        if len(text) < 1000 and (named := _NAMED.fullmatch(text)) and _are_clauses(named[3]):
            extras = frozenset(re.split(" ?, ?", named[2])) if named[2] else frozenset()
            self.wanted.append(Wanted(normalised(named[1]), text, where, extras))
            return
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            requirement = Requirement(text)
            applies = requirement.marker is None or requirement.marker.evaluate(
                self.target.environment()
            )
        except (InvalidRequirement, ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0].strip().rstrip(":").lower()
            self.fail(f"cannot read the requirement {text[:80]!r}: {reason}", where)
            return
        name = normalised(requirement.name)
        wanted = Wanted(name, text, where, frozenset(requirement.extras), bool(requirement.url))
        (self.wanted if applies else self.elsewhere).append(wanted)

    def located(self, text: str, where: Location) -> None:
        """Take a bare URL or path; its name is in the fragment or the file name, or unknown."""
        place, _, marker = text.partition(" ; ")
        self.complete = False
        extras = frozenset[str]()
        if found := re.fullmatch(r"(.*)\[([^\]]*)\]", place):
            place = found[1]
            extras = frozenset(extra.strip() for extra in found[2].split(","))
        if marker:
            from packaging.requirements import InvalidRequirement, Requirement

            try:
                if not Requirement(f"x; {marker}").marker.evaluate(self.target.environment()):  # type: ignore[union-attr]
                    return
            except (InvalidRequirement, ValueError):
                self.fail(f"cannot read the requirement {text[:80]!r}: its marker is wrong", where)
                return
        folder = None
        if "://" not in place and not place.endswith(_ARCHIVE):
            folder = _normal((Path(where.file).parent / place).as_posix())
        self.wanted.append(
            Wanted(_name_in(place), text, where, extras, is_url=folder is None, folder=folder)
        )

    def fail(
        self,
        message: str,
        where: Location | None,
        file: str | None = None,
        code: str = "invalid-requirement",
    ) -> None:
        place = where or (Location(file) if file else None)
        self.problems.append(Problem(message, code, place))


def _decoded(content: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return (
                content[len(mark) :].decode(encoding)
                if encoding == "utf-8"
                else content.decode(encoding)
            )
    for line in content.split(b"\n")[:2]:
        if found := re.match(_CODING, line):
            return content.decode(found[1].decode("ascii"))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        # pip falls back to the encoding of the machine it runs on; Latin-1 reads any byte
        # and only comments hold more than ASCII.
        return content.decode("latin-1")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each logical line without its comment, with the number it starts at."""
    parts: list[str] = []
    start = 1
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw
        if not parts:
            start = number
        # A comment ends a continued line, and a backslash in it continues nothing.
        comment = _COMMENT.search(line) is not None
        if line.endswith("\\") and not comment:
            parts.append(line[:-1])
            continue
        if comment and parts and _COMMENT.match(line):
            line = " " + line
        parts.append(line)
        joined = _COMMENT.sub("", "".join(parts)).strip()
        parts = []
        if joined:
            yield start, joined
    joined = _COMMENT.sub("", "".join(parts)).strip()
    if joined:
        yield start, joined


def _are_clauses(text: str) -> bool:
    return not text or all(_CLAUSE.fullmatch(clause.strip(" ")) for clause in text.split(","))


def _is_path(text: str) -> bool:
    place = text.split(" ; ")[0].split("[")[0].strip()
    return place.startswith((".", "/")) or (
        "@" not in place and (place.endswith(_ARCHIVE) or "/" in place)
    )


def _name_in(place: str) -> str | None:
    if found := re.search(r"[#&]egg=([A-Za-z0-9._-]+)", place):
        return normalised(found[1])
    file = place.split("#")[0].split("?")[0].rstrip("/").rpartition("/")[2]
    if file.endswith(_ARCHIVE):
        from packaging import utils

        try:
            if file.endswith(".whl"):
                return utils.parse_wheel_filename(file)[0]
            return utils.parse_sdist_filename(file)[0]
        except (utils.InvalidWheelFilename, utils.InvalidSdistFilename):
            return None
    if place.startswith(("git+", "hg+", "svn+", "bzr+")):
        repository = re.sub(r"@[^/@]*$", "", place.split("#")[0]).rstrip("/")
        name = repository.rpartition("/")[2].removesuffix(".git")
        return normalised(name) if re.fullmatch(r"[A-Za-z0-9._-]+", name) else None
    return None


def _normal(path: str) -> str:
    steps: list[str] = []
    for step in path.split("/"):
        if step == ".." and steps and steps[-1] != "..":
            steps.pop()
        elif step not in ("", "."):
            steps.append(step)
    return ("/" if path.startswith("/") else "") + "/".join(steps) or "."


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    if isinstance(error, UnicodeError):
        return (
            f"it is not the {error.encoding} text it starts as"
            if isinstance(error, UnicodeDecodeError)
            else "its encoding is wrong"
        )
    return (
        f"its encoding is unknown ({error})" if isinstance(error, LookupError) else "it is broken"
    )
