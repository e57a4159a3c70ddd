from __future__ import annotations

from pathlib import Path

import pytest

from rockery.errors import ProjectError
from rockery.project import bases, load, rules

TEXT = """\
name: hello
version: '0.1'
base: ubuntu@22.04
platforms: {amd64: }
extensions: [flask-framework]
"""


def test_both_places_are_looked_at(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        load(tmp_path)
    assert "rockery init" in (caught.value.problems[0].remedy or "")
    (tmp_path / "rock").mkdir()
    (tmp_path / "rock" / "rockcraft.yaml").write_text(TEXT)
    project = load(tmp_path)
    assert project.folder == tmp_path
    assert str(project.where("version")) == "rock/rockcraft.yaml:2:1"
    (tmp_path / "rockcraft.yaml").write_text(TEXT.replace("hello", "other"))
    assert load(tmp_path).data["name"] == "other"


def test_overrides_count_before_validation(tmp_path: Path) -> None:
    (tmp_path / "rockcraft.yaml").write_text(TEXT.replace("ubuntu@22.04", "plan9@4"))
    project = load(tmp_path)
    assert "no such base" in rules.problems(project.data, project.where)[0].message
    project = load(tmp_path, base="bare", build_base="debian@12")
    assert (project.data["base"], project.data["build-base"]) == ("bare", "debian@12")
    assert rules.problems(project.data, project.where) == []
    assert project.document.data["base"] == "plan9@4"


def test_a_base_that_is_not_bare_drops_the_build_base(tmp_path: Path) -> None:
    text = TEXT.replace("base: ubuntu@22.04", "base: bare\nbuild-base: debian@12")
    (tmp_path / "rockcraft.yaml").write_text(text)
    assert "build-base" not in load(tmp_path, base="debian@13").data


def test_bases_are_the_files_there_are() -> None:
    assert {"debian@12", "debian@13", "ubuntu@24.04"} <= set(bases.known())
    assert bases.python_of("debian@12") == "3.11"
    assert bases.python_of("plan@9") is None
    assert bases.spelled("ubuntu:24.04") == "ubuntu@24.04"
    assert bases.spelled("bare") == "bare"
