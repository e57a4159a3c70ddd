"""What is read of a project for its fleet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rockery.errors import ProjectError, UsageError
from rockery.extension import dump_yaml, expand
from rockery.fleet import Fleet, fleet
from rockery.fleet.fleet import _whole_seconds
from rockery.project import load

from .conftest import Project

ROOT = Path(__file__).parents[3]

OWN = """\
services:
  web:
    override: replace
    startup: enabled
    command: /usr/bin/python3 serve.py
parts:
  web: {plugin: dump, source: .}
"""

OTHER = "  other: {override: replace, startup: enabled, command: /usr/bin/python3 other.py}\n"


def test_flask(project: Project) -> None:
    assert fleet(project(), replicas=3) == Fleet(
        name="hello",
        image="hello:0.1",
        replicas=3,
        service="flask",
        frameworks=("flask",),
        port=8000,
        metrics_port=9102,
        ready_path="/",
        user=584792,
        kill_delay=40,
    )


def test_what_is_derived(project: Project) -> None:
    made = fleet(project("fastapi-framework"), replicas=2)
    assert (made.service, made.job, made.frameworks) == ("fastapi", "fastapi", ("fastapi",))
    assert made.members == ("hello-1", "hello-2")
    assert made.stop_time == 45


def test_an_extension_of_the_projects_own() -> None:
    made = fleet(ROOT / "examples/litestar-hello", replicas=1)
    assert (made.service, made.job) == ("litestar", made.frameworks[0])


def test_an_expanded_file_says_the_same(project: Project) -> None:
    folder = project()
    before = fleet(folder, replicas=3)
    expanded = dump_yaml(expand(load(folder)).data)
    (folder / "rockcraft.yaml").write_text(expanded)
    assert fleet(folder, replicas=3) == before


def test_what_the_user_changed(project: Project) -> None:
    made = fleet(
        project(
            more="""\
services:
  flask: {override: merge, kill-delay: 1m30s}
  worker:
    override: replace
    startup: enabled
    command: /usr/bin/python3 worker.py
    kill-delay: 2m500ms
  once: {override: replace, startup: disabled, command: /usr/bin/python3, kill-delay: 1h}
  statsd-exporter: {override: merge, environment: {ROCK_METRICS_ADDRESS: ":9200"}}
checks:
  alive: {override: replace, level: alive, tcp: {port: 5000}}
  ready: {override: replace, level: ready, http: {url: "http://localhost:5000/health?deep=1"}}
"""
        ),
        replicas=3,
        image="registry.example:5000/team/hello@sha256:0a",
    )
    assert (made.port, made.metrics_port, made.ready_path) == (5000, 9200, "/health?deep=1")
    assert made.kill_delay == 121
    assert made.image == "registry.example:5000/team/hello@sha256:0a"


def test_the_ready_path_of_the_environment(project: Project) -> None:
    folder = project(more="environment: {ROCK_READY_PATH: /ready}\n")
    assert fleet(folder, replicas=3).ready_path == "/ready"


def test_a_rock_with_two_servers(project: Project) -> None:
    folder = project(more="environment: {ROCK_SERVER_FASTAPI: 'main:app', ROCK_SERVER_X: 'x:x'}\n")
    made = fleet(folder, replicas=3)
    assert (made.frameworks, made.job) == (("flask", "fastapi"), "flask")


def test_metrics_on_loopback_are_read_by_nobody(project: Project) -> None:
    folder = project(more="environment: {ROCK_METRICS_ADDRESS: '127.0.0.1:9102'}\n")
    assert fleet(folder, replicas=3).metrics_port is None


def test_without_an_extension(project: Project) -> None:
    made = fleet(project(None, OWN), replicas=3)
    assert (made.service, made.job, made.frameworks) == ("web", "web", ())
    assert (made.port, made.metrics_port, made.user) == (8000, None, None)
    assert made.kill_delay == 5  # Pebble's own


def test_a_name_for_kubernetes_begins_with_a_letter(project: Project) -> None:
    folder = project()
    file = folder / "rockcraft.yaml"
    file.write_text(file.read_text().replace("name: hello", "name: 2do"))
    assert fleet(folder, replicas=1).members == ("rock-2do-1",)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (OWN.replace("enabled", "disabled"), "no-web-service"),
        (OWN.replace("parts:", f"{OTHER}parts:"), "no-web-service"),
        (OWN + "environment: {ROCK_READY_PATH: \"/it's\"}\n", "bad-ready-path"),
    ],
)  # fmt: skip
def test_what_cannot_be_told(more: str, code: str, project: Project) -> None:
    folder = project(None, more)
    with pytest.raises(ProjectError) as raised:
        fleet(folder, replicas=3)
    (problem,) = raised.value.problems
    assert problem.code == code
    assert problem.where is not None
    assert problem.where.file == "rockcraft.yaml"


def test_a_version_that_a_part_gives(project: Project) -> None:
    folder = project()
    file = folder / "rockcraft.yaml"
    text = file.read_text().replace("version: '0.1'", "adopt-info: web")
    file.write_text(text + "parts:\n  web: {plugin: nil, override-build: craftctl set version=1}\n")
    with pytest.raises(ProjectError, match="its version is only known when it is packed"):
        fleet(folder, replicas=3)
    assert fleet(folder, replicas=3, image="hello:1").image == "hello:1"


@pytest.mark.parametrize("image", ["", "a b", "$IMAGE", "-x", "a'b"])
def test_no_name_of_an_image(image: str, project: Project) -> None:
    with pytest.raises(UsageError):
        fleet(project(), replicas=3, image=image)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("40s", 40), ("1m30s", 90), ("500ms", 1), ("1.5s", 2), ("1h", 3600), ("0", 0), ("9us", 1)],
)
def test_seconds_are_rounded_up(duration: str, seconds: int) -> None:
    assert _whole_seconds(duration) == seconds


def test_nothing_of_it_is_imported_before() -> None:
    code = "import sys, rockery.cli.options; assert not {'jinja2', 'pydantic'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
