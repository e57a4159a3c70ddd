from __future__ import annotations

import os
from pathlib import Path

import pytest

from rockery.base import load
from rockery.errors import SurroundingsError
from rockery.resolution.apt import Mirrors
from rockery.resolution.host_apt import HostApt


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host whose own sources are what the test writes there."""
    folder = tmp_path / "etc/apt"
    for name in ("apt.conf.d", "sources.list.d", "preferences.d"):
        (folder / name).mkdir(parents=True)
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").touch()
    configuration = tmp_path / "apt.conf"
    configuration.write_text(
        f'Dir "{tmp_path}";\nDir::State::status "{tmp_path}/var/lib/dpkg/status";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    monkeypatch.delenv("ROCKERY_MIRRORS", raising=False)
    return folder / "sources.list"


def test_the_hosts_own_mirrors_serve_its_distribution(host: Path) -> None:
    host.write_text(
        "deb http://mirror.example/debian bookworm main\n"
        "deb http://mirror.example/debian bookworm-updates main\n"
        "deb http://mirror.example/other/debian-security bookworm-security main\n"
        "deb http://third.example/packages stable main\n"
    )
    assert Mirrors({}).locate(load("debian@13"), "amd64", HostApt()) == {
        "debian": "http://mirror.example/debian/",
        "debian-security": "http://mirror.example/other/debian-security/",
    }


def test_a_mirror_that_is_given_wins(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host.write_text("deb http://mirror.example/debian bookworm main\n")
    monkeypatch.setenv(
        "ROCKERY_MIRRORS", "debian=http://env.example/debian ubuntu=http://u.example/"
    )
    mirrors = Mirrors.from_words(["debian=https://word.example/debian"])
    assert mirrors.locate(load("debian@12"), "amd64", HostApt()) == {
        "debian": "https://word.example/debian/"
    }
    assert mirrors.locate(load("ubuntu@24.04"), "amd64", HostApt()) == {
        "ubuntu": "http://u.example/"
    }
    assert "debian=http" in os.environ["ROCKERY_MIRRORS"]


def test_ubuntu_on_other_machines_is_in_its_ports_archive(host: Path) -> None:
    host.write_text("deb http://ports.example/ubuntu-ports noble main\n")
    base = load("ubuntu@24.04")
    assert Mirrors({}).locate(base, "arm64", HostApt()) == {
        "ubuntu": "http://ports.example/ubuntu-ports/"
    }
    given = Mirrors({"ubuntu": "http://one.example/", "ubuntu-ports": "http://two.example/"})
    assert given.locate(base, "amd64", HostApt()) == {"ubuntu": "http://one.example/"}
    assert given.locate(base, "arm64", HostApt()) == {"ubuntu": "http://two.example/"}


def test_without_a_mirror_the_ways_out_are_named(host: Path) -> None:
    host.write_text("deb http://mirror.example/debian bookworm main\n")
    with pytest.raises(SurroundingsError) as caught:
        Mirrors({}).locate(load("ubuntu@24.04"), "amd64", HostApt())
    (problem,) = caught.value.problems
    assert problem.message == (
        "cannot use base ubuntu@24.04: no mirror of the ubuntu archive is known here"
    )
    assert problem.remedy == (
        "name one with --mirror ubuntu=URL or ROCKERY_MIRRORS, or use a base of this machine's "
        "own distribution"
    )


@pytest.mark.parametrize("word", ["debian", "=http://x.example/", "debian=", "debian=mirror"])
def test_a_word_that_is_no_mirror_is_refused(word: str) -> None:
    from rockery.errors import UsageError

    with pytest.raises(UsageError, match="cannot use"):
        Mirrors.from_words([word])
