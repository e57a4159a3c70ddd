"""The two documents: valid for their own validators, complete, and the same every time."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from rockery.sbom import cyclonedx, spdx
from rockery.sbom.licence import reference
from rockery.sbom.material import Bill, Material

ROOT = Path(__file__).parents[3]


def spdx_findings(data: bytes, folder: Path) -> list[str]:
    path = folder / "sbom.spdx.json"
    path.write_bytes(data)
    found = validate_full_spdx_document(parse_file(str(path)))
    return [f"{one.context.spdx_id}: {one.validation_message}" for one in found]


def test_spdx_is_valid(bill: Bill, tmp_path: Path) -> None:
    assert spdx_findings(spdx.document(bill), tmp_path) == []


def test_cyclonedx_is_valid(bill: Bill) -> None:
    text = cyclonedx.document(bill).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


@pytest.mark.parametrize(
    "material",
    [
        Material("pypi", "n", "1", "pkg:pypi/n@1", homepage="https://"),
        Material("pypi", "n", "1", "pkg:pypi/n@1", homepage="https://[::1"),
        Material("pypi", "n", "1", "pkg:pypi/n@1", homepage="http://exämple.org/ü"),
        Material("pypi", "n", "1", "pkg:pypi/n@1", homepage="ftp://example.org/"),
        Material("pypi", "n", "1", "pkg:pypi/n@1", summary="\ud800 lone surrogate"),
        Material("pypi", "n", "1", "pkg:pypi/n@1", summary="\x00\x1b[31m"),
        Material("pypi", "日本", "1", "pkg:pypi/%E6%97%A5@1", reference("日本", "…")),
        Material("pypi", "n", "1", "pkg:pypi/n@1", reference("GPL (any) + more, or so/also")),
        Material("pypi", "n" * 300, "1", "pkg:pypi/n@1", reference("x" * 300)),
    ],
    ids=lambda material: f"{material.name[:5]}-{material.homepage or material.summary[:9]}",
)
def test_odd_metadata_stays_valid(bill: Bill, material: Material, tmp_path: Path) -> None:
    odd = dataclasses.replace(bill, materials=(material,))
    assert spdx_findings(spdx.document(odd), tmp_path) == []
    text = cyclonedx.document(odd).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_both_name_everything(bill: Bill) -> None:
    packages = json.loads(spdx.document(bill))["packages"]
    components = json.loads(cyclonedx.document(bill))["components"]
    purls = {
        reference["referenceLocator"]: package
        for package in packages
        for reference in package.get("externalRefs", [])
    }
    by_purl = {one["purl"]: one for one in components if "purl" in one}
    wanted = {material.purl: material for material in bill.materials}
    assert set(purls) == set(by_purl) == set(wanted)
    for purl, material in wanted.items():
        assert purls[purl].get("versionInfo", "") == by_purl[purl].get("version", "")
        assert purls[purl].get("versionInfo", "") == material.version
        assert purls[purl]["licenseDeclared"] == material.licence.expression or "NOASSERTION"
    flask = by_purl["pkg:pypi/flask@3.1.3"]
    assert flask["licenses"] == [{"license": {"acknowledgement": "declared", "id": "BSD-3-Clause"}}]


def test_a_program_contains_its_modules(bill: Bill) -> None:
    pebble = "pkg:golang/github.com/canonical/pebble@v1.32.0"
    net = "pkg:golang/golang.org/x/net@v0.51.0"
    graph = {
        one["ref"]: one.get("dependsOn", [])
        for one in json.loads(cyclonedx.document(bill))["dependencies"]
    }
    assert graph[pebble] == [net]
    assert pebble in graph["rock"]
    assert net not in graph["rock"]
    document = json.loads(spdx.document(bill))
    names = {package["SPDXID"]: package["name"] for package in document["packages"]}
    triples = {
        (names.get(one["spdxElementId"]), one["relationshipType"], names[one["relatedSpdxElement"]])
        for one in document["relationships"]
    }
    assert (None, "DESCRIBES", "hello") in triples
    assert ("hello", "CONTAINS", "Flask") in triples
    assert ("github.com/canonical/pebble", "CONTAINS", "golang.org/x/net") in triples


def test_identifiers_that_would_meet_are_told_apart(bill: Bill) -> None:
    packages = json.loads(spdx.document(bill))["packages"]
    ids = [package["SPDXID"] for package in packages]
    assert len(set(ids)) == len(ids)
    assert sum(name.startswith("SPDXRef-pypi-odd-name-1-2.0-local.7") for name in ids) == 2


def test_a_licence_of_the_rock_that_is_no_expression_is_left_out(
    bill: Bill, tmp_path: Path
) -> None:
    odd = dataclasses.replace(bill, licence="proprietary")
    assert spdx_findings(spdx.document(odd), tmp_path) == []
    assert "licenses" not in json.loads(cyclonedx.document(odd))["metadata"]["component"]


def test_the_same_bytes_in_every_process(bill: Bill, tmp_path: Path) -> None:
    kept = tmp_path / "bill"
    kept.write_bytes(pickle.dumps(bill))
    script = (
        "import hashlib, pathlib, pickle, sys\n"
        "from rockery.sbom import cyclonedx, spdx\n"
        "bill = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "for module in (spdx, cyclonedx):\n"
        "    print(hashlib.sha256(module.document(bill)).hexdigest())\n"
    )
    own = [hashlib.sha256(module.document(bill)).hexdigest() for module in (spdx, cyclonedx)]
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        said = subprocess.run(
            [sys.executable, "-c", script, str(kept)],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert said.stdout.split() == own


def test_another_content_has_another_name(bill: Bill) -> None:
    other = dataclasses.replace(bill, version="0.2")
    one, two = (json.loads(spdx.document(b))["documentNamespace"] for b in (bill, other))
    assert one != two
    one, two = (json.loads(cyclonedx.document(b))["serialNumber"] for b in (bill, other))
    assert one != two


def test_the_time_is_the_rocks(bill: Bill) -> None:
    later = dataclasses.replace(bill, mtime=1_700_000_000)
    assert json.loads(spdx.document(later))["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    stamp = json.loads(cyclonedx.document(later))["metadata"]["timestamp"]
    assert stamp == "2023-11-14T22:13:20+00:00"
