"""What a lock file of uv's tells of wheels."""

from __future__ import annotations

from typing import Any

import pytest

from rockery.resolution.python import _wheels

MB = 1_000_000


def package(name: str, *sizes: int, **more: Any) -> dict[str, Any]:
    wheels = [{"url": f"{name}-1-py3-none-any.whl", "size": size} for size in sizes]
    return {"name": name, "version": "1", **({"wheels": wheels} if wheels else {}), **more}


@pytest.mark.parametrize(
    ("packages", "answer"),
    [
        ([], (True, ())),
        ([package("small", MB), package("Big_Thing", 6 * MB, MB)], (True, ("big-thing",))),
        ([package("source", sdist={"size": 9 * MB})], (False, ())),
        ([package("direct", archive={"url": "x/direct-1-py3-none-any.whl"})], (True, ())),
        ([package("direct", archive={"url": "x/direct-1.tar.gz", "size": 9 * MB})], (False, ())),
        ([package("cloned", vcs={"type": "git"})], (False, ())),
        # An index may tell no sizes.
        ([{"name": "big", "wheels": [{"url": "big-1-py3-none-any.whl"}]}], (True, ())),
    ],
)
def test_what_is_built_and_what_is_large(
    packages: list[dict[str, Any]], answer: tuple[bool, tuple[str, ...]]
) -> None:
    assert _wheels(packages) == answer


def test_the_largest_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rockery.resolution.python._MOST_LARGE", 2)
    packages = [package(name, size * MB) for name, size in (("a", 5), ("c", 7), ("b", 7), ("d", 6))]
    assert _wheels(packages) == (True, ("b", "c"))
