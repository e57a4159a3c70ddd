"""Records: declared and used as dataclasses."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter

from rockery.record import Record, field


class Point(Record):
    unit: ClassVar[str] = "mm"

    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.x + self.y


class Counter(Record, frozen=False):
    count: int = 0

    def __post_init__(self) -> None:
        self.count += 1


def test_fields_are_given_by_place_or_name_or_default() -> None:
    assert Point.field_names == ("x", "y", "tags")
    point = Point(1, tags=["a"])
    assert (point.x, point.y, point.tags, point.total) == (1, 0, ["a"], 1)
    assert repr(point) == "Point(x=1, y=0, tags=['a'])"


def test_each_record_has_defaults_of_its_own() -> None:
    one, two = Point(1), Point(1)
    one.tags.append("a")
    assert two.tags == []


@pytest.mark.parametrize(
    ("given", "named"), [((), {}), ((1, 2, [], 4), {}), ((1,), {"x": 2}), ((1,), {"z": 2})]
)
def test_what_does_not_fit_is_refused(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"a Point (has|needs) x, y, tags"):
        Point(*given, **named)


def test_it_is_frozen_unless_it_says_otherwise() -> None:
    with pytest.raises(AttributeError, match="cannot set 'x': a Point is frozen"):
        Point(1).x = 2  # type: ignore[misc]
    counter = Counter(2)
    counter.count += 1
    assert counter.count == 4


def test_it_is_compared_by_its_fields() -> None:
    assert Point(1) == Point(1, 0)
    assert Point(1) != Point(2)
    assert Counter(0) != Point(1)
    assert len({Counter(0), Counter(0), Counter(1)}) == 2


def test_it_is_a_dataclass_to_who_asks() -> None:
    class Asked(Record):
        name: str
        tags: list[str] = field(default_factory=lambda: ["new"])
        rest: ClassVar[int] = 0

    assert [each.name for each in dataclasses.fields(Asked)] == ["name", "tags"]
    asked = Asked("a")
    assert dataclasses.replace(asked, name="b") == Asked("b", ["new"])
    assert dataclasses.asdict(asked) == {"name": "a", "tags": ["new"]}
    assert TypeAdapter(Point).validate_python({"x": "3"}) == Point(3)
    assert Point(1).tags == []  # as before
