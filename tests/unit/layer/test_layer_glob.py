import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockery.glob import component, has_magic, literal, matcher


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("usr/share/doc/**", "usr/share/doc/a/copyright", True),
        ("usr/share/doc/**", "usr/share/doc", False),
        ("usr/share/doc/*/copyright", "usr/share/doc/a/copyright", True),
        ("usr/share/doc/*/copyright", "usr/share/doc/a/b/copyright", False),
        ("usr/lib/**/tests/**", "usr/lib/tests/x", True),
        ("usr/lib/**/tests/**", "usr/lib/a/b/tests/x/y", True),
        ("usr/lib/*.so", "usr/lib/a/b.so", False),
        ("a?c", "a/c", False),
        ("a[/]c", "a/c", False),
        ("a.c", "abc", False),
        ("usr/bin/[", "usr/bin/[", True),
        ("libpython3.*-stdlib", "libpython3.11-stdlib", True),
        ("**", "any/thing", True),
    ],
)
def test_a_pattern_matches_whole_paths(pattern: str, path: str, expected: bool) -> None:
    assert matcher([pattern])(path) is expected


def test_no_pattern_matches_nothing() -> None:
    assert not matcher([])("a")


@given(st.lists(st.text(alphabet="ab*?[]-!^.\\", max_size=6), min_size=1, max_size=3))
def test_every_pattern_is_a_valid_expression(patterns: list[str]) -> None:
    matcher(patterns)("a")
    for pattern in patterns:
        re.compile(component(pattern))
        re.compile(component(pattern, escapes=True))


@given(st.text(alphabet="ab*?[]-!.", max_size=8))
def test_a_literal_matches_itself_alone(path: str) -> None:
    assert matcher([literal(path)])(path)
    assert not matcher([literal(path)])(path + "a")


def test_magic_is_seen() -> None:
    assert has_magic("a*")
    assert not has_magic("a.b")
