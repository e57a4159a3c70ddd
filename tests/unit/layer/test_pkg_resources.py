from __future__ import annotations

from pathlib import Path

import pytest

from rockery.layer import pkg_resources
from rockery.resolution.python import PythonResolution
from rockery.store import Store


@pytest.mark.parametrize(
    ("text", "misses"),
    [
        ("import os\nimport pkg_resources\n", True),
        ("from pkg_resources import get_distribution\n", True),
        ("__import__('pkg_resources').declare_namespace(__name__)\n", True),
        ("try:\n    import pkg_resources\nexcept ImportError:\n    pass\n", False),
        ("import pkg_resources_of_mine\n", False),
        ("# import pkg_resources\n", False),
    ],
)
def test_who_imports_it_at_the_top_of_a_module_misses_it(
    text: str, misses: bool, tmp_path: Path
) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/util.py").write_text(text)
    assert pkg_resources.importers(tmp_path, Store(tmp_path / ".store")) == (
        ("acme",) if misses else ()
    )


def test_nothing_is_missed_where_it_is_installed(tmp_path: Path) -> None:
    (tmp_path / "single.py").write_text("import pkg_resources\n")
    assert pkg_resources.importers(tmp_path, Store(tmp_path / ".store")) == ("single",)
    (tmp_path / "pkg_resources").mkdir()
    assert pkg_resources.importers(tmp_path, Store(tmp_path / ".store")) == ()


def test_the_note_says_what_it_replaces() -> None:
    without = PythonResolution("flask==3.0.0\n", True, (), "")
    newer = PythonResolution("setuptools==84.2.1 \\\n    --hash=sha256:1\n", True, (), "")
    assert " in place of " not in pkg_resources.note(("acme",), without).message
    assert "in place of 84.2.1: acme imports" in pkg_resources.note(("acme",), newer).message
