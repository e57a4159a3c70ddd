from __future__ import annotations

import itertools
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from rockery.project.ignore import Ignore


def ignored(lines: str, path: str) -> bool:
    """Go down to ``path`` as a walk does, which never enters an ignored folder."""
    ignore = Ignore.parse(lines.splitlines())
    steps = path.rstrip("/").split("/")
    for depth in range(1, len(steps) + 1):
        folder = depth < len(steps) or path.endswith("/")
        if ignore.matching("/".join(steps[:depth]), folder=folder):
            return True
    return False


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        ("*.csv", "a/b.csv", True),
        ("*.csv\n!keep.csv", "a/keep.csv", False),
        ("/raw/", "raw/x", True),
        ("/raw/", "a/raw/x", False),
        ("raw/", "a/raw/x", True),
        ("raw/", "a/raw", False),
        ("a/b", "a/b", True),
        ("a/b", "x/a/b", False),
        ("**/b", "x/a/b", True),
        ("a/**", "a/x/y", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("# no\n\\#yes", "#yes", True),
        ("\\!x", "!x", True),
        ("x\\ ", "x ", True),
        ("[ab].py", "a.py", True),
        ("[!ab].py", "c.py", True),
        ("[!ab].py", "a.py", False),
        ("a?c", "a/c", False),
        ("*", "a", True),
        ("*\n!*/\n!*.py", "a/x.py", False),
        ("[", "[", True),
        ("", "a", False),
    ],
)
def test_the_syntax_is_gitignores(lines: str, path: str, expected: bool) -> None:
    assert ignored(lines, path) is expected


def test_the_rule_that_matched_is_named() -> None:
    rule = Ignore.parse(["a", "", "*.csv"]).matching("x.csv", folder=False)
    assert rule is not None
    assert (rule.text, rule.line) == ("*.csv", 3)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is what says who is right")
def test_random_patterns_mean_what_git_says(tmp_path: Path) -> None:
    names = ["a", "b", "ab", ".h", "c.py", "d.py"]
    pieces = [*names, "*", "*.py", "a*", "?", "[ab]", "**", "[!a]"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    paths = ["/".join(steps) for steps in itertools.product(names[:4], names[:5], names)]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    for seed in range(150):
        chance = random.Random(seed)
        lines = "\n".join(
            chance.choice(["", "", "!"])
            + chance.choice(["", "/"])
            + "/".join(chance.choice(pieces) for _ in range(chance.randint(1, 3)))
            + chance.choice(["", "", "/"])
            for _ in range(chance.randint(1, 4))
        )
        (tmp_path / ".git" / "info" / "exclude").write_text(lines)
        told = subprocess.run(
            ["git", "check-ignore", "--no-index", "--stdin"],
            cwd=tmp_path, input="\n".join(paths), capture_output=True, text=True, check=False,
        ).stdout.splitlines()  # fmt: skip
        assert {path for path in paths if ignored(lines, path)} == set(told), lines
