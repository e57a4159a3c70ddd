"""What can go wrong, said once for every part of rockery.

A :class:`Problem` is for the person at the terminal: what is wrong ("cannot X: why",
lower case), where, and what to do about it. The exception that carries it says whose
fault it is, and with that the exit status of the process. Only ``rockery.cli`` formats
and prints problems.
"""

from __future__ import annotations

from rockery.record import Record


class Location(Record):
    """A place in a file of the user's; ``line`` and ``column`` count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __lt__(self, other: Location) -> bool:
        return self._key() < other._key()

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


class Problem(Record):
    """One thing that is wrong.

    ``code`` is a stable kebab-case name such as ``missing-entrypoint``; ``details`` are
    further lines (what a tool printed, what was looked at).
    """

    message: str
    code: str
    where: Location | None = None
    remedy: str | None = None
    details: tuple[str, ...] = ()


class RockeryError(Exception):
    """One or more problems that end a command; status 70: a fault of rockery itself."""

    exit_status = 70

    def __init__(self, *problems: Problem) -> None:
        assert problems, "an error without a problem tells the user nothing"
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is pickled as its class and the text of it.
        return type(self), self.problems


class ProjectError(RockeryError):
    """The project is at fault."""

    exit_status = 1


class UsageError(RockeryError):
    """The command line is at fault."""

    exit_status = 2


class SurroundingsError(RockeryError):
    """The network, the disk, the engine or a tool of the host is at fault."""

    exit_status = 74
