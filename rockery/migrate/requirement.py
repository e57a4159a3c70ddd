"""Where a project declares Flask, its extensions, or servers for WSGI alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from rockery.errors import ProjectError
from rockery.migrate import counterpart
from rockery.migrate.use import Use
from rockery.project import syntax

_TEXT = re.compile(
    r"(.*/)?([^/]*requirements[^/]*\.(txt|in)|constraints[^/]*\.txt)|(.*/)?requirements/[^/]*\.(txt|in)"
)
_INSTALL = re.compile(r"\b(?:pip[\d.]*|uv pip|uv|pipx|poetry)\s+(?:install|add)\b(.*)")
_NAME = re.compile(r"\s*[\"']?([A-Za-z0-9][\w.-]*)(?:\s*\[([\w\s,.-]*)\])?")
_QUOTED = re.compile(
    r"[\"']([A-Za-z0-9][\w.-]*)(?:\[([\w\s,.-]*)\])?\s*(?:[<>=!~;@ ][^\"']*)?[\"']"
)
_SECTION = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+")
_KEY = re.compile(r"\s*[\"']?([\w.-]+)[\"']?\s*=")
_DEPENDENCIES = re.compile(
    r"packages|dev-packages|dependency-groups|project\.optional-dependencies"
    r"|tool\.(poetry|pdm|uv|hatch)\b.*dependenc.*|tool\.(pdm|uv)\b.*"
)


def declares(path: str) -> bool:
    """Tell whether a file declares requirements, by its path."""
    name = path.rpartition("/")[2]
    return bool(_TEXT.fullmatch(path)) or name in (
        *("pyproject.toml", "Pipfile", "setup.py", "setup.cfg", "environment.yml", "tox.ini"),
    )


def uses(text: str, file: str) -> Iterator[Use]:
    """Give the declarations in such a file."""
    name = file.rpartition("/")[2]
    if _TEXT.fullmatch(file):
        found = _lines(text)
    elif name in ("pyproject.toml", "Pipfile"):
        found = _toml(text)
    elif name == "setup.py":
        found = _setup(text)
    else:
        found = _indented(text)
    for line, package in found:
        yield Use(file, line, "requirement", package, counterpart.instead("requirement"))


def installed(text: str, file: str) -> Iterator[Use]:
    """Give the packages that commands of a file install by name."""
    for number, line in enumerate(text.splitlines(), start=1):
        found = None if line.lstrip().startswith("#") else _INSTALL.search(line[:2000])
        for word in found[1].split() if found else ():
            package = _declared(_NAME.match(word))
            if package and not word.startswith("-"):
                instead = counterpart.instead("requirement")
                yield Use(file, number, "requirement", package, instead)


def _declared(found: re.Match[str] | None) -> str | None:
    """Return the package that was matched, where it is one to leave."""
    if found is None:
        return None
    name = re.sub(r"[-_.]+", "-", found[1]).lower()
    extras = re.split(r"[\s,]+", (found[2] or "").lower())
    return found[1] if counterpart.distribution(name) or "flask" in extras else None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("#", "-")):
            continue
        package = _declared(_NAME.match(line))
        if package:
            yield number, package


def _toml(text: str) -> Iterator[tuple[int, str]]:
    section, array = "", False
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.lstrip()
        if bare.startswith("#"):
            continue
        heading = _SECTION.match(line) if not array else None
        if heading and bare.startswith("["):
            section = heading[1].replace('"', "")
            continue
        key = _KEY.match(line) if not array else None
        listed = _DEPENDENCIES.fullmatch(section) is not None
        if key and "[" in line.partition("=")[2] and "{" not in line:
            array = listed or (section == "project" and key[1] == "dependencies")
            array = array or (section == "build-system" and key[1] == "requires")
        elif key and listed:
            package = _declared(_NAME.match(line))
            if package:
                yield number, package
            continue
        if array:
            for found in _QUOTED.finditer(line.partition("=")[2] if key else line):
                package = _declared(found)
                if package:
                    yield number, package
                    break
            array = not re.search(r"\]\s*(#.*)?$", line)


def _indented(text: str) -> Iterator[tuple[int, str]]:
    """Read lists of requirements in an INI or YAML file: one a line, indented."""
    for number, line in enumerate(text.splitlines(), start=1):
        found = re.match(
            r"(?:\s*-\s+|\s+)([A-Za-z0-9][\w.-]*)(?:\[([\w\s,.-]*)\])?\s*(?:[<>=!~;].*)?$", line
        )
        package = _declared(found)
        if package:
            yield number, package


def _setup(text: str) -> Iterator[tuple[int, str]]:
    try:
        tree = syntax.tree(text.encode(), Path(), "setup.py", None)
    except ProjectError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword):
            name = node.arg or ""
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id.lower()
        else:
            continue
        for inner in ast.walk(node.value) if "require" in name else ():
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                package = _declared(_NAME.match(inner.value))
                if package:
                    yield inner.lineno, package
