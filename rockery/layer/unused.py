"""What of installed Python packages never runs in a rock, by rules that break nothing.

Suites of tests, sources of what is there compiled, data for debuggers. Whatever may be read by
something that runs stays: a rule that breaks one app costs more than it frees. What was measured,
and what is left alone on purpose, stands in ``docs/size.md``.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from rockery.glob import matcher
from rockery.layer import debug_data
from rockery.layer.entry import Entry, file
from rockery.layer.scan import scanned
from rockery.store import Store

#: Where a rock says what was left out: files and bytes, by kind, by the package's folder.
LIST = ".rock/left-out.json"

_SUITE = "tests"
_SOURCES = ("pyx", "pxd", "c", "cpp", "cxx")

#: Named by code that runs, but only to tell whether a caller is one of them (pandas 2 and 3).
_NAMED_IN_VAIN = frozenset({"pandas/tests"})

#: Calls that make a path or a module's name of texts.
_JOINING = re.compile(r"join|path|files|open|import|resource|load|exists|read", re.IGNORECASE)
_NAMED = re.compile(r"(?:^|[./\\])tests(?:$|[./\\])")

#: What a file has somewhere that imports or reads tests: to parse all files takes a minute.
_LIKELY = re.compile(
    rb"""["'./\\]tests["'./\\]|^[ \t]*(?:from|import)\b[^\n]*\btests\b|^[ \t]*tests\b""", re.M
)

#: How long a module's name may be that a compiled module holds; more takes time squared.
_LONGEST = 200


def remove(site: Path, keep: Sequence[str], store: Store) -> Iterator[Entry]:
    """Delete what never runs below ``site``, where uv installed into; give the list of it.

    ``keep`` are globs of paths below ``site`` that stay, folders with all that is in them.
    """
    kept = matcher([form for glob in keep for form in _forms(glob)])
    found: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)

    def count(path: str, kind: str, bytes_: int) -> None:
        files, size = found[_top(path)].get(kind, (0, 0))
        found[_top(path)][kind] = files + 1, size + bytes_

    for path, kind in _unused(site, store).items():
        if not kept(path):
            count(path, kind, (site / path).stat().st_size)
            (site / path).unlink()
    for file_ in sorted(site.rglob("*.so*")):
        path = file_.relative_to(site).as_posix()
        if not kept(path) and file_.is_file() and (blanked := debug_data.blank(file_)):
            count(path, "debugging data", blanked)
    if found:
        yield file(LIST, json.dumps(found, indent=1, sort_keys=True) + "\n")


def _forms(glob: str) -> tuple[str, str]:
    glob = glob.strip("/")
    return glob, f"{glob}/**"


def _unused(site: Path, store: Store) -> dict[str, str]:
    """Return the paths of what never runs, each with its kind."""
    start = len(f"{site}/")
    files = [
        f"{folder}/{name}"[start:]
        for folder, _, names in os.walk(site)
        for name in names
        if len(folder) >= start
    ]
    suites = _suites(site, files, store)
    found = {path: "tests" for path in files if _suite_of(path) in suites}
    rest = [path for path in files if path not in found]
    compiled = {re.sub(r"\.[^/]*$", "", path) for path in rest if path.endswith(".so")}
    for path in rest:
        stem, _, suffix = path.rpartition(".")
        if suffix in _SOURCES and stem in compiled:
            found[path] = "sources"
    return found


def _top(path: str) -> str:
    return path.partition("/")[0]


def _bytes(site: Path, path: str) -> bytes:
    return (site / path).read_bytes()


# Suites of tests.


def _suite_of(path: str) -> str | None:
    """Return the outermost folder of tests that ``path`` lies in, inside a package."""
    steps = path.split("/")[:-1]
    if _SUITE not in steps[1:]:
        return None
    return "/".join(steps[: steps.index(_SUITE, 1) + 1])


def _suites(site: Path, files: Sequence[str], store: Store) -> set[str]:
    """Return the folders of tests inside packages that nothing outside of them names."""
    packages = {path.rpartition("/")[0] for path in files if path.endswith("/__init__.py")}
    members: dict[str, list[str]] = defaultdict(list)
    readers = []
    for path in files:
        suite = _suite_of(path)
        if suite is not None and suite.rpartition("/")[0] in packages:
            members[suite].append(path)
        else:
            readers.append(path)
    unused = set(members)
    while readers and unused:
        said = scanned(store, site, readers, ("tests", 1), lambda path: list(_named(site, path)))
        named = {
            suite
            for path, names in said.items()
            for name in names
            for suite in (_around(path, unused) if name is None else _at(name, unused))
        }
        named -= _NAMED_IN_VAIN
        # What a suite that stays imports of another one must be there too.
        readers = [path for suite in named for path in members[suite]]
        unused -= named
    return unused


def _named(site: Path, path: str) -> Iterator[str | None]:
    """Give the modules with a step "tests" that the file at ``path`` may import or read from.

    None stands for a path or a name that isn't known before it runs.
    """
    name = path.rpartition("/")[2]
    if name == "conftest.py":
        return  # pytest's alone
    if name.endswith(".py"):
        data = _bytes(site, path)
        if b"tests" not in data or _LIKELY.search(data) is None:
            return
        try:
            tree = ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            yield None
            return
        yield from (
            found
            for found in _mentions(tree, path.split("/")[:-1])
            if found is None or _SUITE in found.split(".")
        )
    elif name.endswith(".so") or name == "entry_points.txt":
        yield from sorted(_dotted(_bytes(site, path)))


def _around(path: str, suites: set[str]) -> list[str]:
    """Return the suites that a module may mean by a path: below its folder, or beside it."""
    folder = path.rpartition("/")[0]
    return [
        suite
        for suite in suites
        if suite.startswith(f"{folder}/") or f"{folder}/".startswith(suite.removesuffix(_SUITE))
    ]


def _dotted(data: bytes) -> set[str]:
    """Return the names of modules with a step "tests" among the bytes of a file."""
    found = set()
    for place in re.finditer(rb"\.tests\b", data):
        before = data[max(0, place.start() - _LONGEST) : place.end()]
        name = re.search(rb"[\w.]+\Z", before, re.ASCII)
        assert name is not None
        found.add(name[0].decode())
    return found


def _at(dotted: str, suites: set[str]) -> Iterator[str]:
    steps = dotted.split(".")
    suite = "/".join(steps[: steps.index(_SUITE) + 1]) if _SUITE in steps else ""
    if suite in suites:
        yield suite


def _mentions(tree: ast.AST, package: Sequence[str]) -> Iterator[str | None]:
    """Give the modules that a module of ``package`` names; None for what isn't known."""
    nodes = list(ast.walk(tree))
    passed = {id(text) for node in nodes for text in _passed(node)}
    prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                above = package[: len(package) - node.level + 1] if node.level else ()
                module = [*above, *([node.module] if node.module else [])]
                yield from (".".join([*module, alias.name]) for alias in node.names)
            case ast.Constant(value=str(text)) if id(node) not in prose and _NAMED.search(text):
                if re.fullmatch(r"[A-Za-z_][\w.]*\.tests(\.[\w.]+)?", text):
                    yield text
                elif text.startswith(".") and re.fullmatch(r"\.[\w.]+", text):
                    yield ".".join([*package, *text.strip(".").split(".")])
                elif id(node) in passed and "\n" not in text:
                    yield None


def _passed(node: ast.AST) -> Sequence[ast.AST]:
    """Return what a node may make a path or a module's name of."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return node.args if _JOINING.search(name) else ()
        case ast.BinOp(op=ast.Div() | ast.Add() | ast.Mod()):
            return (node.left, node.right)
        case ast.JoinedStr():
            return node.values
    return ()
