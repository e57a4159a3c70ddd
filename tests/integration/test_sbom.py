"""The bill of materials of real rocks, and the health check in their images."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from debian.deb822 import Deb822
from packageurl import PackageURL
from served import Load, Packed, Serve
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from surroundings import EXAMPLES, ROOT, Rockery

pytestmark = pytest.mark.network

#: The libraries that write and read what the documents are made of: slow to import.
LIBRARIES = ("spdx_tools", "cyclonedx", "license_expression", "debian", "packageurl", "rdflib")

FULL = "full base"


@dataclass(frozen=True)
class Rock:
    """A rock with the documents beside it."""

    path: Path

    @property
    def spdx_path(self) -> Path:
        return self.path.with_name(self.path.name.removesuffix(".rock") + ".spdx.json")

    @property
    def cdx_path(self) -> Path:
        return self.path.with_name(self.path.name.removesuffix(".rock") + ".cdx.json")

    def spdx(self) -> dict[str, dict[str, Any]]:
        """Return the packages of the SPDX document by purl."""
        return {
            reference["referenceLocator"]: package
            for package in json.loads(self.spdx_path.read_text())["packages"]
            for reference in package.get("externalRefs", [])
            if reference["referenceType"] == "purl"
        }

    def cdx(self) -> dict[str, dict[str, Any]]:
        """Return the components of the CycloneDX document by purl."""
        components = json.loads(self.cdx_path.read_text())["components"]
        return {one["purl"]: one for one in components if "purl" in one}

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Give the files of all layers below /.rock and of dpkg's database."""
        with tarfile.open(self.path) as archive:

            def load(digest: str) -> Any:
                return archive.extractfile(f"blobs/{digest.replace(':', '/')}")

            index = json.load(archive.extractfile("index.json"))  # type: ignore[arg-type]
            manifest = json.load(load(index["manifests"][0]["digest"]))
            for layer in manifest["layers"]:
                with tarfile.open(fileobj=gzip.open(load(layer["digest"])), mode="r|") as files:
                    for member in files:
                        if member.isfile() and member.name.startswith((".rock/", "var/lib/dpkg/")):
                            yield member.name, files.extractfile(member).read()  # type: ignore[union-attr]


@pytest.fixture(scope="session", params=["flask-web", "fastapi-hello", FULL])
def rock(
    request: pytest.FixtureRequest,
    packed: Packed,
    rockery: Rockery,
    tmp_path_factory: pytest.TempPathFactory,
) -> Rock:
    """A rock of each framework on a bare base, and one on a full base of another release."""
    if request.param != FULL:
        return Rock(packed(request.param))
    folder = tmp_path_factory.mktemp("full")
    words = ("--base", "debian@13", "--output", folder)
    return Rock(Path(rockery("-C", EXAMPLES / "flask-hello", "pack", *words).stdout.strip()))


def test_spdx_is_valid(rock: Rock) -> None:
    found = validate_full_spdx_document(parse_file(str(rock.spdx_path)))
    assert [(one.context.spdx_id, one.validation_message) for one in found] == []


def test_cyclonedx_is_valid(rock: Rock) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(rock.cdx_path.read_text()) is None


def test_the_same_documents_are_in_the_rock(rock: Rock) -> None:
    inside = dict(rock.files())
    assert inside[".rock/sbom.spdx.json"] == rock.spdx_path.read_bytes()
    assert inside[".rock/sbom.cdx.json"] == rock.cdx_path.read_bytes()


def test_all_that_inspect_shows_has_a_version_and_a_licence(rock: Rock, rockery: Rockery) -> None:
    shown = json.loads(rockery("inspect", "--json", rock.path).stdout)["packages"]
    wanted = {("deb", name, version) for name, version in shown["distribution"].items()}
    wanted |= {("pypi", normal(name), version) for name, version in shown["python"].items()}
    wanted |= {("golang", name, one) for name, found in shown["go"].items() for one in found}
    assert {kind for kind, _, _ in wanted} == {"deb", "pypi", "golang"}

    spdx = {key(purl): package for purl, package in rock.spdx().items()}
    cdx = {key(purl): component for purl, component in rock.cdx().items()}
    assert wanted <= spdx.keys()
    assert wanted <= cdx.keys()
    assert spdx.keys() == cdx.keys()
    for one in spdx:
        assert spdx[one]["licenseDeclared"] not in ("NOASSERTION", "NONE"), one
        assert cdx[one]["licenses"], one
        assert spdx[one]["versionInfo"] == cdx[one]["version"] == one[2]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def key(purl: str) -> tuple[str, str, str]:
    """Return kind, name and version."""
    one = PackageURL.from_string(purl)
    name = one.name
    if one.type == "golang" and one.namespace:
        name = f"{one.namespace}/{one.name}"
    return one.type, normal(name) if one.type == "pypi" else name, one.version or ""


def test_go_modules_are_those_of_the_pins(rock: Rock) -> None:
    pinned = {
        tuple(line.split()[:2]): line.split()[2]
        for folder in ("pebble", "statsd-exporter")
        for line in (ROOT / folder / "go.sum").read_text().splitlines()
    }
    modules = [one for purl, one in rock.cdx().items() if purl.startswith("pkg:golang/")]
    programs = [one["name"] for one in modules if one["type"] == "application"]
    assert {"github.com/canonical/pebble"} <= set(programs)
    assert len(modules) > 10
    for one in modules:
        properties = {p["name"]: p["value"] for p in one.get("properties", [])}
        if one["name"] != "stdlib":
            assert properties["rockery:go.sum"] == pinned[one["name"], one["version"]]


def test_the_distributions_packages_carry_their_checksums(rock: Rock) -> None:
    packages = [one for purl, one in rock.spdx().items() if purl.startswith("pkg:deb/")]
    assert packages
    for one in packages:
        (checksum,) = one["checksums"]
        assert checksum["algorithm"] == "SHA256"
        assert re.fullmatch("[0-9a-f]{64}", checksum["checksumValue"])


def test_scanners_can_read_the_package_list(rock: Rock) -> None:
    """Scanners read dpkg's status, or status.d in an image without dpkg, as deb822."""
    listed = {}
    for name, data in rock.files():
        if re.fullmatch(r"var/lib/dpkg/(status|status\.d/[^/]+(?<!\.md5sums))", name):
            for stanza in Deb822.iter_paragraphs(data.decode(), use_apt_pkg=False):
                listed[stanza["Package"]] = stanza["Version"]
    named = {one[1]: one[2] for one in map(key, rock.spdx()) if one[0] == "deb"}
    assert listed == named


# ---------------------------------------------------------------- when it is made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of flask-hello, packed into its own folder as most people do."""
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLES / "flask-hello", folder, ignore=shutil.ignore_patterns("*.rock"))
    return folder


def action(rockery: Rockery, project: Path) -> str:
    """Return what the plan does about the bill of materials."""
    layers = json.loads(rockery("-C", project, "plan", "--json").stdout)["layers"]
    (layer,) = [one for one in layers if one["title"] == "bill of materials"]
    return str(layer["action"])


def test_it_stays_when_only_the_app_changes(project: Path, rockery: Rockery) -> None:
    first = json.loads(rockery("pack", "--json", cwd=project).stdout)
    assert [Path(path).name for path in first["sbom"]] == [
        "flask-hello_0.1_amd64.spdx.json",
        "flask-hello_0.1_amd64.cdx.json",
    ]
    again = json.loads(rockery("pack", "--json", cwd=project).stdout)
    assert again["digest"] == first["digest"], "the documents beside the rock are in the rock"
    app = project / "app.py"
    app.write_text(app.read_text() + "\n# changed\n")
    assert action(rockery, project) == "reuse"
    requirements = project / "requirements.txt"
    requirements.write_text(requirements.read_text() + "markdown-it-py==3.0.0\n")
    assert action(rockery, project) == "make"
    rockery("pack", cwd=project)
    packages = json.loads((project / "flask-hello_0.1_amd64.cdx.json").read_text())["components"]
    assert {"markdown-it-py", "mdurl"} <= {one["name"] for one in packages}


def test_a_second_pack_imports_no_library_for_it(
    project: Path, rockery: Rockery, store: Path
) -> None:
    rockery("pack", cwd=project)
    script = (
        "import sys\n"
        "from rockery.cli import main\n"
        "status = main(['pack'])\n"
        f"print(status, sorted(set(sys.modules) & set({LIBRARIES!r})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ROCKERY_STORE": str(store)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0 []"


def test_made_again_it_is_the_same(project: Path, rockery: Rockery, store: Path) -> None:
    first = json.loads(rockery("pack", "--json", cwd=project).stdout)
    (layer,) = [one for one in first["layers"] if one["title"] == "bill of materials"]
    shutil.rmtree(store / "layers" / layer["key"])
    shutil.rmtree(store / "verdicts")
    second = rockery("pack", "--json", cwd=project, env={"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"})
    assert "bill of materials" in second.stderr
    assert json.loads(second.stdout)["digest"] == first["digest"]


def test_what_is_beside_the_rock_is_whole_or_as_it_was(
    project: Path, rockery: Rockery, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    output.mkdir()
    taken = output / "flask-hello_0.1_amd64.cdx.json"
    taken.mkdir()
    said = rockery("-C", project, "pack", "--output", output, status=74).stderr
    assert f"cannot write {taken}" in said
    assert not [path for path in output.iterdir() if path.name.startswith(".")]


# ---------------------------------------------------------------- in a container


@pytest.mark.engine
def test_every_distribution_that_python_finds_is_named(
    rock: Rock, load: Load, serve: Serve
) -> None:
    script = (
        "import importlib.metadata as m\n"
        "for d in m.distributions(): print(d.metadata['Name'], d.version)\n"
    )
    with serve(load(rock.path)) as served:
        status, output = served.container.exec_run(["/usr/bin/python3", "-c", script])
        assert status == 0, output
    found = {tuple(line.split()) for line in output.decode().splitlines()}
    named = {one[1:] for one in map(key, rock.spdx()) if one[0] == "pypi"}
    assert {(normal(name), version) for name, version in found} == named


@pytest.mark.engine
def test_a_container_becomes_healthy(
    packed: Packed, load: Load, serve: Serve, engine: docker.DockerClient
) -> None:
    image = load(packed("flask-web"))
    assert engine.images.get(image).attrs["Config"]["Healthcheck"] == {
        "Test": ["CMD", "/usr/bin/pebble", "health", "--level", "ready"],
        "Interval": 10_000_000_000,
        "Timeout": 5_000_000_000,
        "StartPeriod": 30_000_000_000,
        "Retries": 3,
    }
    with serve(image) as served:
        deadline = time.monotonic() + 40
        while (health := state(served.container)) == "starting" and time.monotonic() < deadline:
            time.sleep(1)
        assert health == "healthy"


def state(container: Any) -> str:
    container.reload()
    return str(container.attrs["State"]["Health"]["Status"])
