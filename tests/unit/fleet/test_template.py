"""Rendering and writing a fleet's files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from rockery.errors import ProjectError, SurroundingsError, UsageError
from rockery.fleet import Fleet, copy, write

FLEET = Fleet(
    name="hello",
    image="hello:0.1",
    replicas=2,
    service="flask",
    frameworks=("flask",),
    port=8000,
    metrics_port=9102,
    ready_path="/",
    user=584792,
    kill_delay=40,
)
COMPOSE: dict[str, Any] = {
    "port": 8000,
    "haproxy_image": "haproxy:3.2",
    "prometheus_image": "p:1",
    "grafana_image": "g:1",
}
KUBERNETES: dict[str, Any] = {
    "max_replicas": 4,
    "monitoring_namespace": "monitoring",
    "stop_wait": 5,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_compose(project: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert write("compose", FLEET, tmp_path / "out", project=project, **COMPOSE) == ()
    finally:
        os.umask(before)
    assert names(tmp_path / "out") == {
        "compose.yaml",
        "rock.env",
        "replace",
        "haproxy/haproxy.cfg",
        "prometheus/prometheus.yml",
        "prometheus/haproxy.rules.yaml",
        "prometheus/flask.rules.yaml",
        "grafana/dashboards/flask.json",
        "grafana/provisioning/dashboards/rock.yaml",
        "grafana/provisioning/datasources/prometheus.yaml",
    }
    modes = {
        name: stat.S_IMODE((tmp_path / "out" / name).stat().st_mode)
        for name in ("rock.env", "replace", "compose.yaml", "haproxy/haproxy.cfg")
    }
    # Containers read as users of their own; settings may hold secrets.
    assert modes == {
        "rock.env": 0o600,
        "replace": 0o755,
        "compose.yaml": 0o644,
        "haproxy/haproxy.cfg": 0o644,
    }


def test_both_frameworks_have_their_rules(project: Path, tmp_path: Path) -> None:
    both = Fleet(**{**vars(FLEET), "frameworks": ("flask", "fastapi")})
    write("compose", both, tmp_path / "out", project=project, **COMPOSE)
    assert {"prometheus/fastapi.rules.yaml", "grafana/dashboards/flask.json"} <= names(
        tmp_path / "out"
    )


def test_nothing_watches_what_has_no_metrics(project: Path, tmp_path: Path) -> None:
    silent = Fleet(**{**vars(FLEET), "metrics_port": None})
    write("kubernetes", silent, tmp_path / "out", project=project, **KUBERNETES)
    assert names(tmp_path / "out") == {
        "deployment.yaml",
        "service.yaml",
        "horizontalpodautoscaler.yaml",
        "poddisruptionbudget.yaml",
        "networkpolicy.yaml",
    }
    assert "metrics" not in (tmp_path / "out/service.yaml").read_text()


def test_files_of_the_users_are_not_written_over(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write("compose", FLEET, out, project=project, **COMPOSE)
    write("compose", FLEET, out, project=project, **COMPOSE)  # the same again is no loss
    (out / "haproxy/haproxy.cfg").write_text("mine")
    (out / "rock.env").write_text("SECRET=mine")
    more = Fleet(**{**vars(FLEET), "replicas": 5})
    before = (out / "compose.yaml").read_text()
    with pytest.raises(ProjectError) as raised:
        write("compose", more, out, project=project, **COMPOSE)
    assert {problem.code for problem in raised.value.problems} == {"file-exists"}
    assert len(raised.value.problems) == 4
    assert (out / "compose.yaml").read_text() == before
    kept = write("compose", more, out, project=project, force=True, **COMPOSE)
    assert kept == ("rock.env",)
    assert (out / "rock.env").read_text() == "SECRET=mine"
    assert "hello-5" in (out / "haproxy/haproxy.cfg").read_text()


def test_a_link_is_replaced_and_not_followed(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "elsewhere").write_text("safe")
    (out / "compose.yaml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProjectError):
        write("compose", FLEET, out, project=project, **COMPOSE)
    write("compose", FLEET, out, project=project, force=True, **COMPOSE)
    assert (tmp_path / "elsewhere").read_text() == "safe"
    assert not (out / "compose.yaml").is_symlink()


@pytest.mark.parametrize("by_option", [True, False])
def test_templates_of_the_users(by_option: bool, project: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs" if by_option else project / "rockery-templates/compose"
    (theirs / "haproxy").mkdir(parents=True)
    (theirs / "haproxy/haproxy.cfg").write_text("{{ as it is }}")
    (theirs / "more").mkdir()
    (theirs / "more/note.txt.j2").write_text("{{ fleet.members | join(' ') }}\n")
    (theirs / "replace.j2").write_text("")
    write(
        "compose",
        FLEET,
        tmp_path / "out",
        project=project,
        templates=theirs if by_option else None,
        **COMPOSE,
    )
    out = tmp_path / "out"
    assert (out / "haproxy/haproxy.cfg").read_text() == "{{ as it is }}"
    assert (out / "more/note.txt").read_text() == "hello-1 hello-2\n"
    assert "replace" not in names(out)
    assert "compose.yaml" in names(out)


def test_templates_outside_the_project_are_not_found(project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/stolen.txt").write_text("secret")
    (project / "rockery-templates").mkdir()
    (project / "rockery-templates/compose").symlink_to(tmp_path / "elsewhere")
    write("compose", FLEET, tmp_path / "out", project=project, **COMPOSE)
    assert "stolen.txt" not in names(tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\n{{ fleet.nam }}\n", None), ("a\nb\n{% if %}\n", 3), ("{{ fleet.members / 2 }}", None),
     ("{{ ''.__class__.__mro__ }}", None)],
)  # fmt: skip
def test_a_broken_template(text: str, line: int | None, project: Path, tmp_path: Path) -> None:
    theirs = project / "rockery-templates/kubernetes"
    theirs.mkdir(parents=True)
    (theirs / "deployment.yaml.j2").write_text(text)
    with pytest.raises(ProjectError, match="cannot render the template") as raised:
        write("kubernetes", FLEET, tmp_path / "out", project=project, **KUBERNETES)
    (problem,) = raised.value.problems
    assert problem.where is not None
    assert problem.where.file.endswith("rockery-templates/kubernetes/deployment.yaml.j2")
    assert line is None or problem.where.line == line
    assert not (tmp_path / "out").exists()


def test_no_text_for_a_template(project: Path, tmp_path: Path) -> None:
    theirs = project / "rockery-templates/kubernetes"
    theirs.mkdir(parents=True)
    (theirs / "picture.png").write_bytes(b"\x89PNG\xff")
    with pytest.raises(ProjectError, match="cannot read the template"):
        write("kubernetes", FLEET, tmp_path / "out", project=project, **KUBERNETES)


def test_no_such_folder_of_templates(project: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write("compose", FLEET, tmp_path, project=project, templates=tmp_path / "no", **COMPOSE)


def test_a_file_where_a_folder_should_be(project: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(SurroundingsError):
        write("compose", FLEET, tmp_path / "out", project=project, **COMPOSE)


def test_copied_templates_render_the_same(project: Path, tmp_path: Path) -> None:
    copied = copy("compose", tmp_path / "ours")
    assert tmp_path / "ours/haproxy/haproxy.cfg.j2" in copied
    with pytest.raises(ProjectError):
        copy("compose", tmp_path / "ours")
    for templates, out in ((tmp_path / "ours", "a"), (None, "b")):
        write("compose", FLEET, tmp_path / out, project=project, templates=templates, **COMPOSE)
    assert names(tmp_path / "a") == names(tmp_path / "b")
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
