"""A store, and packages made on the spot."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "integration"))

from signed_archive import Deb

from rockery.layer import deb as packages
from rockery.layer.composition import Member
from rockery.resolution.apt import Package, parse_stanza
from rockery.store import Store

MakeMember = Callable[[Deb], Member]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def member(store: Store, tmp_path: Path) -> MakeMember:
    """Build a package, read it into the store and return it."""

    def make(deb: Deb) -> Member:
        path = tmp_path / f"{deb.name}_{deb.version}.deb"
        path.write_bytes(deb.build())
        digest = f"{deb.name}-{deb.version}"
        packages.unpack(store, digest, path)
        fields = parse_stanza(deb.stanza)
        size = path.stat().st_size
        package = Package(
            deb.name, deb.version, fields["Architecture"], digest, size, deb.stanza.strip()
        )
        found = packages.contents(store, digest, deb.name, deb.architecture)
        assert found is not None
        return Member(package, found)

    return make
