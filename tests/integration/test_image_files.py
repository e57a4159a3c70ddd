"""The files of an image as ``docker export`` gives them: modes, origin, bytecode."""

from __future__ import annotations

import _imp
import base64
import csv
import hashlib
import posixpath
import re
import stat
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import docker
import pytest
from served import Load, Packed
from surroundings import ROOT

from rockery.layer import debug_data

pytestmark = [pytest.mark.engine, pytest.mark.network]

EXAMPLES = [("flask-web", "debian@12"), ("fastapi-package", "debian@13")]

#: What anyone may write to, as base-files has it: folders where only the owner removes a file.
SHARED = {"tmp", "var/tmp", "run/lock"}

#: What lies where the distribution's Python looks, and comes from no package of it.
OURS = {"rock_server", "rock_metrics"}


@dataclass
class Exported:
    """The files of an image by path, and the modes of its files and folders."""

    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)


@contextmanager
def export(engine: docker.DockerClient, image: str) -> Iterator[Any]:
    container = engine.containers.create(image)
    try:
        yield container.export()
    finally:
        container.remove()


@pytest.fixture(scope="module", params=EXAMPLES, ids=[name for name, _ in EXAMPLES])
def example(request: pytest.FixtureRequest) -> tuple[str, str]:
    return cast(tuple[str, str], request.param)


@pytest.fixture(scope="module")
def _exported() -> dict[str, Exported]:
    return {}


@pytest.fixture
def rock(example: tuple[str, str], packed: Packed) -> Path:
    return packed(*example)


@pytest.fixture
def exported(
    rock: Path,
    load: Load,
    engine: docker.DockerClient,
    tmp_path: Path,
    _exported: dict[str, Exported],
) -> Exported:
    image = load(rock)
    if image in _exported:
        return _exported[image]
    found = _exported[image] = Exported()
    archive = tmp_path / "exported.tar"
    with export(engine, image) as pieces, archive.open("wb") as stream:
        for piece in pieces:
            stream.write(piece)
    with tarfile.open(archive) as members:
        for member in members:
            if member.isdir():
                found.folders.add(member.name)
            if member.isfile() or member.isdir():
                found.modes[member.name] = member.mode
            if member.isreg():
                content = members.extractfile(member)
                assert content is not None
                found.files[member.name] = content.read()
            elif member.islnk():
                found.files[member.name] = found.files[member.linkname]
    archive.unlink()
    return found


def test_nothing_gives_rights_to_who_runs_or_finds_it(exported: Exported) -> None:
    for path, mode in exported.modes.items():
        assert path in exported.folders or not mode & (stat.S_ISUID | stat.S_ISGID), path
    writable = {path for path, mode in exported.modes.items() if mode & stat.S_IWOTH}
    assert writable <= SHARED
    assert all(exported.modes[path] & stat.S_ISVTX for path in writable)


def test_no_file_names_where_it_was_built(exported: Exported, rock: Path, store: Path) -> None:
    places = [str(place).encode() for place in (store, ROOT, rock.parent, sys.prefix)]
    places += [b"/.cache/uv/", b"/builds-v0/", b"/go/pkg/mod/"]
    named = {
        path: place for path, data in exported.files.items() for place in places if place in data
    }
    assert named == {}


def test_no_file_differs_from_its_package(exported: Exported) -> None:
    checked, differing = 0, []
    for sums in exported.files:
        if not re.fullmatch(r"var/lib/dpkg/status\.d/.+\.md5sums", sums):
            continue
        for line in exported.files[sums].decode().splitlines():
            digest, path = line.split("  ", 1)
            checked += 1
            if hashlib.md5(exported.files[path]).hexdigest() != digest:
                differing.append(path)
    assert checked > 500
    assert differing == []


def test_no_python_package_differs_from_its_record(exported: Exported) -> None:
    checked, differing = 0, []
    for record in exported.files:
        if not record.endswith(".dist-info/RECORD"):
            continue
        site = posixpath.dirname(posixpath.dirname(record))
        for name, digest, _ in csv.reader(exported.files[record].decode().splitlines()):
            if not digest:
                continue
            data = exported.files[posixpath.normpath(posixpath.join(site, name))]
            found = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            checked += 1
            if digest != f"sha256={found}":
                differing.append(name)
    assert checked > 100
    assert differing == []


def test_bytecode_is_that_of_the_source_beside_it(
    exported: Exported, example: tuple[str, str]
) -> None:
    """By PEP 552: bit 0 says that a hash of the source is there, bit 1 that Python compares it."""
    version = {"debian@12": "311", "debian@13": "313"}[example[1]]
    compiled = {path: data for path, data in exported.files.items() if path.endswith(".pyc")}
    assert compiled
    for path, data in compiled.items():
        folder, name = posixpath.split(path)
        module, tag, _ = name.rsplit(".", 2)
        source = exported.files[f"{posixpath.dirname(folder)}/{module}.py"]
        assert tag == f"cpython-{version}", path
        assert int.from_bytes(data[4:8], "little") == 0b01, path
        magic = int.from_bytes(data[:4], "little")
        assert data[8:16] == _imp.source_hash(magic, source), path


def test_what_runs_in_every_rock_is_compiled(exported: Exported) -> None:
    version = re.compile(r"usr/(local/lib/python3\.\d+|lib/python3)/dist-packages/(\w+)/(.+)\.py")
    packages = set()
    for path in exported.files:
        if found := version.fullmatch(path):
            folder, name = posixpath.split(path.removesuffix(".py"))
            cache = f"{folder}/__pycache__/{name}.cpython-3"
            packages.add(found[2])
            assert any(other.startswith(cache) for other in exported.files), path
    assert packages >= OURS


def test_modules_carry_no_debugging_data(exported: Exported, tmp_path: Path) -> None:
    """Their wheels have it (MarkupSafe's, uvloop's); that they run is seen where they serve."""
    modules = {
        path: data
        for path, data in exported.files.items()
        if "/dist-packages/" in path and path.endswith(".so")
    }
    assert modules
    for path, data in modules.items():
        (tmp_path / "module.so").write_bytes(data)
        assert debug_data.blank(tmp_path / "module.so") == 0, path
