"""What a lock file of uv's tells of wheels."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from rockery.resolution import python
from rockery.resolution.python import PythonRequest, PythonTarget, _wheels
from rockery.store import Store

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


def test_local_ones_have_a_layer_of_their_own(tmp_path: Path) -> None:
    found = resolved(tmp_path, "small\n./here\n")
    assert (found.names, found.local, found.wheels) == ({"small": "2"}, ("here",), True)


def test_what_was_released_between_both_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    locked = python._locked

    def late(target: PythonTarget, folder: Path, inputs: list[str], path: Path) -> Any:
        asked.append(inputs)
        packages, done = locked(target, folder, inputs, path)
        if len(asked) == 1:
            packages = [{**one, "version": "3", "wheels": []} for one in packages]
        return packages, done

    monkeypatch.setattr(python, "_locked", late)
    found = resolved(tmp_path, "small\n")
    assert (found.names, found.wheels) == ({"small": "2"}, True)
    assert [inputs[0] for inputs in asked] == ["requirements.txt", "--no-deps"]


def resolved(folder: Path, requirements: str) -> python.PythonResolution:
    """Resolve from a folder with a wheel."""
    (folder / "wheels").mkdir()
    with zipfile.ZipFile(folder / "wheels/small-2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("small.py", "")
        wheel.writestr(
            "small-2.dist-info/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 2"
        )
        wheel.writestr("small-2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any")
        wheel.writestr("small-2.dist-info/RECORD", "small.py,,\n")
    (folder / "here").mkdir()
    project = '[project]\nname = "here"\nversion = "1"\n'
    (folder / "here/pyproject.toml").write_text(project)
    options = "--no-index\n--find-links wheels\n"
    (folder / "requirements.txt").write_text(options + requirements)
    target = PythonTarget(Path(sys.executable), "3.11", folder / "cache")
    request = PythonRequest(("requirements.txt",), (), (), (), {"requirements.txt": ""})
    return python.resolve(Store(folder / "store"), "key", request, folder, target)
