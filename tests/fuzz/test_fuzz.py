"""Broken and hostile projects are borne, in a bounded run; ``fuzz.py`` goes on for longer."""

from __future__ import annotations

from pathlib import Path

import fuzz
import hostile
import mutation
import pytest

#: What once took minutes or gigabytes, or comes nearest to a bound; --soak gives all.
WORST = {
    "yaml-many-keys", "yaml-deep-flow", "yaml-laughs", "yaml-globs",
    "requirements-versions", "requirements-bad", "requirements-latin", "requirements-extras",
    "python-parentheses", "python-applications", "python-sum", "python-flask-views",
    "toml-dependencies", "toml-dotted", "toml-group-fan", "toml-groups",
    "lock-uv-diamonds", "lock-pipfile-deep",
    "other-ignore-stars", "other-procfile-colons",
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in WORST else pytest.mark.soak)
        for name in hostile.projects()
    ],
)
def test_a_hostile_project_is_borne(name: str, tmp_path: Path) -> None:
    mutation.write(hostile.projects()[name], tmp_path / "project")
    with fuzz.patient(tmp_path) as one:
        assert one.give(tmp_path / "project") == []


def test_the_hostile_projects_are_of_the_size_that_is_promised() -> None:
    for name, files in hostile.projects().items():
        assert all(len(content) <= 1_000_000 for content in files.values()), name  # type: ignore[arg-type]


def test_mutated_projects_are_borne(tmp_path: Path) -> None:
    with fuzz.patient(tmp_path) as one:
        assert fuzz.mutated(one, tmp_path, seed=1, seconds=30, most=150) > 0


def test_the_guard_sees_what_must_not_be(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder in (project, elsewhere):
        mutation.write({"rockcraft.yaml": b"name: x\n"}, folder)
    with fuzz.patient(tmp_path, ["list-extensions"]) as one:
        assert one.give(project) == []
    with fuzz.patient(tmp_path, ["check", "-C", str(elsewhere)]) as one:
        assert any("saw open" in each for each in one.give(project))
        assert one.give(project, alone=True) != []
        fine = {"statuses": [0], "said": "", "seen": [], "seconds": [0.1], "megabytes": 40}
        assert list(one.complaints(fine)) == []
        for what in (
            {"statuses": [70]},
            {"said": "Traceback"},
            {"seconds": [6]},
            {"megabytes": 201},
        ):
            assert len(list(one.complaints(fine | what))) == 1


SENTINEL = "open({path!r}, 'a').write('run')\n"


@pytest.mark.parametrize(
    "command", [["check"], ["expand-extensions"], ["migrate", "--write"], ["plan", "--offline"]]
)
def test_nothing_of_the_project_is_run(command: list[str], tmp_path: Path) -> None:
    project, sentinel = tmp_path / "project", tmp_path / "sentinel"
    code = SENTINEL.format(path=str(sentinel)).encode()
    application = b"from flask import Flask\n\napp = Flask(__name__)\n"
    files: mutation.Files = {
        "rockcraft.yaml": (mutation.CORPUS / "flask-plain/project/rockcraft.yaml").read_bytes(),
        "requirements.txt": b"flask\n-e .\n",
        "app.py": code + application,
        "setup.py": code + b"from setuptools import setup\n\nsetup(name='demo')\n",
    }
    names = ("sitecustomize", "usercustomize", "conftest", "yaml", "jinja2", "flask", "config")
    files |= {f"{name}.py": code for name in names}
    mutation.write(files, project)
    with fuzz.patient(tmp_path, command) as one:
        complaints = one.give(project)
    # Without a store, planning asks the system's package manager which mirrors it has.
    unexpected = [each for each in complaints if "apt" not in each and "statuses [74]" not in each]
    assert unexpected == [] or command[0] == "plan"
    assert not any("exec" in each and str(project) in each for each in complaints)
    assert not sentinel.exists()


@pytest.mark.parametrize(
    "name",
    ["requirements.txt", "pyproject.toml", "app.py", "rockery.toml", ".rockignore", ".flaskenv",
     "Procfile", "uv.lock", "Pipfile.lock", "setup.cfg", "rockcraft.yaml", ".python-version",
     "runtime.txt", "Dockerfile", "package.json", ".env", "rockery-extensions"],
)  # fmt: skip
def test_no_link_leads_out_of_the_project(name: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    files: mutation.Files = {
        "rockcraft.yaml": (mutation.CORPUS / "flask-plain/project/rockcraft.yaml").read_bytes(),
        "requirements.txt": b"flask\n",
        "app.py": b"from flask import Flask\n\napp = Flask(__name__)\n",
        "static/style.css": b"",
    }
    mutation.write({**files, name: Path("../outside/app.py")}, project)
    with fuzz.patient(tmp_path) as one:
        assert one.give(project) == []
    (project / name).unlink()
    (project / name).symlink_to("../outside")  # and one to a folder
    with fuzz.patient(tmp_path) as one:
        assert one.give(project) == []
