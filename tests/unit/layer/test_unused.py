"""What is left out of Python packages, and what stays because something may read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rockery.layer import unused
from rockery.layer.entry import read
from rockery.store import Store

PACKAGE = {
    "tool/__init__.py": "",
    "tool/core.py": "def run(): pass\n",
    "tool/tests/__init__.py": "",
    "tool/tests/test_core.py": "import tool.deep.tests.data\n",
    "tool/deep/__init__.py": "",
    "tool/deep/tests/data.py": "",
}
SUITES = {path for path in PACKAGE if "/tests/" in path}


def left_out(folder: Path, files: dict[str, str], keep: tuple[str, ...] = ()) -> set[str]:
    """Write the files, remove what never runs, and return what is gone."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    list(unused.remove(folder, keep, Store(folder.with_name("store"))))
    return {path for path in files if not (folder / path).exists()}


def test_suites_of_tests(tmp_path: Path) -> None:
    assert left_out(tmp_path, PACKAGE) == SUITES


@pytest.mark.parametrize(
    ("path", "text", "stays"),
    [
        ("tool/core.py", "from tool.deep.tests import data\n", {"tool/deep/tests/data.py"}),
        ("tool/core.py", "from .deep import tests\n", {"tool/deep/tests/data.py"}),
        ("tool/deep/more.py", "from .tests.data import x\n", {"tool/deep/tests/data.py"}),
        ("other/use.py", "import tool.deep.tests.data as d\n", {"tool/deep/tests/data.py"}),
        ("other/use.py", "NAME = 'tool.deep.tests.data'\n", {"tool/deep/tests/data.py"}),
        ("other/c.so", "\0tool.deep.tests.data\0", {"tool/deep/tests/data.py"}),
        (
            "tool-1.dist-info/entry_points.txt",
            "[x]\ny = tool.deep.tests:data",
            {"tool/deep/tests/data.py"},
        ),
        # A suite that stays brings those that it imports.
        ("tool/core.py", "from .tests import test_core\n", SUITES),
        # Where only running it could tell, all of the package's stay.
        ("tool/core.py", "open(os.path.join(HERE, 'tests', 'x'))\n", SUITES),
        ("tool/core.py", "HERE / 'tests' / 'x'\n", SUITES),
        ("tool/core.py", "__import__(f'{name}.tests.x')\n", SUITES),
        ("tool/core.py", "print 'tests'\n", SUITES),
        ("tool/deep/more/x.py", "open(os.path.join(HERE, '..', 'tests'))\n", SUITES),
        # These name it without reading it.
        ("tool/core.py", '"""See tests/test_core.py and tool.deep.tests."""\n', set()),
        ("tool/core.py", "SKIPPED = {'tests', 'docs'}\n", set()),
        ("tool/conftest.py", "import tool.deep.tests.data\n", set()),
    ],
)
def test_suites_that_something_names_stay(
    tmp_path: Path, path: str, text: str, stays: set[str]
) -> None:
    assert left_out(tmp_path, {**PACKAGE, path: text}) == SUITES - stays


def test_a_path_means_what_lies_around_it(tmp_path: Path) -> None:
    files = {
        "tool/__init__.py": "",
        "tool/one/__init__.py": "",
        "tool/one/reader.py": "open(HERE / 'tests')\n",
        "tool/one/tests/a.py": "",
        "tool/tests/b.py": "",
        "tool/other/__init__.py": "",
        "tool/other/tests/c.py": "",
    }
    assert left_out(tmp_path, files) == {"tool/other/tests/c.py"}


def test_what_is_no_suite_stays(tmp_path: Path) -> None:
    files = {
        "tests/test_at_the_top.py": "",
        "django/__init__.py": "",
        "django/test/client.py": "",
        "numpy/__init__.py": "",
        "numpy/testing/__init__.py": "",
        "data/tests/no_package.csv": "",
        "share/doc/tests/x": "",
    }
    assert left_out(tmp_path, files) == set()


def test_sources_beside_what_they_were_compiled_to(tmp_path: Path) -> None:
    files = {
        "fast/__init__.py": "",
        "fast/core.cpython-311-x86_64-linux-gnu.so": "",
        "fast/core.pyx": "",
        "fast/core.pxd": "",
        "fast/core.c": "",
        "fast/core.h": "",
        "fast/template.c": "",
        "fast/other.pyx": "",
        "fast/core.pyi": "",
        "fast/lib/libx.a": "",
    }
    gone = {"core.pyx", "core.pxd", "core.c"}
    assert left_out(tmp_path, files) == {f"fast/{name}" for name in gone}


@pytest.mark.parametrize(
    ("keep", "stays"),
    [("tool", SUITES), ("**", SUITES), ("tool/deep/tests/", {"tool/deep/tests/data.py"})],
)
def test_keep(tmp_path: Path, keep: str, stays: set[str]) -> None:
    assert left_out(tmp_path, PACKAGE, (keep,)) == SUITES - stays


def test_the_list_of_it(tmp_path: Path) -> None:
    left_out(tmp_path / "once", PACKAGE, ("**",))
    (entry,) = unused.remove(tmp_path / "once", (), Store(tmp_path / "store"))
    assert entry.content is not None
    size = len(PACKAGE["tool/tests/test_core.py"])
    assert json.loads(read(entry.content)) == {"tool": {"tests": [3, size]}}
    assert list(unused.remove(tmp_path / "once", (), Store(tmp_path / "store"))) == []
