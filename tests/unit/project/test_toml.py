from __future__ import annotations

import tomllib

import pytest

from rockery.project import toml


@pytest.mark.parametrize("start", ["", "[", "x = {", "x = {y = 1, "])
def test_a_key_of_hundreds_of_parts_is_refused_where_it_stands(start: str) -> None:
    with pytest.raises(tomllib.TOMLDecodeError, match=r"200 parts \(at line 2, column 1\)"):
        toml.parse("a = 1\n" + start + "b." * 201 + "c = 1\n")


def test_what_people_write_is_read_as_it_is() -> None:
    text = 'a.b.c = "' + "x." * 300 + '"\n[tool."d.e"]\nf = [1, 2]\n'
    assert toml.parse(text) == tomllib.loads(text)
