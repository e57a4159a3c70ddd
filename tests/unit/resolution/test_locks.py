"""Lock files, read as exact requirements with their hashes."""

from __future__ import annotations

from pathlib import Path

import pytest

from rockery.errors import ProjectError
from rockery.resolution import locks
from rockery.resolution.locks import Lock
from rockery.resolution.python import PythonTarget, _with_hashes

TARGET = PythonTarget(Path("/nonexistent"), "3.11", Path("/nonexistent"))

PYPROJECT = """
[tool.poetry]
name = "x"
[tool.poetry.dependencies]
python = "^3.11"
flask = {version = "3.0.3", extras = ["async"]}
psycopg2 = {version = "*", optional = true}
[tool.poetry.group.prod.dependencies]
gunicorn = "*"
[tool.poetry.group.dev.dependencies]
pytest = "*"
"""

OLD_POETRY = """
[[package]]
name = "Flask"
version = "3.0.3"
optional = false
files = [{file = "flask.whl", hash = "sha256:aa"}]
[package.dependencies]
Werkzeug = ">=3"
asgiref = {version = "*", optional = true, markers = "extra == 'async'"}
colorama = {version = "*", markers = "sys_platform == 'win32'"}
[package.extras]
async = ["asgiref (>=3.2)"]

[[package]]
name = "werkzeug"
version = "3.0"
files = [{file = "w.whl", hash = "sha256:bb"}]

[[package]]
name = "asgiref"
version = "3.8"
files = []

[[package]]
name = "colorama"
version = "1"
files = []

[[package]]
name = "gunicorn"
version = "23.0.0"
files = []

[[package]]
name = "pytest"
version = "8"
files = []

[[package]]
name = "psycopg2"
version = "2.9"
optional = true
files = []

[extras]
pg = ["psycopg2"]
"""

NEW_POETRY = """
[[package]]
name = "flask"
version = "3.0.3"
groups = ["main"]
files = [{file = "flask.whl", hash = "sha256:aa"}]

[[package]]
name = "tomli"
version = "2"
groups = ["main", "dev"]
markers = {main = "python_version < '3.11'", dev = "python_version < '3.12'"}
files = []

[[package]]
name = "pytest"
version = "8"
groups = ["dev"]
files = []

[[package]]
name = "mine"
version = "1"
groups = ["main"]
files = []
[package.source]
type = "git"
url = "https://example.invalid/mine.git"
resolved_reference = "abc"
"""


def _lines(folder: Path, lock: Lock) -> list[str]:
    return sorted(locks.read(lock, folder, TARGET).lines)


def test_an_old_poetry_lock_gives_what_the_main_group_leads_to(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "poetry.lock").write_text(OLD_POETRY)
    assert _lines(tmp_path, Lock("poetry", "poetry.lock")) == [
        "Flask==3.0.3",
        "asgiref==3.8",
        "werkzeug==3.0",
    ]


def test_groups_and_extras_of_a_poetry_lock_count_where_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "poetry.lock").write_text(OLD_POETRY)
    lock = Lock("poetry", "poetry.lock", extras=("pg",), groups=("prod",))
    assert {"gunicorn==23.0.0", "psycopg2==2.9"} <= set(_lines(tmp_path, lock))
    assert "pytest==8" not in _lines(tmp_path, lock)


def test_a_new_poetry_lock_says_its_groups_and_markers_itself(tmp_path: Path) -> None:
    (tmp_path / "poetry.lock").write_text(NEW_POETRY)
    assert _lines(tmp_path, Lock("poetry", "poetry.lock")) == [
        "flask==3.0.3",
        "mine @ git+https://example.invalid/mine.git@abc",
        "tomli==2 ; (python_version < '3.11')",
    ]


def test_a_pipfile_lock_gives_its_default_section(tmp_path: Path) -> None:
    (tmp_path / "Pipfile.lock").write_text(
        '{"default": {"flask": {"version": "==3.0.3", "hashes": ["sha256:aa"], "extras": '
        '["async"], "markers": "python_version >= \'3.8\'"}}, "develop": {"pytest": {}}}'
    )
    read = locks.read(Lock("pipfile", "Pipfile.lock"), tmp_path, TARGET)
    assert read.lines == ("flask[async]==3.0.3 ; python_version >= '3.8'",)
    assert read.hashes == {"flask": frozenset({"sha256:aa"})}


def test_a_pylock_gives_the_hashes_of_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(
        '[[packages]]\nname = "flask"\nversion = "3.0.3"\n'
        'sdist = {hashes = {sha256 = "aa"}}\nwheels = [{hashes = {sha256 = "bb"}}]\n'
    )
    read = locks.read(Lock("pylock", "pylock.toml"), tmp_path, TARGET)
    assert read.lines == ("flask==3.0.3",)
    assert read.hashes == {"flask": frozenset({"sha256:aa", "sha256:bb"})}


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("pipfile", "Pipfile.lock", "{"),
        ("pipfile", "Pipfile.lock", "[]"),
        ("pipfile", "Pipfile.lock", '{"default": {"x": {}}}'),
        ("pylock", "pylock.toml", "packages = 1"),
        ("pylock", "pylock.toml", '[[packages]]\nversion = "1"'),
        ("poetry", "poetry.lock", "[["),
    ],
)
def test_a_broken_lock_is_the_projects_fault(
    tmp_path: Path, kind: locks.Kind, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ProjectError, match=f"cannot read {name}") as raised:
        locks.read(Lock(kind, name), tmp_path, TARGET)
    assert raised.value.problems[0].remedy is not None


def test_the_hashes_of_a_lock_replace_those_of_the_index() -> None:
    click = "click==8 \\\n    --hash=sha256:33\n"
    text = f"flask==3 \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\n{click}"
    assert _with_hashes(text, {"flask": frozenset({"sha256:22"})}) == (
        f"flask==3 \\\n    --hash=sha256:22\n{click}"
    )
