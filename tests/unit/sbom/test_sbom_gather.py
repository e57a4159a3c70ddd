"""What is kept of layers, so that nothing is read twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rockery.layer import Ground, Layer, build, file
from rockery.layer.compression import GZIP
from rockery.layer.deb import PackageContents
from rockery.resolution.apt import Package
from rockery.sbom import documents, entries
from rockery.sbom.gather import gather
from rockery.sbom.material import Bill
from rockery.store import Store

ROOT = Path(__file__).parents[3]
METADATA = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nLicense: MIT\n"


def layer(store: Store, key: str, text: str) -> tuple[Layer, Path]:
    """Make a layer with one Python package, and the folder it is unpacked in."""
    path = "usr/local/lib/python3.11/dist-packages/thing-1.0.dist-info/METADATA"
    made = build(
        store,
        key,
        kind="dependencies",
        title="Python packages",
        entries=[file(path, text)],
        ground=Ground(),
        scheme=GZIP,
        mtime=0,
    )
    root = store.root / "unpacked" / key
    (root / path).parent.mkdir(parents=True)
    (root / path).write_text(text)
    return made, root


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    asked: list[object] = []
    first, root = layer(store, "a", METADATA)
    other, other_root = layer(store, "b", METADATA.replace("1.0", "1.1"))

    def packages() -> Sequence[tuple[Package, PackageContents]]:
        asked.append("packages")
        return []

    def unpacked(one: Layer) -> Path:
        asked.append(one.key)
        return root if one is first else other_root

    def materials(one: Layer) -> list[tuple[str, str]]:
        found = gather(store, packages, ["0" * 64], [one], unpacked, ("debian", "12"))
        return [(material.name, material.licence.expression) for material in found]

    assert materials(first) == [("thing", "MIT")]
    assert asked == ["packages", "a"]
    assert materials(first) == [("thing", "MIT")]
    assert asked == ["packages", "a"]
    assert materials(other) == [("thing", "MIT")]
    assert asked == ["packages", "a", "b"]


def test_an_equal_bill_is_written_once(bill: Bill, tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = entries(store, bill)
    (key,) = store.keys("verdicts")
    document = store.root / "verdicts" / key / "sbom.cdx.json"
    written = document.stat()
    second = entries(store, bill)
    assert [entry.path for entry in second] == [".rock/sbom.spdx.json", ".rock/sbom.cdx.json"]
    assert second == first
    assert os.path.samestat(document.stat(), written)
    document.write_bytes(b"damaged")
    assert entries(store, bill) == first


def test_documents_are_read_from_the_layer(bill: Bill, tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = build(
        store,
        "c",
        kind="configuration",
        title="bill of materials",
        entries=entries(store, bill),
        ground=Ground(),
        scheme=GZIP,
        mtime=0,
    )
    found = documents([layer(store, "a", METADATA)[0], made])
    assert sorted(found) == [".cdx.json", ".spdx.json"]
    assert found[".cdx.json"].startswith(b"{")
    assert documents([]) == {}


def test_importing_the_package_costs_nothing() -> None:
    script = (
        "import sys\n"
        "import rockery.sbom, rockery.sbom.gather, rockery.plan\n"
        "slow = {'spdx_tools', 'cyclonedx', 'debian', 'license_expression', 'packageurl'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
