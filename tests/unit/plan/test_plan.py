"""Plans: stable keys, and a reason for everything that is to be made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rockery import base as bases
from rockery.component import Binaries
from rockery.errors import ProjectError
from rockery.layer import build, load
from rockery.layer.compression import Compression
from rockery.layer.ground import Ground
from rockery.pack.act import _planned_entries
from rockery.plan import FilesSpec, Plan
from rockery.plan.parts import Parts
from rockery.plan.plan import Resolutions, plan
from rockery.plan.reason import CHANGED_RULES
from rockery.project import document, schema
from rockery.resolution.apt import Package
from rockery.resolution.distribution import DistributionResolution
from rockery.resolution.python import PythonResolution
from rockery.store import Store

DATA: dict[str, Any] = {
    "name": "hello",
    "version": "1",
    "base": "bare",
    "build-base": "debian@12",
    "platforms": {"amd64": None},
    "parts": {
        "app": {"plugin": "dump", "source": ".", "organize": {"app.py": "srv/app.py"}},
        "links": {
            "plugin": "nil",
            "override-build": "mkdir -p $CRAFT_PART_INSTALL/srv/empty\n"
            "ln -s srv $CRAFT_PART_INSTALL/app",
        },
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "app.py").write_text("app = 1\n")
    return folder


def _plan(
    folder: Path,
    data: dict[str, Any],
    store: Store,
    runtime: tuple[Package, ...] = (),
    python: PythonResolution | None = None,
    **previous: dict[str, str],
) -> Plan:
    where = document.Document.parse(document.dump(data), "rockcraft.yaml").where
    parts = Parts(schema.validate(data, where), data, bases.load("debian@12"), folder, where)
    return plan(
        parts,
        data,
        version="1",
        platform="amd64",
        architecture="amd64",
        resolutions=Resolutions(DistributionResolution((), runtime, (), ""), python),
        binaries=Binaries({}),
        store=store,
        mtime=0,
        previous=previous,
        compression=Compression(),
    )


def _app(planned: Plan) -> Any:
    return next(layer for layer in planned.layers if layer.title == "app")


def test_the_projects_own_files_come_last(project: Path, tmp_path: Path) -> None:
    planned = _plan(project, DATA, Store(tmp_path / "store"))
    titles = [layer.title for layer in planned.layers]
    assert titles[-2:] == ["configuration", "app"]
    assert "links" in titles
    assert planned.layers[0].kind == "runtime"


def test_a_key_follows_from_content_and_not_from_the_folder(project: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "app.py").write_text("app = 1\n")
    assert _app(_plan(project, DATA, store)).key == _app(_plan(other, DATA, store)).key
    (other / "app.py").write_text("app = 2\n")
    assert _app(_plan(project, DATA, store)).key != _app(_plan(other, DATA, store)).key


def test_only_being_executable_counts_of_a_files_mode(project: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    (project / "app.py").chmod(0o600)
    narrow = _app(_plan(project, DATA, store)).key
    (project / "app.py").chmod(0o664)
    assert _app(_plan(project, DATA, store)).key == narrow
    (project / "app.py").chmod(0o700)
    assert _app(_plan(project, DATA, store)).key != narrow


def test_bytecode_follows_from_the_python_that_made_it(project: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    launcher = {"plugin": "dump", "source": "$ROCKERY_DATA/server"}
    mapping = {"plugin": "dump", "source": "$ROCKERY_DATA/statsd-exporter/mapping"}
    data = DATA | {"parts": {"launcher": launcher, "mapping": mapping}}

    def keys(sha256: str) -> dict[str, str]:
        python = Package("python3.11-minimal", "3.11", "amd64", sha256, 0, "")
        return {layer.title: layer.key for layer in _plan(project, data, store, (python,)).layers}

    one, other = keys("1" * 64), keys("2" * 64)
    assert one["launcher"] != other["launcher"]
    assert one["mapping"] == other["mapping"]


def test_what_must_be_there_first(project: Path, tmp_path: Path) -> None:
    """The launcher's bytecode wants the rock's Python, scripts the parts that they come after."""
    script = {"plugin": "nil", "override-build": "true"}
    parts = {
        "late": script | {"after": ["early"]},
        "launcher": {"plugin": "dump", "source": "$ROCKERY_DATA/server"},
        "early": script,
        "app": DATA["parts"]["app"],
    }
    planned = _plan(project, DATA | {"parts": parts}, Store(tmp_path / "store"))
    titles = [layer.title for layer in planned.layers]
    needed = {
        title: {titles[other] for other in planned.needed_by(position)}
        for position, title in enumerate(titles)
    }
    assert needed["launcher"] == {"runtime of debian@12"}
    assert needed["late"] == {"early"}
    assert needed["early"] == needed["app"] == needed["configuration"] == set()
    assert needed["bill of materials"] > {"runtime of debian@12", "late", "early"}


def test_a_reason_names_what_changed(project: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert _app(_plan(project, DATA, store)).reason == "not made yet"
    before = {"srv/app.py": "0" * 64, "srv/old.py": "1" * 64}
    reason = _app(_plan(project, DATA, store, app=before)).reason
    assert reason == "srv/app.py changed, srv/old.py removed"


def test_a_reason_names_what_has_no_name_in_the_project(project: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    data = DATA | {"parts": {"launcher": {"plugin": "dump", "source": "$ROCKERY_DATA/server"}}}

    def planned(sha256: str, before: dict[str, str]) -> Any:
        python = Package("python3.11-minimal", "3.11", "amd64", sha256, 0, "")
        layers = _plan(project, data, store, (python,), launcher=before).layers
        return next(layer for layer in layers if layer.title == "launcher")

    one = planned("1" * 64, {})
    assert planned("2" * 64, one.facts).reason == "the rock's Python changed"
    assert planned("1" * 64, {**one.facts, "SOURCE_DATE_EPOCH": "7"}).reason == (
        "SOURCE_DATE_EPOCH changed"
    )
    # What an older version noted says nothing of them.
    files = {name: fact for name, fact in one.facts.items() if name.startswith("usr/")}
    assert planned("2" * 64, files).reason == CHANGED_RULES
    assert planned("1" * 64, one.facts).reason == CHANGED_RULES


def test_a_large_package_lies_apart(project: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")

    def planned(big: str, small: str, previous: Plan | None = None) -> Plan:
        hashed = " \\\n    --hash=sha256:0\n"
        text = f"big=={big}{hashed}small=={small}{hashed}"
        python = PythonResolution(text, True, (), "", large=("big",))
        facts = {layer.title: dict(layer.facts) for layer in previous.layers} if previous else {}
        return _plan(project, DATA, store, (), python, **facts)

    first = planned("1", "1")
    names = ["Python package big", "Python packages"]
    assert [x.title for x in first.layers if x.kind == "dependencies"] == names

    def reasons(plan: Plan) -> list[str]:
        return [x.reason for x in plan.layers if x.kind == "dependencies"]

    assert reasons(planned("1", "2", first)) == ["what else is installed changed", "small changed"]
    assert reasons(planned("2", "1", first)) == ["big changed", "big changed"]
    keys = [x.key for x in first.layers if x.kind == "dependencies"]
    assert len(set(keys)) == 2


def test_what_is_stored_is_reused(project: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    layer = _app(_plan(project, DATA, store))
    assert isinstance(layer.spec, FilesSpec)
    build(
        store,
        layer.key,
        kind=layer.kind,
        title=layer.title,
        entries=_planned_entries(layer.spec),
        ground=Ground(),
        scheme=layer.scheme,
        mtime=0,
    )
    made = load(store, layer.key)
    assert made is not None
    assert [entry["path"] for entry in made.entries()] == ["srv", "srv/app.py"]
    again = _app(_plan(project, DATA, store))
    assert (again.cached, again.reason) == (True, "cached")


def test_planning_leaves_project_and_store_alone(project: Path, tmp_path: Path) -> None:
    _plan(project, DATA, Store(tmp_path / "store"))
    assert not (tmp_path / "store").exists()
    assert [path.name for path in project.iterdir()] == ["app.py"]


def test_parts_that_wait_for_each_other_are_refused(project: Path, tmp_path: Path) -> None:
    circle = {
        **DATA,
        "parts": {
            "a": {"plugin": "nil", "after": ["b"]},
            "b": {"plugin": "nil", "after": ["a"]},
        },
    }
    with pytest.raises(ProjectError, match="after itself"):
        _plan(project, circle, Store(tmp_path / "store"))


def test_a_dangling_link_is_a_note_and_ships(project: Path, tmp_path: Path) -> None:
    (project / "gone").symlink_to("node_modules/nothing")
    data = {**DATA, "parts": {"app": {"plugin": "dump", "source": "."}}}
    planned = _plan(project, data, Store(tmp_path / "store"))
    (spec,) = (layer.spec for layer in planned.layers if layer.title == "app")
    assert isinstance(spec, FilesSpec)
    assert {file.path: file.target for file in spec.files}["gone"] == "node_modules/nothing"
