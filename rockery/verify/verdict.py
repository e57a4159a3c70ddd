"""Judges what a probe reported: settings missing, or broken?

Importing a project with nothing set fails for most real projects, so "it raised something"
says little. What can never work is an import that fails, source that doesn't compile, a
missing shared library, and a dependency that fails without any setting behind it. All else
may be a matter of settings, and is no reason to refuse a rock.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from rockery.verify.application import Application
from rockery.verify.outcome import Verdict
from rockery.verify.view import Ended


@dataclass(frozen=True)
class Frame:
    """A line of a traceback; ``origin`` is "project", "dependency" or "python"."""

    file: str
    line: int
    function: str
    text: str
    origin: str


@dataclass(frozen=True)
class Field:
    """A settings field that pydantic refused: its environment variable and why."""

    name: str
    type: str
    input: str


@dataclass(frozen=True)
class Raised:
    """An exception: the fields are explained in ``probe.py``, which fills them."""

    type: str
    kinds: tuple[str, ...]
    message: str
    key: str | None
    name: str | None
    submodule: str | None
    owner: str | None
    file: str | None
    line: int | None
    text: str | None
    frames: tuple[Frame, ...]
    fields: tuple[Field, ...]

    @property
    def words(self) -> str:
        """Return all that the exception says."""
        given = (f"{field.name} {field.type} {field.input}" for field in self.fields)
        return " ".join([self.type, self.message, self.text or "", *given])

    @property
    def summary(self) -> str:
        """Return its type and message as Python shows them, on one line."""
        message = " ".join(self.message.split())
        return f"{self.type}: {message}"[:300] if message else self.type


@dataclass(frozen=True)
class Read:
    """An environment variable that was looked up and isn't set; see ``probe.py``."""

    name: str
    origin: str
    need: str


@dataclass(frozen=True)
class Report:
    """What a probe reported: how far it came, and what stopped it there."""

    stage: str
    sentence: str | None
    raised: tuple[Raised, ...]
    reads: tuple[Read, ...]
    copied: bool
    trail: dict[str, Any] | None = None

    @property
    def failure(self) -> tuple[str, ...]:
        """Return what tells this failure from another."""
        return (self.stage, self.sentence or "", *(each.summary for each in self.raised))


def report_of(reply: bytes) -> Report | None:
    """Return the report in a probe's reply; None if it came to none."""
    for line in reply.splitlines():
        try:
            found = json.loads(line)
            return Report(
                found["stage"],
                found["sentence"],
                tuple(
                    Raised(**_lists(each, frames=Frame, fields=Field)) for each in found["raised"]
                ),
                tuple(Read(**each) for each in found["reads"]),
                bool(found["copied"]),
                found.get("trail"),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # the greeting, a stack, or what the application wrote there itself
    return None


def _lists(found: Mapping[str, Any], **kinds: type) -> dict[str, Any]:
    """Return the fields of an exception, its lists as tuples of their kind."""
    known = {key: found[key] for key in (field.name for field in fields(Raised))}
    known["kinds"] = tuple(known["kinds"])
    for key, kind in kinds.items():
        known[key] = tuple(kind(**each) for each in known[key])
    return known


def greeted(reply: bytes) -> bool:
    """Say whether the probe started, that is: whether the rock's Python did."""
    return b'{"hello"' in reply


def judge(
    application: Application, report: Report, placeholders: Mapping[str, str], named: Sequence[str]
) -> Verdict:
    """Judge a report.

    ``placeholders`` were set when it was made; ``named`` are further names that its
    exceptions mention.
    """
    wanted = tuple(dict.fromkeys([*placeholders, *named]))
    if report.stage == "done":
        if not placeholders:
            message = f"{application} can be imported"
            return Verdict("importable", message, trail=report.trail)
        message = f"{application} wants settings: {', '.join(wanted)}"
        return Verdict("wants-settings", message, wanted)
    if report.sentence is not None or not report.raised:
        return Verdict("broken", f"cannot serve {application}: {report.sentence}", wanted)
    details = tuple(_details(report))
    broken = _broken(application, report, placeholders, named)
    if broken is not None:
        return Verdict("broken", f"cannot import {application}: {broken.reason}", wanted, details,
                       missing_module=broken.module, missing_library=broken.library)  # fmt: skip
    wanted = wanted or _needed(report)
    reason = _settings_reason(report.raised[0])
    message = f"{application} cannot be imported as it is: {reason}"
    if wanted:
        message = f"{application} wants settings ({', '.join(wanted)}): {reason}"
    files = (each.file for each in report.raised if "FileNotFoundError" in each.kinds)
    file = next((posixpath.join(application.working_dir, file) for file in files if file), None)
    return Verdict("wants-settings", message, wanted, details, missing_file=file)


def judge_end(application: Application, ended: Ended, reply: bytes, wanted: Sequence[str],
              seconds: float) -> Verdict:  # fmt: skip
    """Judge a probe that came to no report within ``seconds``."""
    names = tuple(wanted)
    printed = tuple(_tail(ended.output))
    if ended.failed is not None:
        return Verdict("broken", f"cannot import {application}: cannot start {ended.failed}")
    if ended.timed_out and greeted(reply):
        # The stack that the probe left, innermost first, without what isn't the application's.
        lines = [line.strip() for line in reply.decode(errors="replace").splitlines()]
        stack = [line for line in lines if re.match(r'File "(?!<|.*/importlib/)', line)]
        message = f"{application} was still being imported after {seconds:g} s"
        return Verdict("wants-settings", message, names, (*stack[:10], *printed))
    if not greeted(reply):
        reason = "the rock's Python does not start"
        return Verdict("broken", f"cannot import {application}: {reason}", names, printed)
    if ended.status < 0:
        reason = f"the rock's Python was ended by signal {-ended.status}"
        return Verdict("broken", f"cannot import {application}: {reason}", names, printed)
    reason = f"it ended the process with status {ended.status} while it was imported"
    message = f"{application} cannot be imported as it is: {reason}"
    return Verdict("wants-settings", message, names, printed)


@dataclass(frozen=True)
class _Fault:
    reason: str
    module: str | None = None
    library: str | None = None


_LIBRARY = re.compile(
    r"([\w.+-]+\.so[\w.]*): cannot open shared object file"
    r"|(?:cannot load|could not load|find|find the|open|load) (?:shared )?"
    r"(?:library )?['\"]?(lib(?!rar)[\w.+-]*\w)",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"connection (refused|reset|timed out|error)|cannot connect|can't connect|could not connect"
    r"|name or service not known|name resolution|could not translate host|network is unreachable"
    r"|no route to host|timed? ?out|nodename nor servname|failed to resolve",
    re.IGNORECASE,
)


def _broken(
    application: Application, report: Report, placeholders: Mapping[str, str], named: Sequence[str]
) -> _Fault | None:
    """Return what can never work, if that is what stopped the import."""
    outermost = report.raised[0]
    if any(mentioned(value, report.raised) for value in placeholders.values()):
        return None  # a setting's value is at fault, and it is ours
    for each in report.raised:
        match = _LIBRARY.search(each.message)
        if match and {"ImportError", "OSError"} & {*each.kinds}:
            library = match[1] or match[2]
            return _Fault(f"the shared library {library} is not in the rock", library=library)
    if "ImportError" not in outermost.kinds and _surroundings(outermost):
        return None  # also where it came up while an optional import was handled
    for each in report.raised:
        if "ImportError" in each.kinds:
            return _import_fault(report)
        if "SyntaxError" in each.kinds:
            place = f"{each.file}, line {each.line}" if each.file else "generated source"
            return _Fault(f"{each.message.partition(' (')[0]} in {place}")
    frames = [frame for frame in outermost.frames if frame.origin != "python"]
    if not frames:
        # Not a line of anybody's ran: the factory could not even be called.
        return _Fault(outermost.summary) if report.stage == "call" else None
    if "SystemExit" in outermost.kinds or any(_surroundings(each) for each in report.raised):
        return None
    if outermost.owner in ("python", "dependency"):
        return _Fault(outermost.summary)  # no setting gives a module what it lacks
    if frames[-1].origin != "dependency" or named:
        return None
    # Was the dependency called by the project, with what the project had read, or does it
    # fail all by itself, while it is imported?
    own = max((at for at, each in enumerate(frames) if each.origin == "project"), default=-1)
    importing = any(frame.function == "<module>" for frame in frames[own + 1 :])
    if not importing and (placeholders or report.copied or _needed(report)):
        return None
    return _Fault(outermost.summary)


def _import_fault(report: Report) -> _Fault:
    failed = [each for each in report.raised if "ImportError" in each.kinds]
    for each in failed:
        if "ModuleNotFoundError" in each.kinds and each.name:
            return _Fault(f"there is no module {each.name} in the rock", each.name)
    for each in failed:
        match = re.match(r"cannot import name '([^']+)' from", each.message)
        if match and each.name:
            return _Fault(each.summary, f"{each.name}.{match[1]}")
    return _Fault(failed[0].summary)


def _surroundings(raised: Raised) -> bool:
    """Say whether a file, a service or the network is what is missing."""
    return "OSError" in raised.kinds or bool(_UNREACHABLE.search(raised.message))


def _needed(report: Report) -> tuple[str, ...]:
    """Return what the project itself looked up and has no default for."""
    found = (
        read.name
        for read in report.reads
        if read.origin in ("project", "settings") and read.need != "defaulted"
    )
    return tuple(dict.fromkeys(found))


def mentioned(placeholder: str, raised: Sequence[Raised]) -> Raised | None:
    """Return the exception that mentions a placeholder, in whatever case it came to it."""
    if len(placeholder) < 6:  # "1" is found anywhere
        return None
    return next((each for each in raised if placeholder.lower() in each.words.lower()), None)


def _settings_reason(raised: Raised) -> str:
    if "SystemExit" in raised.kinds:
        said = f": {raised.message}" if raised.message else ""
        return f"it exits while it is imported{said}"
    return raised.summary


def _details(report: Report) -> list[str]:
    """Return where it failed: the project's lines, and the one that raised."""
    outermost = report.raised[0]
    shown = [frame for frame in outermost.frames if frame.origin == "project"][-8:]
    if outermost.frames and outermost.frames[-1] not in shown:
        shown.append(outermost.frames[-1])
    lines = [f"{frame.file}:{frame.line}: {frame.text}".rstrip(": ") for frame in shown]
    if "SyntaxError" in outermost.kinds and outermost.file:
        lines.append(f"{outermost.file}:{outermost.line}: {outermost.text or ''}".rstrip(": "))
    causes = [f"caused by {each.summary}" for each in report.raised[1:4]]
    return [*lines, outermost.summary, *causes]


def _tail(output: bytes) -> list[str]:
    lines = output.decode(errors="replace").splitlines()
    return [line[:300] for line in lines if line.strip()][-15:]
