"""Where Python packages come from, as a project's files say it.

A resolution pins versions and hashes; that a version lies on a company's index, or in a folder
of wheels, is no fact of it, and the address may hold a password. So whoever installs asks the
files again.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rockery.resolution.locks import Lock
    from rockery.resolution.python import PythonRequest

#: The options of pip's requirement files that uv heeds. A value follows after "=" or white space,
#: of the short ones at once as well.
_OPTION = re.compile(
    r"(?P<name>--index-url|--extra-index-url|--find-links)(?:\s*=\s*|\s+)(?P<value>\S+)"
    r"|(?P<short>-[if])\s*=?\s*(?P<short_value>\S+)"
    r"|--no-index\b"
)
_LONG = {"-i": "--index-url", "-f": "--find-links"}


@dataclass(frozen=True)
class Indexes:
    """Where packages come from: ``lines`` of a requirement file, and ``options`` for uv."""

    lines: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def named(request: PythonRequest, folder: Path) -> Indexes:
    """Return what the files of ``request`` in ``folder`` name."""
    return Indexes(_lines(folder, request.digests), _options(folder, request.locks))


def _lines(folder: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the lines about indexes of the requirement files ``paths`` in ``folder``, each once.

    A folder of wheels has its absolute path: it stands relative to the file that names it, or
    to the project. Lock files, and files that can't be read, have none.
    """
    found: dict[str, None] = {}
    for path in paths:
        if not path.endswith((".toml", ".lock")):
            found.update(dict.fromkeys(_of(folder, path)))
    return tuple(found)


def _options(folder: Path, locks: Iterable[Lock]) -> tuple[str, ...]:
    """Return uv's options for the indexes that some packages of lock files come from.

    By its name uv finds an index's user and password in the environment. All that a lock pins
    has its hash, so that any index may be asked for it; uv alone would take a name from the
    first index that knows it, in whatever versions.
    """
    found: dict[tuple[str, str], None] = {}
    for lock in locks:
        found.update(dict.fromkeys(_of_lock(folder / lock.path, lock.kind)))
    if not found:
        return ()
    given = [word for option in found for word in option]
    return (*given, "--index-strategy", "unsafe-best-match")


def _of_lock(path: Path, kind: str) -> Iterator[tuple[str, str]]:
    if kind == "pipfile":
        # pipenv's own name for what everybody's default is.
        sources = [one for one in _tables(path, "_meta", "sources") if one.get("name") != "pypi"]
    elif kind == "poetry":
        sources = _tables(path.with_name("pyproject.toml"), "tool", "poetry", "source")
    elif kind == "uv":
        # uv itself heeds those that count for all packages.
        every = _tables(path.with_name("pyproject.toml"), "tool", "uv", "index")
        sources = [one for one in every if one.get("explicit")]
    else:
        return
    for source in sources:
        url, name = source.get("url"), source.get("name")
        if not isinstance(url, str):
            continue  # poetry's entry that only gives the default another rank
        url = os.path.expandvars(url) if "://" in url else str((path.parent / url).absolute())
        if source.get("format") == "flat":
            yield "--find-links", url
        elif isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._-]+", name):
            yield "--index", f"{name}={url}"
        else:
            yield "--index", url


def _tables(path: Path, *keys: str) -> list[Mapping[str, Any]]:
    """Return the tables of the list that ``keys`` lead to; none where there is no such list."""
    try:
        text = path.read_text(encoding="utf-8")
        found: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError):
        return []  # whoever reads the lock says so
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _of(folder: Path, path: str) -> Iterator[str]:
    try:
        text = (folder / path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return
    for line in text.replace("\\\n", "").splitlines():
        option = _OPTION.match(line.strip())
        if option is None:
            continue
        if option[0] == "--no-index":
            yield option[0]
            continue
        name = option["name"] or _LONG[option["short"]]
        value = option["value"] or option["short_value"]
        if name == "--find-links" and "://" not in value:
            beside = (folder / path).parent / value
            value = str((beside if beside.exists() else folder / value).absolute())
        yield f"{name} {value}"
