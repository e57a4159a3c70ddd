from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rockery.errors import ProjectError, UsageError
from rockery.extension import (
    dump_yaml,
    expand,
    initialise,
    load_definition,
    names,
    profiles,
)
from rockery.extension.merging import merged
from rockery.extension.profile import name_from
from rockery.project import load, schema

APP = "from flask import Flask\napp = Flask(__name__)\n"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "requirements.txt").write_text("flask\n")
    return folder


def test_the_tour_expands_to_a_valid_file(project: Path) -> None:
    path = initialise(project, "flask-framework")
    assert path == project / "rockcraft.yaml"
    expansion = expand(load(project))
    rock = schema.validate(expansion.data, expansion.where)
    assert (rock.name, rock.version, rock.base) == ("hello", "0.1", "bare")
    assert rock.services["flask"].command is not None
    assert "'app:app' -k [ sync ]" in rock.services["flask"].command


def test_what_is_expanded_expands_to_itself(project: Path) -> None:
    initialise(project, "flask-framework")
    once = dump_yaml(expand(load(project)).data)
    (project / "rockcraft.yaml").write_text(once)
    again = expand(load(project))
    assert dump_yaml(again.data) == once
    assert "extensions" not in yaml.safe_load(once)


def test_positions_are_the_users_or_the_extensions_declaration(project: Path) -> None:
    path = initialise(project, "flask-framework")
    path.write_text(
        path.read_text() + "parts:\n  flask-framework.install-app:\n    prime: [flask/app/app.py]\n"
    )
    expansion = expand(load(project))
    lines = path.read_text().splitlines()
    at = expansion.where("parts", "flask-framework/install-app", "prime")
    assert "prime" in lines[(at.line or 0) - 1]
    assert not lines[(at.line or 0) - 1].startswith("#")
    at = expansion.where("services", "flask", "command")
    assert "- flask-framework" in lines[(at.line or 0) - 1]


def test_the_expansion_is_a_pure_function_of_the_files(project: Path, tmp_path: Path) -> None:
    initialise(project, "flask-framework")
    other = tmp_path / "elsewhere" / "hello"
    other.parent.mkdir()
    project.rename(other)
    first = dump_yaml(expand(load(other)).data)
    assert str(tmp_path) not in first
    assert first == dump_yaml(expand(load(other)).data)


def test_heavy_modules_are_not_imported(project: Path) -> None:
    initialise(project, "flask-framework")
    code = (
        "import sys, pathlib; from rockery.project import load; "
        "from rockery.extension import expand; expand(load(pathlib.Path(sys.argv[1]))); "
        "print([m for m in ('docker', 'rich', 'requests', 'craft_parts') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, project],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("extension", "user", "expected"),
    [
        (["a", "b"], ["b", "c"], ["a", "b", "c"]),
        ([{"a": 1}], [{"a": 1}], [{"a": 1}, {"a": 1}]),
        ({"a": 1, "b": [1]}, {"b": [2], "c": 3}, {"a": 1, "b": [1, 2], "c": 3}),
        ("x", "y", "y"),
        ("x", None, "x"),
        (["x"], "y", "y"),
        (True, False, False),
    ],
)
def test_merging_is_rockcrafts(extension: Any, user: Any, expected: Any) -> None:
    assert merged(extension, user) == expected


def test_definitions_are_found_by_name(tmp_path: Path) -> None:
    assert names() == ("fastapi-framework", "flask-framework")
    assert load_definition("flask-framework").service == "flask"
    with pytest.raises(ProjectError, match="did you mean 'flask-framework'"):
        load_definition("flask-framewrok")
    own = tmp_path / "rockery-extensions" / "mine"
    own.mkdir(parents=True)
    (own / "extension.yaml").write_text("service: x\nentrypont: {}\n")
    assert "mine" in names(tmp_path)
    with pytest.raises(ProjectError) as caught:
        load_definition("mine", tmp_path)
    said = [f"{problem.where}: {problem.message}" for problem in caught.value.problems]
    assert any("extension.yaml:2:1" in line and "entrypont" in line for line in said)
    assert any("'snippet'" in line for line in said)


def test_a_snippet_reaches_nothing_but_its_values(project: Path) -> None:
    own = project / "rockery-extensions" / "mine"
    own.mkdir(parents=True)
    definition = (
        "summary: x\nservice: x\napp: x/app\n"
        "entrypoint: {interface: wsgi, constructors: [flask.Flask], names: [app]}\n"
        "snippet: |\n  name: {{ SNIPPET }}\n"
    )
    path = initialise(project, "flask-framework")
    path.write_text(path.read_text().replace("- flask-framework", "- mine"))
    for snippet in (
        "name.__class__.__mro__",
        "missing",
        "1 / 0",
        "cycler.__init__.__globals__",
        "'",
    ):
        (own / "extension.yaml").write_text(definition.replace("SNIPPET", snippet))
        with pytest.raises(ProjectError, match="cannot render the snippet"):
            expand(load(project))


def test_a_broken_pyproject_is_said_with_its_place(project: Path) -> None:
    initialise(project, "flask-framework")
    (project / "pyproject.toml").write_text("[tool\n")
    with pytest.raises(ProjectError) as caught:
        expand(load(project))
    assert [str(problem.where) for problem in caught.value.problems] == ["pyproject.toml:1:6"]


def test_init_overwrites_nothing(project: Path) -> None:
    initialise(project, "fastapi-framework")
    with pytest.raises(ProjectError, match="there is one already"):
        initialise(project, "flask-framework")
    assert "fastapi-framework" in (project / "rockcraft.yaml").read_text()


def test_init_refuses_what_it_does_not_know(project: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'flask-framework'"):
        initialise(project, "flask-framwork")
    with pytest.raises(UsageError, match="cannot name a rock 'My App'"):
        initialise(project, "flask-framework", "My App")
    assert not (project / "rockcraft.yaml").exists()


@pytest.mark.parametrize("profile", profiles())
def test_every_profile_gives_a_valid_file(tmp_path: Path, profile: str) -> None:
    initialise(tmp_path, profile, "demo")
    assert load(tmp_path).data["extensions"] == [profile]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("hello", "hello"), ("My_App 2", "my-app-2"), ("--x--", "x"), ("2024", "app-2024"),
     ("---", "app"), ("é", "app"), ("a" * 60, "a" * 40)],
)  # fmt: skip
def test_names_come_from_folders(text: str, expected: str) -> None:
    assert name_from(text) == expected


def add_on(folder: Path, name: str, snippet: str) -> None:
    own = folder / "rockery-extensions" / name
    own.mkdir(parents=True)
    (own / "extension.yaml").write_text(f"summary: x\nsnippet: |\n{snippet}")


def test_extensions_without_an_application_merge_with_others(project: Path) -> None:
    path = initialise(project, "flask-framework")
    add_on(project, "redis", "  services:\n    redis:\n      command: /usr/bin/redis {{ name }}\n")
    add_on(project, "ours", "  services:\n    flask:\n      environment: {TEAM: web}\n")
    path.write_text(
        path.read_text().replace("  - flask-framework", "  - redis\n  - flask-framework\n  - ours")
    )
    data = expand(load(project)).data
    assert data["services"]["redis"]["command"] == "/usr/bin/redis hello"
    assert data["services"]["flask"]["environment"] == {"TEAM": "web"}
    assert "rock-gunicorn" in data["services"]["flask"]["command"]


def test_extensions_that_differ_are_refused_with_the_value(project: Path) -> None:
    path = initialise(project, "flask-framework")
    add_on(project, "ours", "  services:\n    flask:\n      command: mine\n")
    path.write_text(
        path.read_text().replace("  - flask-framework", "  - flask-framework\n  - ours")
    )
    with pytest.raises(ProjectError) as error:
        expand(load(project))
    (problem,) = error.value.problems
    assert problem.code == "conflicting-extensions"
    assert problem.message == (
        "cannot use 'ours' beside 'flask-framework': they set 'services.flask.command' to "
        "different values"
    )
