"""What is kept of layers, so that nothing is read twice."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rockery import processes
from rockery.layer import Ground, Layer, build, file
from rockery.layer.compression import GZIP
from rockery.sbom import documents, entries, written
from rockery.sbom.gather import gather, knows
from rockery.sbom.material import Bill
from rockery.sbom.writer import Order, Writer
from rockery.store import Store
from rockery.store.damage import DamagedLayerError

ROOT = Path(__file__).parents[3]
CHECKSUMS = ["0" * 64]
SYSTEM = ("debian", "12")
METADATA = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nLicense: MIT\n"

#: Starts a writer, says its number, and is killed.
_DIES_WAITING = """
import os, signal
from rockery.sbom.writer import Writer
writer = Writer()
writer.start()
print(writer._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


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

    def unpacked(one: Layer) -> Path:
        asked.append(one.key)
        return root if one is first else other_root

    def materials(one: Layer) -> list[tuple[str, str]]:
        found = gather(store, [], CHECKSUMS, [one], unpacked, SYSTEM)
        return [(material.name, material.licence.expression) for material in found]

    assert not knows(store, CHECKSUMS, SYSTEM)
    assert materials(first) == [("thing", "MIT")]
    assert knows(store, CHECKSUMS, SYSTEM)
    assert asked == ["a"]
    assert materials(first) == [("thing", "MIT")]
    assert asked == ["a"]
    assert materials(other) == [("thing", "MIT")]
    assert asked == ["a", "b"]


def test_an_equal_bill_is_written_once(bill: Bill, tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = written(store, bill)
    (key,) = store.keys("verdicts")
    document = store.root / "verdicts" / key / "sbom.cdx.json"
    before = document.stat()
    second = written(store, bill)
    assert [*second] == [".rock/sbom.spdx.json", ".rock/sbom.cdx.json"]
    assert second == first
    assert os.path.samestat(document.stat(), before)
    document.write_bytes(b"damaged")
    assert written(store, bill) == first


def test_a_process_writes_what_this_one_would(bill: Bill, tmp_path: Path) -> None:
    store, other = Store(tmp_path / "store"), Store(tmp_path / "other")
    made, root = layer(store, "a", METADATA)
    plain = dataclasses.replace(bill, materials=())
    materials = gather(other, [], CHECKSUMS, [made], lambda _: root, bill.system)
    expected = written(other, dataclasses.replace(plain, materials=materials))
    with contextlib.closing(Writer()) as writer:
        writer.start()
        found = writer.write(Order(store.root, plain, CHECKSUMS, [], [made]))
    assert found == expected
    assert b"thing" in found[".rock/sbom.spdx.json"]


def test_a_process_tells_of_a_damaged_layer(bill: Bill, tmp_path: Path) -> None:
    store = Store(tmp_path)
    made, _ = layer(store, "a", METADATA)
    made.blob.write_bytes(made.blob.read_bytes()[:-20])
    order = Order(store.root, bill, CHECKSUMS, [], [made])
    with contextlib.closing(Writer()) as writer, pytest.raises(DamagedLayerError) as raised:
        writer.write(order)
    assert raised.value.layers == {"a": "Python packages"}


def test_a_process_that_nobody_wants_ends(tmp_path: Path) -> None:
    writer = Writer()
    writer.start()
    process = writer._process
    assert process is not None
    writer.close()
    assert process.returncode == -signal.SIGKILL
    other = subprocess.Popen([sys.executable, "-c", _DIES_WAITING], stdout=subprocess.PIPE)
    number = int(other.communicate()[0])
    deadline = time.monotonic() + 30
    while processes.runs(number):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_documents_are_read_from_the_layer(bill: Bill, tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = build(
        store,
        "c",
        kind="configuration",
        title="bill of materials",
        entries=entries(written(store, bill)),
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
