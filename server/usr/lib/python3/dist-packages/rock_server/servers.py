"""Which server a rock starts: its own, or one of the others that it carries.

The rock's own is named in :data:`OWN`: one line with its name and its usual worker. Each
other one has a variable in the image's environment: ``ROCK_SERVER_FASTAPI`` holds the
application, the worker and perhaps a folder for Python's path, as arguments of the launcher.
``SERVER_TYPE`` chooses, or another of :data:`VARIABLES`, or the variable that
``ROCK_CHOOSE_SERVER_BY`` names.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rock_server.environment import BadVariableError

#: What chooses. Charms prefix the names of their settings.
VARIABLES = ("SERVER_TYPE", "FLASK_SERVER_TYPE", "APP_SERVER_TYPE")

#: The rock's own server.
OWN = Path("/usr/share/rock-server/default")

_PREFIX = "ROCK_SERVER_"


@dataclass(frozen=True)
class Server:
    """One server of a rock.

    ``app`` is the application as Gunicorn takes it, and ``pythonpath`` a folder; the rock's
    own server has neither, since the command line says them. ``worker`` is what serves where
    the one that the command line names can't. ``own`` is the name of the rock's own server,
    ``all`` has the names of all, and ``chosen_by`` is the ``VARIABLE=value`` that was
    found, "" for none.
    """

    name: str = ""
    app: str = ""
    worker: str = ""
    pythonpath: str = ""
    own: str = ""
    all: tuple[str, ...] = ()
    chosen_by: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it is the one that the rock's command line names."""
        return self.name == self.own

    def worker_for(self, named: str) -> str:
        """Return the worker that serves where the command line names ``named``.

        In a rock with one server that is always the one named.
        """
        if len(self.all) < 2 or not self.worker or is_asgi(named) == is_asgi(self.worker):
            return named
        return self.worker


def is_asgi(worker: str) -> bool:
    """Tell whether a worker, by its name, serves ASGI applications."""
    return worker == "asgi" or "vicorn" in worker


def choose(environ: Mapping[str, str], own: Path | None = None) -> Server:
    """Return the server that the environment chooses; ``own`` is read in place of :data:`OWN`.

    Raises:
        BadVariableError: the rock has no such server, or two variables contradict each other.
    """
    default = _own(own or OWN)
    servers = {default.name: default} | {server.name: server for server in _others(environ)}
    if len(servers) == 1:
        # There is nothing to choose, and a variable of this name may be the app's own.
        said = next(("=".join(each) for each in _given(environ)), "")
        return replace(default, own=default.name, all=(default.name,), chosen_by=said)
    name, chosen_by = _chosen(environ)
    if name and name not in servers:
        variable, _, value = chosen_by.partition("=")
        raise BadVariableError(
            f"cannot use {variable}: {value!r} is no server of this rock, which has "
            f"{' and '.join(servers)}"
        )
    server = servers[name or default.name]
    return replace(server, own=default.name, all=tuple(servers), chosen_by=chosen_by)


def _own(file: Path) -> Server:
    try:
        name, *options = file.read_text().split()
    except (OSError, ValueError):
        return Server()
    return Server(name, **_options(options))


def _others(environ: Mapping[str, str]) -> list[Server]:
    found = []
    for variable, value in sorted(environ.items()):
        if variable.startswith(_PREFIX) and value.strip():
            try:
                app, *options = shlex.split(value)
            except ValueError as error:
                raise BadVariableError(f"cannot use {variable}: {value!r}: {error}") from error
            found.append(Server(variable[len(_PREFIX) :].lower(), app, **_options(options)))
    return found


def _options(words: list[str]) -> dict[str, str]:
    given = dict(zip(words[::2], words[1::2], strict=False))
    return {"worker": given.get("-k", ""), "pythonpath": given.get("--pythonpath", "")}


def _chosen(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the name that is asked for, and ``VARIABLE=value``; or two empty texts."""
    (variable, wanted), *more = [*_given(environ)] or [("", "")]
    for other, value in more:
        if value.lower() != wanted.lower():
            raise BadVariableError(
                f"cannot use {other}: it says {value!r}, and {variable} says {wanted!r}"
            )
    return wanted.lower(), f"{variable}={wanted}" if variable else ""


def _given(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give each variable that chooses, with its value."""
    own = environ.get("ROCK_CHOOSE_SERVER_BY", "").strip()
    for name in dict.fromkeys([own, *VARIABLES] if own else VARIABLES):
        if value := environ.get(name, "").strip():
            yield name, value
