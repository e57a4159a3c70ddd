"""Every code in the source is explained, and nothing else is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from rockery.check import explanations
from rockery.cli.findings import WARNINGS

PACKAGE = Path(__file__).parents[3] / "rockery"


def constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*constants(node.body), *constants(node.orelse))


def codes() -> Iterator[str]:
    """Give what is passed as ``code``, by name or in its place, and defaults of that name."""
    trees = [ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")]
    #: By function: where its argument ``code`` stands, without "self".
    place = {"Problem": 1}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args if argument.arg != "self"]
            if "code" in names:
                place[node.name] = names.index("code")
                after = len(names) - names.index("code")
                if after <= len(node.args.defaults):
                    yield from constants(node.args.defaults[-after])
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in place and len(node.args) > place[name]:
                yield from constants(node.args[place[name]])
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from constants(keyword.value)
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
            yield from constants(node.value)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            names = [getattr(target, "id", "") for target in node.targets[0].elts]
            if "code" in names and isinstance(node.value, ast.Tuple):
                yield from constants(node.value.elts[names.index("code")])


def test_every_code_is_explained() -> None:
    lacking = set(codes()) - explanations().keys()
    assert not lacking, f"add to docs/checks.md: {sorted(lacking)}"


def test_what_is_explained_exists() -> None:
    assert not explanations().keys() - set(codes())


def test_the_page_is_in_order_and_says_something() -> None:
    told = explanations()
    assert list(told) == sorted(told)
    assert all(text.endswith((".", "`.")) and len(text) > 20 for text in told.values())


def test_warnings_are_codes() -> None:
    assert not WARNINGS - explanations().keys()
