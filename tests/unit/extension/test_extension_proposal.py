"""What ``init`` proposes: the profile, the base, packages, workers, a build step."""

from __future__ import annotations

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
    # Without its first comment sign, what is only guessed is valid too.
    guessed = text.replace("# parts:\n#   front", "#   front")
    for line in ("front", "other-worker"):
        guessed = uncommented(guessed, line)
    (project / "rockcraft.yaml").write_text(guessed)
    expansion = expand(load(project))
    schema.validate(expansion.data, expansion.where)
    assert "other-worker" in expansion.data["services"]


def uncommented(text: str, name: str) -> str:
    """Remove the comment signs of the block that starts with ``name``, and put it in its place."""
    lines = text.splitlines()
    start = lines.index(f"#   {name}:")
    end = next(n for n in range(start + 1, len(lines)) if not lines[n].startswith("#     "))
    block = [line[2:] for line in lines[start:end]]
    rest = lines[:start] + lines[end:]
    section = "services:" if name.endswith("worker") else "parts:"
    at = rest.index(section) + 1
    return "\n".join(rest[:at] + block + rest[at:]) + "\n"


def test_nothing_is_overwritten_and_broken_files_are_no_matter(tmp_path: Path) -> None:
    project = write(
        tmp_path, {**FLASK, "package.json": "{", "pyproject.toml": "x", "Procfile": "\0"}
    )
    path = initialise(project, "flask-framework")
    before = path.read_text()
    with pytest.raises(ProjectError, match="there is one already"):
        initialise(project, "flask-framework")
    assert path.read_text() == before
