"""What of a module may change without its import noticing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rockery.verify import shape, trail

BEFORE = '''\
"""An app."""
import os
LIMIT = 1

def ran(x):
    return [y for y in range(x)]

def served(a, *, b=2):
    """Say it."""
    def inner():
        return "inner"
    return "hello", inner

class Model:
    size = ran(3)

    def method(self):
        return 1.0
'''
RAN = {("<module>", 1), ("ran", 5), ("<listcomp>", 6), ("Model", 14)}


def same(old: str, new: str) -> bool:
    assert old in BEFORE
    sources = (BEFORE, BEFORE.replace(old, new))
    return shape.same(*(compile(source, "", "exec") for source in sources), RAN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('return "hello", inner', 'print(os.getcwd())\n    return "goodbye", inner()'),
        ('        return "inner"', "        return [1]"),
        ("return 1.0", "return self.size + undefined"),
    ],
)
def test_what_only_requests_run_may_change(old: str, new: str) -> None:
    assert same(old, new)


def test_lines_may_move() -> None:
    assert same("LIMIT = 1", "LIMIT = 1\n\n# more\n\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 1", "LIMIT = True"),
        ("LIMIT = 1", "LIMIT = 1.0"),
        ("import os", "import nothing"),
        ("range(x)", "range(x + 1)"),
        ("return [y for", "return [-y for"),
        ("served(a, *, b=2)", "served(a, c, *, b=2)"),
        ("served(a, *, b=2)", "served(a, *, b=3)"),
        ("served(a, *, b=2)", "served(a, *, renamed=2)"),
        ("def served", "async def served"),
        ("Say it.", "Say that."),
        ("size = ran(3)", "size = ran(4)"),
        ("def method(self):", "def method(self, x):"),
        ("class Model:", "def added():\n    pass\n\nclass Model:"),
    ],
)
def test_what_the_import_ran_or_saw_may_not(old: str, new: str) -> None:
    assert not same(old, new)


def test_files_of_a_trail(tmp_path: Path) -> None:
    left = {"ran": {"app.py": [["<module>", 1]]}, "opened": ["read.html"]}
    one, other, broken = (tmp_path / name for name in ("one", "other", "broken"))
    one.write_text("def f():\n    return 1\n")
    other.write_text("def f():\n    return 2\n")
    broken.write_text("def f(:\n")
    python = Path(sys.executable)
    assert trail.holds(left, {"app.py": (one, other)}, python)
    assert trail.holds(left, {"unused.py": (one, broken), "page.html": (one, other)}, python)
    assert not trail.holds(left, {"app.py": (one, broken)}, python)
    assert not trail.holds(left, {"read.html": (one, other)}, python)
    assert not trail.holds(left, {"model.bin": (one, other)}, python)
    assert not trail.holds(left, {"app.py": (one, other)}, tmp_path / "no-python")
