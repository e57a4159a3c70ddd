"""What ``init`` proposes: the profile, the base, packages, workers, a build step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from rockery.errors import Location, ProjectError
from rockery.extension import expand, initialise, profiles
from rockery.extension.profile import name_of, release_of
from rockery.extension.proposal import choose
from rockery.project import load, schema
from rockery.project.python import Wish

FLASK = {
    "app.py": "from flask import Flask\napp = Flask(__name__)\n",
    "requirements.txt": "flask\n",
}
FASTAPI = {
    "app/__init__.py": "",
    "app/main.py": "from fastapi import FastAPI\napp = FastAPI()\n",
    "pyproject.toml": "[project]\nname = 'My_Shop'\nversion = '1'\ndependencies = ['fastapi']\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    project = folder / "some_project"
    project.mkdir()
    for name, text in files.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    return project


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "debian@12"),
        ('NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\n', "ubuntu@24.04"),
        ("ID=fedora\nVERSION_ID=41\n", "fedora@41"),
    ],
)
def test_the_hosts_release(tmp_path: Path, text: str, release: str) -> None:
    (tmp_path / "os-release").write_text(text)
    assert release_of(tmp_path / "os-release") == release
    assert release_of(tmp_path / "none") == ""


def wish(specifier: str, *, firm: bool = True) -> Wish:
    return Wish(specifier, "x", Location("x"), firm)


@pytest.mark.parametrize(
    ("wanted", "host", "base"),
    [
        ([], "debian@12", "debian@13"),
        ([], "ubuntu@22.04", "ubuntu@24.04"),
        ([], "ubuntu@26.04", "ubuntu@26.04"),
        ([], "fedora@41", "debian@13"),
        ([wish("<3.13")], "debian@13", "debian@12"),
        ([wish("==3.11.*", firm=False)], "debian@13", "debian@12"),
        ([wish("==3.12.*")], "debian@12", "ubuntu@24.04"),
        ([wish(">=3.9"), wish("==3.7.*", firm=False)], "debian@12", "debian@13"),
        ([wish("==3.7.*")], "debian@12", "debian@13"),
    ],
)
def test_the_newest_of_the_hosts_distribution_that_suits(
    wanted: list[Wish], host: str, base: str
) -> None:
    assert choose(wanted, host)[0] == base


def test_packages_without_wheels_count_against_a_base() -> None:
    def trial(requirements: tuple[str, ...], python: str) -> frozenset[str] | None:
        assert requirements == ("numpy==1.26", "psycopg2")
        return frozenset({"psycopg2"} | ({"numpy"} if python == "3.13" else set()))

    base, because = choose([], "debian@12", ("numpy==1.26", "psycopg2"), trial)
    assert (base, because) == ("debian@12", "not debian@13: numpy has no wheel for Python 3.13")
    assert choose([], "debian@12", ("x",), lambda *_: None)[0] == "debian@13"
    assert choose([], "debian@12", ("x",), lambda *_: frozenset({"x"}))[0] == "debian@13"


@pytest.mark.parametrize(
    ("files", "profile"), [(FLASK, "flask-framework"), (FASTAPI, "fastapi-framework")]
)
def test_the_profile_that_fits(tmp_path: Path, files: dict[str, str], profile: str) -> None:
    project = write(tmp_path, files)
    initialise(project)
    expansion = expand(load(project))
    schema.validate(expansion.data, expansion.where)
    assert [each.name for each in expansion.definitions] == [profile]


def test_no_profile_fits(tmp_path: Path) -> None:
    project = write(tmp_path, {"main.go": ""})
    with pytest.raises(ProjectError) as error:
        initialise(project)
    (problem,) = error.value.problems
    assert problem.message == "cannot tell the framework: no profile fits"
    assert any(line.startswith("flask-framework: cannot tell what") for line in problem.details)
    assert problem.details[-1] == "there is main.go"
    assert not (project / "rockcraft.yaml").exists()


def test_the_name_is_the_projects_own(tmp_path: Path) -> None:
    assert name_of(write(tmp_path, FASTAPI)) == "my-shop"
    (tmp_path / "other").mkdir()
    assert name_of(write(tmp_path / "other", FLASK)) == "some-project"


@pytest.mark.parametrize("profile", profiles())
def test_all_of_it_is_a_valid_file(tmp_path: Path, profile: str) -> None:
    files = FLASK if profile == "flask-framework" else FASTAPI
    extra = {
        "requirements.txt": f"{profile.split('-')[0]}\npsycopg2\ncelery\npdf2image\n",
        "Procfile": "web: x\nworker: celery -A app worker\nmail_worker: python jobs.py\n"
        "other-worker: bin/work $QUEUE\n",
        "package.json": '{"scripts": {"build": "vite build"}}',
        "yarn.lock": "",
    }
    project = write(tmp_path, {**files, **extra})
    path = initialise(project, profile)
    text = path.read_text()
    data = yaml.safe_load(text)
    assert set(data["services"]) == {"app-worker", "mail-worker"}
    assert data["services"]["app-worker"]["command"] == "celery -A app worker"
    assert data["services"]["mail-worker"]["command"] == "python3 jobs.py"
    assert "#   other-worker:" in text
    assert data["parts"][f"{profile}/runtime"]["stage-packages"] == ["libpq5", "poppler-utils"]
    assert "#       yarn install --frozen-lockfile" in text
    expansion = expand(load(project))
    schema.validate(expansion.data, expansion.where)
    (project / "rockcraft.yaml").write_text(uncommented(text))
    expansion = expand(load(project))
    schema.validate(expansion.data, expansion.where)
    assert "other-worker" in expansion.data["services"]
    assert "front" in expansion.data["parts"]


def blocks(text: str) -> list[list[int]]:
    """Give the lines, from 0, of each proposal: commented YAML between blank lines or others."""
    found: list[list[int]] = [[]]
    for number, line in enumerate(text.splitlines()):
        if line.startswith("# ") and (found[-1] or re.match(r"# +[\w./-]+:( |$)|#  +# ", line)):
            found[-1].append(number)
        elif found[-1]:
            found.append([])
    return [block for block in found if block]


def uncommented(text: str, which: list[list[int]] | None = None) -> str:
    lines = text.splitlines()
    for number in (number for block in which or blocks(text) for number in block):
        lines[number] = lines[number][2:]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("profile", profiles())
@pytest.mark.parametrize("packages", ["", "psycopg2\n"])
@pytest.mark.parametrize("front", [False, True])
@pytest.mark.parametrize(
    "procfile", ["", "odd-worker: a | b\n", "worker: python x.py\nodd-worker: a | b"]
)
def test_each_proposal_can_be_uncommented(
    tmp_path: Path, profile: str, packages: str, front: bool, procfile: str
) -> None:
    files = dict(FLASK if profile == "flask-framework" else FASTAPI)
    files["requirements.txt"] = f"{profile.split('-')[0]}\n{packages}"
    files["Procfile"] = procfile
    if front:
        files["package.json"] = '{"scripts": {"build": "vite build && echo \'# done\'"}}'
    project = write(tmp_path, files)
    path = initialise(project, profile)
    text = path.read_text()
    found = blocks(text)
    assert len(found) == 1 + bool(packages and front) + bool("odd" in procfile)
    for which in [*([block] for block in found), found]:
        path.write_text(uncommented(text, which))
        expansion = expand(load(project))  # refuses a key that is there twice
        schema.validate(expansion.data, expansion.where)
        changed = yaml.safe_load(path.read_text())
        assert changed != yaml.safe_load(text)
        assert None not in (changed.get("parts", {}), changed.get("services", {}))
        assert "unmatched-entry" not in {note.code for note in expansion.notes}


def test_the_files_that_are_there_are_proposed(tmp_path: Path) -> None:
    project = write(tmp_path, {**FASTAPI, "data.py": "", "README.md": "", "tests/test_x.py": ""})
    path = initialise(project)
    path.write_text(uncommented(path.read_text()))
    prime = yaml.safe_load(path.read_text())["parts"]["fastapi-framework/install-app"]["prime"]
    assert prime == ["fastapi/app/app", "fastapi/app/data.py"]


def test_version_and_summary_are_the_projects_own(tmp_path: Path) -> None:
    said = "[project]\nname = 'shop'\ndependencies = ['flask']\n"
    whole = f'It\'s "a shop": {"é" * 80} and more'
    text = whole.replace(" and", "\\n and")
    told = f'{said}version = \'2.0.1\'\ndescription = """{text}"""\n'
    project = write(tmp_path, {**FLASK, "pyproject.toml": told})
    project.joinpath("requirements.txt").unlink()
    path = initialise(project)
    data = yaml.safe_load(path.read_text())
    schema.validate(expand(load(project)).data, load(project).where)
    assert data["version"] == "2.0.1"
    assert (data["summary"], data["description"]) == (whole[:78], f"{whole}\n")


@pytest.mark.parametrize(
    "said", ["version = 'nö'", "version = 1", "dynamic = ['version']", "description = ['x']"]
)
def test_what_cannot_be_a_version_or_summary_is_no_matter(tmp_path: Path, said: str) -> None:
    project = write(tmp_path, {**FLASK, "pyproject.toml": f"[project]\nname = 'shop'\n{said}\n"})
    data = yaml.safe_load(initialise(project, "flask-framework").read_text())
    assert (data["version"], data["summary"]) == ("0.1", "A Flask app")


def test_an_app_in_a_subfolder_is_pointed_to(tmp_path: Path) -> None:
    below = {f"backend/{name}": text for name, text in FASTAPI.items()}
    project = write(tmp_path, {**below, "frontend/package.json": "{}", "README.md": ""})
    with pytest.raises(ProjectError) as error:
        initialise(project)
    assert error.value.problems[0].remedy == "the app is in backend: try '-C backend'"
    for name, text in FLASK.items():
        (project / "admin").mkdir(exist_ok=True)
        (project / "admin" / name).write_text(text)
    with pytest.raises(ProjectError) as error:
        initialise(project)
    assert error.value.problems[0].remedy == (
        "there are apps in admin, backend: choose one, such as '-C admin'"
    )
    assert not (project / "rockcraft.yaml").exists()


def test_nothing_is_overwritten_and_broken_files_are_no_matter(tmp_path: Path) -> None:
    project = write(
        tmp_path, {**FLASK, "package.json": "{", "pyproject.toml": "x", "Procfile": "\0"}
    )
    path = initialise(project, "flask-framework")
    before = path.read_text()
    with pytest.raises(ProjectError, match="there is one already"):
        initialise(project, "flask-framework")
    assert path.read_text() == before
