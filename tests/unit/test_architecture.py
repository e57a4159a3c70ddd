"""The shape of the code: which package may import which, and who alone may do what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "rockery"

#: What each package imports of the others; arrows point one way. `amount`, `data`, `errors`,
#: `glob`, `processes` and `uv` are single modules that anyone may use.
MAY_IMPORT = {
    "store": set(),
    "base": set(),
    "verify": set(),
    "part": set(),
    "project": set(),
    "extension": {"project"},
    "resolution": {"base", "store"},
    "layer": {"base", "resolution", "store"},
    "component": {"layer", "store"},
    "sbom": {"layer", "resolution", "store"},
    "image": {"layer"},
    "plan": {"base", "component", "layer", "project", "resolution", "sbom", "store"},
    "publish": {"image", "layer", "sbom", "store"},
    "pack": {
        *{"base", "component", "extension", "image", "layer", "part", "plan", "project"},
        *{"resolution", "sbom", "store", "verify"},
    },
    "check": {"extension", "pack", "project", "store"},
    "migrate": {"project"},
    "run": {"image", "layer", "project", "publish", "store", "verify"},
    "fleet": {"extension", "image", "project"},
    "cli": {
        *{"check", "component", "extension", "fleet", "image", "migrate", "pack", "project"},
        *{"publish", "resolution", "run", "store"},
    },
}
ANYONES = {
    "amount",
    "data",
    "errors",
    "glob",
    "libyaml",
    "processes",
    "record",
    "uv",
    "__version__",
}

#: The calls that change a disk.
WRITES = {"write_text", "write_bytes", "mkdir", "unlink", "rename", "replace", "rmtree", "touch"}


def _modules(package: str = "") -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((PACKAGE / package).rglob("*.py")):
        if "_data" not in path.parts:
            yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text())


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from names if node.module == "rockery" else [node.module]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_packages_import_only_those_below_them(package: str) -> None:
    for path, tree in _modules(package):
        for name in _imported(tree):
            if not name.startswith("rockery."):
                continue
            other = name.split(".")[1]
            allowed = {package} | MAY_IMPORT[package] | ANYONES
            assert other in allowed, f"{path} imports {name}"


def test_every_package_has_its_place() -> None:
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert packages - {"_data"} == set(MAY_IMPORT)


def test_the_arrows_make_no_circle() -> None:
    left = dict(MAY_IMPORT)
    while left:
        lowest = [name for name, below in left.items() if not below & left.keys()]
        assert lowest, f"a circle among {sorted(left)}"
        for name in lowest:
            del left[name]


@pytest.mark.parametrize(
    ("library", "alone"),
    [
        ("docker", {"publish/engine.py", "run/container.py"}),
        ("craft_parts", {"part/craft.py"}),
        ("rich", {"cli/screen.py", "cli/result.py"}),
        (
            "jinja2",
            {
                "extension/snippet.py",
                "extension/profile.py",
                "fleet/template.py",
                "image/page.py",
                "migrate/template.py",
            },
        ),
    ],
)
def test_a_library_is_known_in_one_place(library: str, alone: set[str]) -> None:
    users = {
        path
        for path, tree in _modules()
        if any(name.split(".")[0] == library for name in _imported(tree))
    }
    assert users <= alone


def test_nothing_below_the_command_line_prints() -> None:
    # Programs of their own: what they print is their answer.
    programs = {
        "part/craft.py",
        "project/keys.py",
        "project/json_schema.py",
        "extension/json_schema.py",
    }
    for path, tree in _modules():
        if path.startswith(("cli/", "verify/")) or path in programs:
            continue
        for node in ast.walk(tree):
            called = node.func if isinstance(node, ast.Call) else None
            assert not (isinstance(called, ast.Name) and called.id == "print"), path


def test_planning_changes_nothing() -> None:
    for path, tree in _modules("plan"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                written = node.func.attr in WRITES
                # str.replace has two arguments, Path.replace one.
                text = node.func.attr == "replace" and len(node.args) == 2
                assert not written or text, f"{path}:{node.lineno} {node.func.attr}"
