"""From the options and a folder to what is packed, before anything is resolved."""

from __future__ import annotations

from pathlib import Path

import pytest

from rockery.amount import Amount
from rockery.errors import ProjectError, UsageError
from rockery.pack import Options, check_stored, planned, prepare, prepare_all
from rockery.pack.host import host_architecture
from rockery.store import Store


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    (folder / "requirements.txt").write_text("flask\n")
    (folder / "rockcraft.yaml").write_text(
        "name: hello\nversion: '0.1'\nbase: bare\nbuild-base: debian@12\n"
        "platforms:\n  amd64:\n  mine:\n    build-on: [amd64]\n    build-for: [arm64]\n"
        "extensions: [flask-framework]\n"
    )
    return folder


def test_nothing_is_written(project: Path) -> None:
    before = sorted(path.name for path in project.iterdir())
    prepared = prepare(Options(project))
    assert prepared.version == "0.1"
    assert "flask-framework/install-app" in prepared.parts.rock.parts
    assert sorted(path.name for path in project.iterdir()) == before


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("amd64", ("amd64", "amd64")), ("mine", ("mine", "arm64")), ("arm64", ("mine", "arm64"))],
)
def test_a_platform_goes_by_its_name_or_by_what_it_is_for(
    project: Path, wanted: str, found: tuple[str, str]
) -> None:
    prepared = prepare(Options(project, platform=wanted))
    assert (prepared.platform, prepared.architecture) == found


def test_the_hosts_own_platform_is_the_default(project: Path) -> None:
    assert prepare(Options(project)).architecture == host_architecture()


def test_all_platforms_in_the_files_order(project: Path) -> None:
    found = prepare_all(Options(project))
    assert [(one.platform, one.architecture) for one in found] == [
        ("amd64", "amd64"),
        ("mine", "arm64"),
    ]
    assert [one.platform for one in prepare_all(Options(project, platform="mine"))] == ["mine"]


def test_a_platform_that_isnt_there(project: Path) -> None:
    with pytest.raises(UsageError, match='platform "s390x"') as caught:
        prepare(Options(project, platform="s390x"))
    assert caught.value.problems[0].remedy == "use one of amd64, mine"


def test_a_base_of_the_command_line_wins(project: Path) -> None:
    assert prepare(Options(project, build_base="debian@13")).parts.base.name == "debian@13"
    full = prepare(Options(project, base="debian@12"))
    assert not full.bare


class Silent:
    def step(self, title: str, amount: Amount | None = None) -> None:
        raise AssertionError(title)

    def done(self, title: str, outcome: str) -> None:
        raise AssertionError(title)

    def say(self, text: str) -> None:
        raise AssertionError(text)

    def note(self, problem: object) -> None:
        raise AssertionError(problem)


def test_the_date_is_looked_at_before_any_work(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        planned(prepare(Options(project)), Store(tmp_path / "store"), Silent())
    assert not (tmp_path / "store").exists()


def test_without_a_stored_resolution_nothing_is_told(project: Path, tmp_path: Path) -> None:
    check_stored(prepare(Options(project)), Store(tmp_path / "store"))
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("command", ["run 'open", 'run "'])
def test_an_entrypoint_with_an_open_quote(project: Path, command: str) -> None:
    (project / "rockcraft.yaml").write_text(
        (project / "rockcraft.yaml").read_text().replace("extensions: [flask-framework]\n", "")
        + f"entrypoint-command: {command!r}\nparts:\n  a:\n    plugin: nil\n"
    )
    with pytest.raises(ProjectError, match="entrypoint-command"):
        prepare(Options(project))
