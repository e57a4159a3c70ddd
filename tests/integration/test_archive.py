"""Resolving and fetching from an archive that the test makes, and what is said when it fails."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from signed_archive import Deb, Key, SignedArchive, served
from surroundings import tool

from rockery.base import Base, load
from rockery.errors import Problem, SurroundingsError
from rockery.layer import deb, runtime
from rockery.layer.composition import Composition, Member
from rockery.layer.entry import Entry, directory, file, read, symlink
from rockery.resolution.apt import Apt, Mirrors, UnknownPackageError
from rockery.resolution.distribution import DistributionResolution, resolve
from rockery.store import Store

BASE = "ubuntu@24.04"
SUITES = ("noble", "noble-updates", "noble-security")
COMPONENTS = ("main", "universe")


@pytest.fixture(scope="module")
def key() -> Iterator[Key]:
    tool("gpg")
    with tempfile.TemporaryDirectory(prefix="key-") as folder:
        made = Key(Path(folder) / "gnupg")
        yield made
        made.close()


@pytest.fixture
def archive(key: Key, tmp_path: Path) -> SignedArchive:
    return SignedArchive(tmp_path / "ubuntu", key)


@pytest.fixture
def base(key: Key, tmp_path: Path) -> Base:
    """Ubuntu with our key, and with nothing in its runtime but what a test asks for."""
    keyring = tmp_path / "test.asc"
    keyring.write_bytes(key.armored())
    base = load(BASE)
    rules = base.rules.model_copy(update={"runtime": (), "bare": (), "full": ("base-files",)})
    return base.model_copy(update={"keyring": keyring, "rules": rules})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def apt_for(store: Store, base: Base, url: str) -> Apt:
    return Apt(store, base, "amd64", Mirrors({"ubuntu": f"{url}/"}))


def problem(error: pytest.ExceptionInfo[SurroundingsError]) -> Problem:
    (only,) = error.value.problems
    return only


LIBRARY = Deb(
    "liba1",
    fields={"Depends": "libb1 (>= 1) | libb-virtual, debconf (>= 0.5)", "Multi-Arch": "same"},
    files=[
        directory("lib"),
        directory("lib/x86_64-linux-gnu"),
        file("lib/x86_64-linux-gnu/liba.so.1.0", b"data"),
        symlink("lib/x86_64-linux-gnu/liba.so.1", "liba.so.1.0"),
        file("bin/a-tool", b"#!/bin/sh\n", 0o755),
        Entry("bin/a-same", "hardlink", 0o755, target="bin/a-tool"),
        file("etc/a.conf", b"key = value\n"),
        file("usr/share/a/Főtanúsítvány — ñ.txt", "ü"),
        file("usr/share/doc/liba1/copyright", "(c)"),
        file("usr/share/doc/liba1/README", "no"),
    ],
    control={
        "conffiles": "/etc/a.conf\n",
        "postinst": "#!/bin/sh\nupdate-alternatives --install /usr/bin/a a /bin/a-tool 10\n",
    },
)
OTHERS = (
    Deb("libb1", files=[file("usr/share/b", b"b")], compression="xz"),
    Deb("debconf", architecture="all"),
    Deb("base-files", files=[file("etc/debian_version", "noble/sid\n")], compression="gz"),
)


def publish(archive: SignedArchive, *debs: Deb) -> None:
    for one in debs or (LIBRARY, *OTHERS):
        archive.add_deb(one)
    archive.publish(SUITES, COMPONENTS)


def composed(store: Store, apt: Apt, found: DistributionResolution, *words: str) -> Composition:
    with store.temporary() as folder:
        archives = apt.download(found.runtime, folder)
        for package in found.runtime:
            deb.unpack(store, package.sha256, archives[package.sha256])
    members = []
    for package in found.runtime:
        contents = deb.contents(store, package.sha256, package.name, package.architecture)
        assert contents is not None
        members.append(Member(package, contents))
    return runtime.compose_bare(apt.base, "amd64", members, words, {})


@pytest.mark.parametrize("way", ["file", "http"])
def test_packages_of_a_signed_archive_become_a_layer(
    store: Store, base: Base, archive: SignedArchive, way: str
) -> None:
    publish(archive)
    with served(archive.root) as address:
        apt = apt_for(store, base, archive.url if way == "file" else address)
        apt.update()
        found = resolve(store, "key", apt, ["liba1"], bare=True)
        assert [p.name for p in found.runtime] == ["liba1", "libb1"], "debconf is for scripts"
        made = composed(store, apt, found, "liba1")
    library = "usr/lib/x86_64-linux-gnu"
    assert made.entries[f"{library}/liba.so.1.0"].size == 4
    assert made.entries[f"{library}/liba.so.1"].target == "liba.so.1.0"
    assert made.entries["usr/bin/a-same"].target == "usr/bin/a-tool"
    assert made.entries["etc/alternatives/a"].target == "/bin/a-tool"
    assert "usr/share/a/Főtanúsítvány — ñ.txt" in made.entries
    assert "usr/share/doc/liba1/README" not in made.entries
    content = made.entries["var/lib/dpkg/status.d/liba1"].content
    assert content is not None
    assert b"Version: 1.0-1" in read(content)


def test_a_base_takes_its_packages_from_what_lies_above(
    store: Store, base: Base, archive: SignedArchive
) -> None:
    publish(archive)
    apt = apt_for(store, base, archive.url)
    apt.update()
    found = resolve(store, "key", apt, ["liba1", "base-files"], bare=False)
    assert [p.name for p in found.base] == ["base-files"]
    assert [p.name for p in found.runtime] == ["debconf", "liba1", "libb1"]


def test_an_index_serves_again_without_the_archive(
    store: Store, base: Base, archive: SignedArchive
) -> None:
    publish(archive)
    with served(archive.root) as address:
        apt = apt_for(store, base, address)
        apt.update()
    apt.update()
    apt.update(offline=True)
    assert [p.name for p in apt.resolve(["libb1"])] == ["libb1"]


def test_another_key_is_not_trusted(store: Store, base: Base, archive: SignedArchive) -> None:
    publish(archive)
    real = base.model_copy(update={"keyring": load(BASE).keyring})
    with pytest.raises(SurroundingsError) as caught:
        apt_for(store, real, archive.url).update()
    said = problem(caught)
    assert said.message == (
        "cannot fetch packages of ubuntu@24.04: its archive's signature does not verify with the "
        "keys of this base"
    )
    assert said.code == "archive-signature"
    assert said.remedy == "use the distribution's own mirror (--mirror ubuntu=URL)"
    assert any("NO_PUBKEY" in line for line in said.details)


def test_a_changed_index_is_not_trusted(store: Store, base: Base, archive: SignedArchive) -> None:
    publish(archive)
    release = archive.root / "dists/noble/InRelease"
    release.write_text(release.read_text().replace("Codename: noble", "Codename: n0ble"))
    with pytest.raises(SurroundingsError) as caught:
        apt_for(store, base, archive.url).update()
    assert problem(caught).code == "archive-signature"


@pytest.mark.parametrize("where", ["file:/nowhere/at/all", "http://127.0.0.1:9"])
def test_an_archive_that_is_not_there_says_what_to_do(store: Store, base: Base, where: str) -> None:
    with pytest.raises(SurroundingsError) as caught:
        apt_for(store, base, where).update()
    said = problem(caught)
    assert said.message == ("cannot fetch packages of ubuntu@24.04: the archive can't be reached")
    assert said.code == "archive-unreachable"
    assert said.remedy == (
        "check the network and the proxy, name another mirror (--mirror ubuntu=URL or "
        "ROCKERY_MIRRORS), or use a base of this machine's own distribution"
    )
    assert said.details


def test_a_version_that_left_the_mirror_is_told_from_a_mirror_that_is_gone(
    store: Store, base: Base, archive: SignedArchive
) -> None:
    publish(archive)
    with served(archive.root) as address, tempfile.TemporaryDirectory() as folder:
        apt = apt_for(store, base, address)
        apt.update()
        packages = apt.resolve(["libb1"])
        (archive.root / "pool/libb1_1.0-1.deb").unlink()
        with pytest.raises(SurroundingsError) as caught:
            apt.download(packages, Path(folder))
    said = problem(caught)
    assert said.message == (
        "cannot fetch packages of ubuntu@24.04: the mirror no longer has libb1_1.0-1.deb"
    )
    assert (said.code, said.remedy) == ("superseded-package", "resolve again with --refresh")


def test_a_version_that_left_the_index_is_said(
    store: Store, base: Base, archive: SignedArchive
) -> None:
    publish(archive)
    apt = apt_for(store, base, archive.url)
    apt.update()
    packages = apt.resolve(["libb1"])
    archive.forget()
    publish(archive, Deb("libb1", version="1.0-2"))
    apt.update(fresh=True)
    with tempfile.TemporaryDirectory() as folder, pytest.raises(SurroundingsError) as caught:
        apt.download(packages, Path(folder))
    said = problem(caught)
    assert said.message == (
        "cannot fetch packages of ubuntu@24.04: the archive no longer has libb1 1.0-1"
    )
    assert (said.code, said.remedy) == ("superseded-package", "resolve again with --refresh")


def test_a_package_with_another_content_is_refused(
    store: Store, base: Base, archive: SignedArchive
) -> None:
    publish(archive)
    apt = apt_for(store, base, archive.url)
    apt.update()
    packages = apt.resolve(["libb1"])
    path = archive.root / "pool/libb1_1.0-1.deb"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with tempfile.TemporaryDirectory() as folder, pytest.raises(SurroundingsError):
        apt.download(packages, Path(folder))


def test_a_package_that_does_not_exist_is_the_projects_fault(
    store: Store, base: Base, archive: SignedArchive
) -> None:
    publish(archive)
    apt = apt_for(store, base, archive.url)
    apt.update()
    with pytest.raises(UnknownPackageError) as caught:
        apt.resolve(["liba1", "libpq5", "liba2"])
    assert caught.value.exit_status == 1
    assert set(caught.value.names) <= {"libpq5", "liba2"}
    assert "cannot stage" in caught.value.problems[0].message


def test_packages_that_contradict_each_other_are_named(
    store: Store, base: Base, archive: SignedArchive
) -> None:
    publish(archive, *OTHERS, Deb("new", fields={"Conflicts": "libb1"}))
    apt = apt_for(store, base, archive.url)
    apt.update()
    with pytest.raises(Exception, match="contradict each other") as caught:
        apt.resolve(["new", "libb1"])
    assert any("libb1" in line for line in caught.value.problems[0].details)


def test_offline_without_an_index_says_so(store: Store, base: Base, archive: SignedArchive) -> None:
    with pytest.raises(SurroundingsError) as caught:
        apt_for(store, base, archive.url).update(offline=True)
    assert "its archive index was never fetched" in problem(caught).message
