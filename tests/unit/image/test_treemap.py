"""The boxes of a rock: which there are, and that their sizes add up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from rockery.image.contents import Contents, File
from rockery.image.report import LayerReport, Report
from rockery.image.treemap import Box, treemap

PACKAGES = "usr/local/lib/python3.11/dist-packages"


def contents(layers: Mapping[str, Mapping[str, int]], owners: Mapping[str, str]) -> Contents:
    """A rock's contents: sizes of files, by path, by layer."""
    report = Report("hello 1", "", "", {}, 0, [LayerReport(title, "", 0) for title in layers])
    files = tuple(
        File(title, path, "file", 0o644, (0, 0), size, "", "")
        for title, sizes in layers.items()
        for path, size in sizes.items()
    )
    return Contents(report, files, dict(owners))


def every(box: Box) -> Iterator[Box]:
    yield box
    for part in box.parts:
        yield from every(part)


def test_layers_have_packages_and_folders_and_these_have_files() -> None:
    found = treemap(
        contents(
            {
                "runtime": {"usr/bin/bash": 50, "usr/share/bash/x": 10, "etc/passwd": 3},
                "packages": {f"{PACKAGES}/flask/app.py": 30},
                "app": {"flask/app/app.py": 5, "flask/app/static/a/b.js": 7},
            },
            {"usr/bin/bash": "bash", "usr/share/bash/x": "bash"},
        )
    )
    shown = {
        layer.name: {(part.kind, part.name): part.size for part in layer.parts}
        for layer in found.parts
    }
    assert shown == {
        "runtime": {("package", "bash"): 60, ("folder", "/etc"): 3},
        "packages": {("package", "flask"): 30},
        "app": {("folder", "/flask/app/static"): 7, ("folder", "/flask/app"): 5},
    }
    assert [layer.name for layer in found.parts] == ["runtime", "packages", "app"]
    assert (found.size, found.files) == (105, 6)


def test_a_layer_of_one_folder_has_its_files() -> None:
    (layer,) = treemap(contents({"pebble": {"usr/bin/pebble": 9, "usr/bin/other": 1}}, {})).parts
    assert [part.name for part in layer.parts] == ["/usr/bin/pebble", "/usr/bin/other"]


def test_directories_and_links_have_no_box() -> None:
    found = contents({"app": {"srv/a": 1}}, {})
    link = File("app", "srv/l", "link", 0o777, (0, 0), 0, "a", "")
    folder = File("app", "srv", "directory", 0o755, (0, 0), 0, "", "")
    more = Contents(found.report, (*found.files, link, folder), {})
    assert treemap(more) == treemap(found)


@pytest.mark.parametrize("names", [lambda n: f"app/d{n % 40}/{n}", lambda n: f"app/{n}/x", str])
def test_a_rock_of_50000_files_has_few_boxes_and_loses_no_byte(names) -> None:  # type: ignore[no-untyped-def]
    sizes = {names(number): number % 977 for number in range(50_000)}
    found = treemap(contents({"app": sizes, "one": {"large": 1 << 30}}, {}))
    assert (found.size, found.files) == (sum(sizes.values()) + (1 << 30), 50_001)
    for box in every(found):
        if box.parts:
            assert box.size == sum(part.size for part in box.parts)
            assert box.files == sum(part.files for part in box.parts)
    assert len([*every(found)]) < 2700
    assert len(json.dumps(found.document())) < 150_000
    assert any(box.kind == "rest" for box in every(found))


def test_an_empty_rock_and_an_empty_layer() -> None:
    assert treemap(contents({}, {})) == Box("rock", "hello 1", 0, 0)
    assert treemap(contents({"links": {}}, {})).document() == [
        *("rock", "hello 1", 0, 0),
        [["layer", "links", 0, 0]],
    ]
