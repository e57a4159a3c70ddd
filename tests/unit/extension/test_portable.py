"""The portable expansion: self-contained, in rockcraft's terms, with the same files."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rockery import rockcraft_plugin
from rockery.data import data_folder
from rockery.errors import ProjectError
from rockery.extension import dump_yaml, expand
from rockery.extension.portable import portable
from rockery.project import load, schema

APPS = {
    "flask-framework": ("flask", "from flask import Flask\napp = Flask(__name__)\n"),
    "fastapi-framework": ("fastapi", "from fastapi import FastAPI\napp = FastAPI()\n"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "hello"
    folder.mkdir()
    return folder


def written(folder: Path, name: str = "flask-framework", **changes: Any) -> Path:
    package, code = APPS[name]
    (folder / "app.py").write_text(code)
    (folder / "requirements.txt").write_text(f"{package}\n")
    data = {
        "name": "hello",
        "version": "1",
        "base": "bare",
        "build-base": "ubuntu@24.04",
        "platforms": {"amd64": None},
        "extensions": [name],
        **changes,
    }
    data = {key: value for key, value in data.items() if value is not None or key == "x"}
    (folder / "rockcraft.yaml").write_text(yaml.safe_dump(data))
    return folder


def made(folder: Path) -> dict[str, Any]:
    expansion = expand(load(folder))
    data = portable(expansion.data, expansion.where)
    schema.validate(data, expansion.where)
    return data


@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("base", ["bare", "ubuntu@22.04", "ubuntu@24.04"])
def test_nothing_of_this_machine_is_in_it(project: Path, name: str, base: str) -> None:
    build_base = "ubuntu@24.04" if base == "bare" else None
    text = dump_yaml(made(written(project, name, base=base, **{"build-base": build_base})))
    assert "ROCKERY_DATA" not in text
    for path in (str(data_folder("server").parent), str(project), str(Path.home())):
        assert f"{path}/" not in text


@pytest.mark.parametrize("name", APPS)
def test_the_scripts_write_the_files_of_the_parts(project: Path, tmp_path: Path, name: str) -> None:
    written(project, name)
    ordinary = expand(load(project)).data["parts"]
    embedded = made(project)["parts"]
    compared = 0
    for part, given in ordinary.items():
        if "$ROCKERY_DATA" not in str(given.get("source")):
            continue
        install = tmp_path / part.replace("/", "-")
        install.mkdir()
        # As craft-parts runs it.
        subprocess.run(
            ["bash", "-eu", "-c", embedded[part]["override-build"]],
            env={"PATH": os.environ["PATH"], "CRAFT_PART_INSTALL": str(install)},
            check=True,
        )
        source = data_folder(".") / given["source"].removeprefix("$ROCKERY_DATA/")
        moved = {new: old for old, new in given.get("organize", {}).items()}
        for file in (path for path in install.rglob("*") if path.is_file()):
            place = file.relative_to(install).as_posix()
            original = source / moved.get(place, place)
            text = original.read_text()
            assert file.read_text() == text.replace("#!/usr/bin/python3", "#!/bin/python3", 1)
            assert os.access(file, os.X_OK) == os.access(original, os.X_OK)
            compared += 1
        assert embedded[part].get("permissions") == given.get("permissions")
    assert compared > 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"build-base": "debian@12"}, "for debian@12: rockcraft packs on Ubuntu"),
        ({"base": "debian@13", "build-base": None}, "for debian@13: rockcraft packs on Ubuntu"),
    ],
)
def test_other_bases_are_refused(project: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ProjectError, match=message) as error:
        made(written(project, **changes))
    assert error.value.problems[0].code == "not-portable"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("Pipfile.lock", '{"default": {"flask": {"version": "==3"}}}'),
        ("pylock.toml", '[[packages]]\nname = "flask"\n'),
    ],
)
def test_locks_are_refused(project: Path, file: str, text: str) -> None:
    (written(project) / file).write_text(text)
    with pytest.raises(ProjectError, match=f"for {re.escape(file)}"):
        made(project)


def test_the_users_own_stays(project: Path) -> None:
    part = {"stage-packages": ["libpq5"], "python-packages": ["statsd"]}
    written(
        project,
        environment={"PEBBLE_VERBOSE": "0"},
        parts={"flask-framework/dependencies": part},
    )
    data = made(project)
    assert data["environment"] == {"PYTHONUNBUFFERED": "1", "PEBBLE_VERBOSE": "0"}
    dependencies = data["parts"]["flask-framework/dependencies"]
    assert dependencies["stage-packages"] == ["python3.12-venv_ensurepip", "libpq5"]
    assert dependencies["python-packages"] == ["gunicorn>=20.1", "statsd"]


# --- the extensions in rockcraft itself ---------------------------------------------------


def test_what_rockcraft_gets(project: Path) -> None:
    written(project)
    data = yaml.safe_load((project / "rockcraft.yaml").read_text())
    del data["extensions"]
    before = dict(data)
    added = rockcraft_plugin.snippet("flask-framework", project, data)
    assert data == before
    assert all(name.startswith("flask-framework/") for name in added["parts"])
    assert "name" not in added
    assert added["parts"] == made(project)["parts"]
    data["build-base"] = "debian@12"
    with pytest.raises(ProjectError, match="packs on Ubuntu"):
        rockcraft_plugin.snippet("flask-framework", project, data)


def test_other_programs_are_left_alone() -> None:
    class Snapcraft:
        app = type("App", (), {"name": "snapcraft"})

    rockcraft_plugin.configure(Snapcraft())


@pytest.mark.skipif("ROCKCRAFT_COMMAND" not in os.environ, reason="needs a real rockcraft")
def test_a_real_rockcraft_uses_ours_and_takes_the_portable_file(project: Path) -> None:
    """``ROCKCRAFT_COMMAND`` is a rockcraft with rockery installed beside it."""
    prime = {"flask-framework/install-app": {"prime": ["flask/app/app.py"]}}
    written(project, parts=prime, summary="x", description="y")

    def stock() -> Any:
        done = subprocess.run(
            [*shlex.split(os.environ["ROCKCRAFT_COMMAND"]), "expand-extensions"],
            cwd=project,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return yaml.safe_load(done.stdout)

    ours = stock()
    assert "rock-gunicorn" in ours["services"]["flask"]["command"]
    whole = made(project)
    assert ours["parts"] == whole["parts"]
    assert ours["services"] == whole["services"]
    written(project, parts=prime)
    (project / "rockcraft.yaml").write_text(dump_yaml(made(project)))
    assert stock()["parts"] == whole["parts"]
