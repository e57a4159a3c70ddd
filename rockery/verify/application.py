"""What a service's command serves: the ``module:attribute`` that it names.

Gunicorn (also as our launcher) and Uvicorn are understood, called by path or as
``python3 -m``, alone or below a wrapper such as ``ddtrace-run``. A command that goes
through a shell, or that names no application (a configuration file may), gives none. For our
launcher the environment may name further ones, which ``SERVER_TYPE`` chooses.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rockery.record import Record, field


class Application(Record):
    """An object that a server imports and serves.

    ``call`` says that it is a factory, and ``arguments`` is the source text between the
    parentheses (literals only). ``working_dir`` is an absolute path in the rock and first
    on ``sys.path``; the folders in ``path`` follow it. ``environment`` is everything that
    the service has.
    """

    service: str
    module: str
    attribute: str
    call: bool = False
    arguments: str = ""
    working_dir: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        call = f"({self.arguments})" if self.call else ""
        return f"{self.module}:{self.attribute}{call}"


def applications(
    services: Mapping[str, Mapping[str, Any]],
    *,
    environment: Mapping[str, str] | None = None,
    working_dir: str = "/",
) -> tuple[Application, ...]:
    """Return the applications that ``services`` (of a Pebble plan) name, in their order.

    ``environment`` is the image's, to which a service adds its own. ``working_dir`` is
    where a service runs that names no ``working-dir`` itself, or where its server's
    configuration file goes first.
    """
    found = []
    for name, service in services.items():
        folder = posixpath.join("/", service.get("working-dir") or working_dir)
        command = str(service.get("command") or "")
        own = {key: str(value) for key, value in (service.get("environment") or {}).items()}
        variables = {**(environment or {}), **own}
        for named in (_named(command, folder), *_further(command, variables, folder)):
            if named:
                found.append(Application(service=name, environment=variables, **named))
    return tuple(found)


# MODULE:ATTRIBUTE, or a factory's call.
_WORD = re.compile(r"([\w.]+):([A-Za-z_][\w.]*)(?:\((.*)\))?", re.DOTALL)
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
#: How the launcher's variables begin, each with the arguments for one more server.
_SERVER = "ROCK_SERVER_"
_SHELLS = {"sh", "bash", "dash", "ash", "zsh"}

# Options without a value; all others take the next word. From "gunicorn --help" of 20.1
# to 27 and "uvicorn --help" of 0.30 to 0.40.
_GUNICORN_FLAGS = {
    "--capture-output", "--casefold-http-method", "--check-config", "--daemon", "-D",
    "--disable-redirect-access-to-syslog", "--do-handshake-on-connect",
    "--enable-stdio-inheritance", "-R", "--forwarded-allow-all", "--initgroups",
    "--log-syslog", "--no-control-socket", "--no-sendfile",
    "--permit-obsolete-folding", "--permit-unconventional-http-method",
    "--permit-unconventional-http-version", "--preload", "--print-config",
    "--proxy-protocol", "--reload", "--reuse-port", "--spew", "--strip-header-spaces",
    "--suppress-ragged-eofs", "--help", "-h", "--version", "-v",
}  # fmt: skip
_UVICORN_FLAGS = {
    "--access-log", "--no-access-log", "--date-header", "--no-date-header", "--factory",
    "--proxy-headers", "--no-proxy-headers", "--reload", "--server-header",
    "--no-server-header", "--use-colors", "--no-use-colors", "--reset-contextvars",
    "--help", "--version",
}  # fmt: skip


def _named(command: str, folder: str) -> dict[str, Any] | None:
    """Return what ``command`` says about an application, as fields of one."""
    try:
        # Brackets that stand alone are Pebble's, around default arguments.
        words = [word for word in shlex.split(command) if word not in ("[", "]")]
    except ValueError:
        return None
    if not words or posixpath.basename(words[0]) in _SHELLS:
        return None
    for position, word in enumerate(words):
        program = posixpath.basename(word)
        if program in ("gunicorn", "rock-gunicorn"):
            return _gunicorn(words[position + 1 :], folder)
        if program == "uvicorn":
            return _uvicorn(words[position + 1 :], folder)
    return None


def _further(
    command: str, environment: Mapping[str, str], folder: str
) -> Iterator[dict[str, Any] | None]:
    """Give the applications of a rock's further servers, if the launcher is what starts."""
    if posixpath.basename(command.partition(" ")[0]) != "rock-gunicorn":
        return
    for variable, value in environment.items():
        if variable.startswith(_SERVER):
            yield _named(f"rock-gunicorn {value}", folder)


def _gunicorn(words: Sequence[str], folder: str) -> dict[str, Any] | None:
    word: str | None = None
    path: tuple[str, ...] = ()
    for option, value in _options(words, _GUNICORN_FLAGS):
        if option is None:
            word = word or value
        elif option == "--chdir":
            folder = posixpath.join(folder, value)
        elif option == "--pythonpath":
            path = tuple(posixpath.join(folder, entry) for entry in value.split(",") if entry)
    if word is None:
        return None
    if _MODULE.fullmatch(word):
        word += ":application"  # what Gunicorn takes for a bare module
    return _fields(word, folder, path)


def _uvicorn(words: Sequence[str], folder: str) -> dict[str, Any] | None:
    word: str | None = None
    path: tuple[str, ...] = ()
    factory = False
    for option, value in _options(words, _UVICORN_FLAGS):
        if option is None:
            word = word or value
        elif option == "--factory":
            factory = True
        elif option == "--app-dir":
            path = (posixpath.join(folder, value),)
    found = None if word is None else _fields(word, folder, path)
    if found and factory:
        found |= {"call": True}
    return found


def _options(words: Sequence[str], flags: set[str]) -> Iterator[tuple[str | None, str]]:
    """Give options with their values, and what is none with None."""
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            yield from ((None, rest) for rest in remaining)
        elif word.startswith("--") and "=" in word:
            option, _, value = word.partition("=")
            yield option, value
        elif word in flags:
            yield word, ""
        elif word.startswith("--") or (word.startswith("-") and len(word) == 2):
            yield word, next(remaining, "")
        elif word.startswith("-"):
            yield word[:2], word[2:]
        else:
            yield None, word


def _fields(word: str, folder: str, path: tuple[str, ...]) -> dict[str, Any] | None:
    match = _WORD.fullmatch(word)
    if not match:
        return None
    module, attribute, arguments = match.groups()
    return {
        "module": module,
        "attribute": attribute,
        "call": arguments is not None,
        "arguments": arguments or "",
        "working_dir": posixpath.normpath(folder),
        "path": path,
    }
