"""How a project is started: files that name Gunicorn, gevent, the flask program, its variables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rockery.migrate import counterpart
from rockery.migrate.use import Use

_FILES = re.compile(
    r"(.*/)?("
    r"Procfile(\..*)?|.*[Dd]ockerfile(\..*)?|Containerfile|(docker-)?compose.*\.ya?ml|.*\.sh"
    r"|\.flaskenv|rockcraft\.ya?ml|gunicorn.*\.py|.*gunicorn\.conf(\.py)?|.*supervisor.*"
    r"|.*\.service|Makefile|tox\.ini|uwsgi.*\.ini|app\.ya?ml|app\.json|heroku\.yml|fly\.toml"
    r"|\.travis\.yml|\.gitlab-ci\.yml|\.circleci/.*\.yml|\.github/workflows/.*\.ya?ml"
    r")|(.*/)?supervisor[^/]*/.*\.(conf|ini)"
)
_PROGRAMS = ("flask", "gunicorn", "uwsgi", "waitress-serve", "gunicorn3")
_VARIABLE = re.compile(r"\b(FLASK_(?:APP|ENV|DEBUG|SKIP_DOTENV|RUN_\w+))\b")
_EXTENSION = re.compile(r"\bflask-framework\b")
#: Gunicorn's settings that change with the workers, as its configuration file has them.
_SETTING = re.compile(r"\s*(worker_class|worker_connections|threads|wsgi_app)\s*=")
_WORKER = re.compile(r"\b(gevent|eventlet|gthread|GeventWorker)\b")
_SEPARATOR = re.compile(r"&&|\|\||[;|&]|\$\(")
#: What may stand before a command: Docker's words, keys, variables, and programs that start others.
_BEFORE = re.compile(
    r"""\s*(?:
        (?:RUN|CMD|ENTRYPOINT|-)(?=[\s\[])
      | (?:exec|sudo|nohup|env|time|then|do|else|if|poetry\ run|uv\ run|pipenv\ run|pdm\ run)\ +
      | (?:python[\d.]*|\S*/python[\d.]*)\ +-m\ +
      | (?:/bin/)?(?:ba)?sh\ +-l?c\ +
      | [\w.@-]+:(?=[\s"'\[])
      | [\w-]+\s*=\s*(?!=)(?:"[^"]*"\ +|'[^']*'\ +)?
      | \w+=\S+\ +
      | ["'\[,]
      | @
    )""",
    re.VERBOSE,
)


def starts(path: str) -> bool:
    """Tell whether a file is one that says how to start the project, by its path."""
    return _FILES.fullmatch(path) is not None


def uses(text: str, file: str) -> Iterator[Use]:
    """Give the lines of such a file that have to change."""
    settings = "gunicorn" in file.rpartition("/")[2]
    for number, line in enumerate(text.splitlines(), start=1):
        name = None if line.lstrip().startswith("#") else _named(line, settings=settings)
        if name:
            yield Use(file, number, "server", name, counterpart.instead("server"))


def _named(line: str, *, settings: bool) -> str | None:
    """Return what a line names that has to change."""
    line = line[:2000]
    for pattern in (_VARIABLE, _EXTENSION, *((_SETTING, _WORKER) if settings else ())):
        found = pattern.search(line)
        if found:
            return str(found[0]).strip(" =")
    for part in _SEPARATOR.split(line):
        program = _program(part)
        if program:
            return program
    return None


def _program(command: str) -> str | None:
    """Return the program of those that start Flask that a command runs."""
    rest = command
    for _ in range(12):
        found = _BEFORE.match(rest)
        if found is None:
            break
        rest = rest[found.end() :]
    words = rest.replace('"', " ").replace("'", " ").replace(",", " ").split(maxsplit=1)
    if not words:
        return None
    program = words[0].rpartition("/")[2]
    # Without an argument it is more likely a word than a command.
    return program if program in _PROGRAMS and len(words) > 1 else None
