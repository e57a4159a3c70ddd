"""docs/bases.md says what `bases/` has."""

import re
from pathlib import Path

import pytest

from rockery.base import bases, load

PAGE = (Path(__file__).parents[3] / "docs/bases.md").read_text()


@pytest.mark.parametrize("name", bases())
def test_each_base_is_in_the_table_with_its_python(name: str) -> None:
    row = re.search(rf"^\| `{re.escape(name)}` \| ([\d.]+) \|.*\((\w+)\)", PAGE, re.MULTILINE)
    assert row is not None
    assert row.groups() == (load(name).python, load(name).release)


def test_each_slice_is_explained() -> None:
    rules = load("debian@12").rules
    missing = [word for word in rules.slices if f"`{word}`" not in PAGE]
    assert missing == ["ca-certificates_data-with-certs"]


def test_each_cache_is_mentioned() -> None:
    words = {
        "font cache": "fonts",
        "schema cache of GLib": "GLib schemas",
        "list of GIO modules": "GIO modules",
        "list of image loaders": "GdkPixbuf loaders",
        "database of media types": "media types",
        "list of graphviz plugins": "Graphviz plugins",
    }
    assert words.keys() == load("debian@12").rules.triggers.keys()
    assert all(word in PAGE for word in words.values())
