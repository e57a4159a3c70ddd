"""Which of a project's files says what it needs, and what a lock expands to."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from rockery.errors import ProjectError
from rockery.extension import expand
from rockery.extension.expansion import Expansion
from rockery.project import load, schema

PYPROJECT = """
[project]
name = "hello"
version = "1"
requires-python = ">=3.11"
dependencies = ["flask"]
[project.optional-dependencies]
async = ["gevent>=24"]
[dependency-groups]
prod = ["gunicorn==22.0", {include-group = "more"}]
more = ["redis"]
dev = ["uvicorn", "gunicorn"]
"""

UV = """
version = 1
requires-python = ">=3.11"
[[package]]
name = "hello"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "flask" }, { name = "tool", marker = "sys_platform == 'win32'" }]
[package.optional-dependencies]
async = [{ name = "gevent" }]
[package.dev-dependencies]
prod = [{ name = "gunicorn" }]
dev = [{ name = "gunicorn" }]
[[package]]
name = "flask"
version = "3"
dependencies = [{ name = "werkzeug" }]
[[package]]
name = "werkzeug"
version = "3"
[[package]]
name = "gevent"
version = "24"
[[package]]
name = "gunicorn"
version = "22"
[[package]]
name = "tool"
version = "1"
dependencies = [{ name = "gevent" }]
"""

POETRY = """
[[package]]
name = "Flask"
version = "3"
groups = ["main"]
[[package]]
name = "gevent"
version = "24"
groups = ["prod"]
[[package]]
name = "gunicorn"
version = "24"
groups = ["main", "prod"]
markers = {main = "sys_platform == 'win32'"}
[metadata]
lock-version = "2.1"
python-versions = "^3.11"
"""

POETRY_PROJECT = """
[tool.poetry.dependencies]
python = "^3.11"
flask = "^3"
[tool.poetry.group.prod.dependencies]
gevent = "*"
"""

PIPFILE = json.dumps(
    {
        "_meta": {"requires": {"python_version": "3.11"}},
        "default": {
            "flask": {"version": "==3.0"},
            "gevent": {"version": "==24.1", "markers": "sys_platform == 'win32'"},
        },
        "develop": {"gevent": {"version": "==24.1"}},
    }
)

PYLOCK = """
lock-version = "1.0"
[[packages]]
name = "flask"
version = "3"
[[packages]]
name = "gevent"
version = "24"
"""


def expansion(folder: Path, files: dict[str, str], part: dict[str, Any] | None = None) -> Expansion:
    for name, text in {"app.py": "from flask import Flask\napp = Flask('x')\n", **files}.items():
        (folder / name).write_text(textwrap.dedent(text))
    data: dict[str, Any] = {
        "name": "hello",
        "version": "1",
        "base": "bare",
        "build-base": "debian@12",
        "platforms": {"amd64": None},
        "extensions": ["flask-framework"],
    }
    if part:
        data["parts"] = {"flask-framework/dependencies": part}
    (folder / "rockcraft.yaml").write_text(yaml.safe_dump(data))
    done = expand(load(folder))
    schema.validate(done.data, done.where)
    return done


def part_of(done: Expansion, name: str = "dependencies") -> Any:
    return done.data["parts"].get(f"flask-framework/{name}")


def worker(done: Expansion) -> str:
    return str(done.data["services"]["flask"]["command"]).split("[ ")[1].split(" ]")[0]


def notes(done: Expansion, code: str) -> list[str]:
    return [note.message for note in done.notes if note.code == code]


def refused(
    folder: Path, files: dict[str, str], part: dict[str, Any] | None = None
) -> ProjectError:
    with pytest.raises(ProjectError) as error:
        expansion(folder, files, part)
    return error.value


def test_requirements_txt_is_installed_with_the_server(tmp_path: Path) -> None:
    done = expansion(tmp_path, {"requirements.txt": "flask\n"})
    assert part_of(done) == {
        "plugin": "python",
        "source": ".",
        "python-packages": ["gunicorn>=20.1"],
        "python-requirements": ["requirements.txt"],
    }
    assert part_of(done, "server") is None


def test_uv_lock(tmp_path: Path) -> None:
    done = expansion(tmp_path, {"pyproject.toml": PYPROJECT, "uv.lock": UV})
    assert part_of(done) == {"plugin": "uv", "source": "."}
    assert part_of(done, "server") == {
        "plugin": "python",
        "source": ".",
        "python-packages": ["gunicorn>=20.1"],
    }
    assert worker(done) == "sync", "gevent is in an extra, and behind a marker of Windows"
    assert notes(done, "unused-group") == [
        "the extra 'async' holds gevent and is not installed",
        "the group 'prod' holds gunicorn and is not installed",
    ]


@pytest.mark.parametrize("where", ["part", "settings"])
def test_extras_and_groups_of_uv(tmp_path: Path, where: str) -> None:
    files = {"pyproject.toml": PYPROJECT, "uv.lock": UV}
    part = {"uv-extras": ["async"], "uv-groups": ["prod"]}
    if where == "settings":
        files["pyproject.toml"] += "[tool.rockery]\nextras = ['async']\ngroups = ['prod']\n"
        part = {}
    done = expansion(tmp_path, files, part)
    assert part_of(done) == {
        "plugin": "uv",
        "source": ".",
        "uv-extras": ["async"],
        "uv-groups": ["prod"],
    }
    assert worker(done) == "gevent"
    assert part_of(done, "server")["python-packages"] == ["gunicorn[gevent]>=20.1"]
    assert not notes(done, "unused-group")


def test_what_uv_does_not_know_goes_to_the_server(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "uv.lock": UV, "pins.txt": ""}
    part = {"python-packages": ["statsd"], "python-constraints": ["pins.txt"]}
    done = expansion(tmp_path, files, part)
    assert part_of(done) == {"plugin": "uv", "source": "."}
    assert part_of(done, "server")["python-packages"] == ["gunicorn>=20.1", "statsd"]
    assert part_of(done, "server")["python-constraints"] == ["pins.txt"]
    where = done.where("parts", "flask-framework/server", "python-constraints")
    lines = (tmp_path / "rockcraft.yaml").read_text().splitlines()
    assert "python-constraints" in lines[(where.line or 0) - 1]


def test_an_unknown_group_is_refused_with_the_nearest(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "uv.lock": UV}
    (problem,) = refused(tmp_path, files, {"uv-groups": ["prd"]}).problems
    assert problem.message == (
        "cannot install the group 'prd': uv.lock has none of that name; did you mean 'prod'?"
    )
    assert problem.where is not None
    assert problem.where.file == "rockcraft.yaml"


def test_poetry_lock(tmp_path: Path) -> None:
    files = {"pyproject.toml": POETRY_PROJECT, "poetry.lock": POETRY}
    done = expansion(tmp_path, files)
    assert part_of(done) == {"plugin": "poetry", "source": "."}
    assert worker(done) == "sync"
    assert notes(done, "unused-group") == ["the group 'prod' holds gevent and is not installed"]
    done = expansion(tmp_path, files, {"poetry-with": ["prod"]})
    assert part_of(done)["poetry-with"] == ["prod"]
    assert worker(done) == "gevent"


def test_poetry_lock_of_old(tmp_path: Path) -> None:
    old = """
    [[package]]
    name = "flask"
    version = "3"
    category = "main"
    [package.dependencies]
    Werkzeug = ">=3"
    [package.dependencies.gevent]
    version = "*"
    optional = true
    [[package]]
    name = "werkzeug"
    version = "3"
    [[package]]
    name = "gevent"
    version = "24"
    """
    files = {"pyproject.toml": POETRY_PROJECT, "poetry.lock": old}
    assert worker(expansion(tmp_path, files)) == "sync"
    done = expansion(tmp_path, files, {"poetry-with": ["prod"]})
    assert worker(done) == "gevent"


@pytest.mark.parametrize(
    ("file", "text", "used"),
    [("pylock.toml", PYLOCK, "gevent"), ("Pipfile.lock", PIPFILE, "sync")],
)
def test_locks_that_pip_reads(tmp_path: Path, file: str, text: str, used: str) -> None:
    done = expansion(tmp_path, {file: text})
    part = part_of(done)
    assert (part["plugin"], part["python-requirements"]) == ("python", [file])
    assert part_of(done, "server") is None
    assert worker(done) == used


def test_a_lock_comes_before_other_files_which_are_named(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "uv.lock": UV, "requirements.txt": "flask\n"}
    done = expansion(tmp_path, files)
    assert part_of(done)["plugin"] == "uv"
    assert notes(done, "ignored-source") == [
        "requirements.txt is not used: packages come from uv.lock"
    ]


def test_a_lock_without_the_framework_is_for_something_else(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.poetry.dependencies]\nblack = '*'\n",
        "poetry.lock": '[[package]]\nname = "black"\nversion = "24"\ngroups = ["main"]\n',
        "requirements.txt": "flask\n",
    }
    done = expansion(tmp_path, files)
    assert part_of(done)["plugin"] == "python"
    assert notes(done, "ignored-source") == ["poetry.lock is not used: it holds no flask"]


def test_two_locks_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "uv.lock": UV, "Pipfile.lock": PIPFILE}
    (problem,) = refused(tmp_path, files).problems
    assert (problem.code, problem.message) == (
        "competing-locks",
        "cannot tell which packages the project needs: uv.lock and Pipfile.lock compete",
    )
    assert problem.remedy is not None
    assert "plugin: uv or python-requirements: [Pipfile.lock]" in problem.remedy
    chosen = expansion(tmp_path, files, {"plugin": "uv"})
    assert part_of(chosen)["plugin"] == "uv"
    chosen = expansion(tmp_path, files, {"python-requirements": ["Pipfile.lock"]})
    assert part_of(chosen)["python-requirements"] == ["Pipfile.lock"]
    assert notes(chosen, "ignored-source") == [
        "uv.lock is not used: packages come from Pipfile.lock"
    ]


def test_requirements_of_the_users_own_come_before_a_lock(tmp_path: Path) -> None:
    files = {"pyproject.toml": PYPROJECT, "uv.lock": UV, "prod.txt": "flask\ngevent\n"}
    done = expansion(tmp_path, files, {"python-requirements": ["prod.txt"]})
    assert part_of(done)["plugin"] == "python"
    assert worker(done) == "gevent"


def test_a_lock_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, {"pyproject.toml": PYPROJECT}, {"uv-groups": ["prod"]}).problems
    assert (problem.code, problem.remedy) == ("missing-lock", "write it with 'uv lock'")


def test_groups_of_a_project_without_a_lock(tmp_path: Path) -> None:
    chosen = PYPROJECT + "[tool.rockery]\ngroups = ['prod']\n"
    done = expansion(tmp_path, {"pyproject.toml": chosen})
    assert part_of(done)["python-packages"] == ["gunicorn>=20.1", "gunicorn==22.0", "redis"]
    assert notes(done, "unused-group") == ["the extra 'async' holds gevent and is not installed"]
    chosen = PYPROJECT + "[tool.rockery]\nextras = ['asynch']\n"
    (problem,) = refused(tmp_path, {"pyproject.toml": chosen}).problems
    assert "did you mean 'async'?" in problem.message


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("uv.lock", "x"),
        ("uv.lock", "package = 1"),
        ("uv.lock", "[[package]]\nversion = '1'"),
        ("poetry.lock", "[[package]]\nname = 1\ngroups = ['main']"),
        ("pylock.toml", "packages = [1]"),
        ("Pipfile.lock", "[]"),
        ("Pipfile.lock", '{"default": {"flask": 1}}'),
        ("Pipfile.lock", "[" * 100_000),
        ("pylock.toml", "x = " + "[" * 100_000),
    ],
)
def test_a_broken_lock_is_one_clear_error(tmp_path: Path, file: str, text: str) -> None:
    error = refused(tmp_path, {"pyproject.toml": PYPROJECT, file: text})
    assert {problem.code for problem in error.problems} == {"broken-lock"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("entrypiont = 'a:b'", "there is no such setting; did you mean 'entrypoint'?"),
        ("groups = 'prod'", "it needs a list of texts"),
        ("keep = 'numpy'", "it needs a list of texts"),
        ("entrypoint = 1", "it needs a text"),
    ],
)
def test_settings_are_checked(tmp_path: Path, text: str, message: str) -> None:
    files = {"requirements.txt": "flask\n", "rockery.toml": f"{text}\n"}
    (problem,) = refused(tmp_path, files).problems
    assert message in problem.message
    assert str(problem.where) == "rockery.toml:1:1"


def test_ignored_by_the_settings(tmp_path: Path) -> None:
    files = {"requirements.txt": "flask\n", "data.bin": "", "rockery.toml": "ignore = ['*.bin']"}
    done = expansion(tmp_path, files)
    assert "data.bin" not in part_of(done, "install-app")["organize"]
