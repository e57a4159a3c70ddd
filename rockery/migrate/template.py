"""What templates use of Flask's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from rockery.migrate import counterpart
from rockery.migrate.use import Use

_ENDINGS = frozenset({".html", ".htm", ".xml", ".txt", ".jinja", ".jinja2", ".j2", ".svg", ".md"})
#: What Flask-Moment's script is called by.
_SCRIPT = re.compile(r"\bflask_moment_\w+\(")


def is_template(path: str) -> bool:
    """Tell whether a file is a template, by its path."""
    pure = PurePosixPath(path)
    return pure.suffix in _ENDINGS and (
        "templates" in pure.parts or pure.suffix in (".jinja", ".jinja2", ".j2")
    )


def uses(text: str, file: str) -> Iterator[Use]:
    """Give the uses in a template; one that cannot be read has none."""
    from jinja2 import Environment, TemplateSyntaxError

    try:
        tokens = [
            token
            for token in Environment(autoescape=True).lex(text)
            if token[1] not in ("whitespace", "comment")
        ]
    except TemplateSyntaxError:
        return
    own = set(_bound(tokens))
    for number, (line, kind, value) in enumerate(tokens):
        before = tokens[number - 1][2] if number else ""
        after = tokens[number + 1][2] if number + 1 < len(tokens) else ""
        if kind == "data":
            for found in _SCRIPT.finditer(value):
                yield _use(file, line + value.count("\n", 0, found.start()), found[0][:-1])
        elif kind == "name" and before == ".":
            if value == "hidden_tag":
                yield _use(file, line, ".hidden_tag")
        elif kind == "name" and value in counterpart.TEMPLATE and value not in own:
            if after == "=" and before in ("(", ","):
                continue  # the name of an argument
            yield _use(file, line, value)


def _bound(tokens: list[tuple[int, str, str]]) -> Iterator[str]:
    """Give the names that a template binds itself: by set, for, macro and import."""
    block = False
    for number, (_, kind, value) in enumerate(tokens):
        if kind == "block_begin":
            block = bool(number + 1 < len(tokens)) and tokens[number + 1][2] in (
                *("set", "for", "macro", "with", "import", "from"),
            )
        elif kind == "block_end" or (kind == "name" and value == "in"):
            block = False
        elif block and kind == "name":
            after = tokens[number + 1][2] if number + 1 < len(tokens) else ""
            if after in ("=", ",", ")", "in") or tokens[number - 1][2] in ("set", "as"):
                yield value


def _use(file: str, line: int, name: str) -> Use:
    instead = counterpart.instead("template")
    if name == "url_for":
        instead = "url_for of Jinja2Templates: path= for static files, no query, names undotted"
    elif name == "get_flashed_messages":
        instead = counterpart.instead("flash")
    elif name in ("current_user", "moment", "csrf_token", ".hidden_tag", "g", "config"):
        instead = "pass it in the context, or set it in templates.env.globals"
    return Use(file, line, "template", name, instead)
