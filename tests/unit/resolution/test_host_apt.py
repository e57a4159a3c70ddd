"""What the host's apt answers is asked for again only when it may have changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from rockery.resolution import host_apt
from rockery.resolution.host_apt import HostApt
from rockery.store import Store


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with an apt of one answer, which notes each question here."""
    program, notes = tmp_path / "bin/apt-get", tmp_path / "asked"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/sh\necho >> {notes}\necho 'http://mirror.example/debian/ Debian/Debian'\n"
    )
    program.chmod(0o755)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/sources.list").write_text("deb")
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.delenv("APT_CONFIG", raising=False)
    monkeypatch.setattr(host_apt, "_READ", (str(tmp_path / "etc"),))
    return notes


def times(asked: Path) -> int:
    return asked.read_text().count("\n")


def test_it_is_asked_once_until_a_file_changes(tmp_path: Path, asked: Path) -> None:
    store = Store(tmp_path / "store")
    mirrors = {"debian": "http://mirror.example/debian/"}
    assert HostApt(store).fetched_mirrors() == mirrors
    assert HostApt(store).fetched_mirrors() == mirrors
    assert times(asked) == 1
    (tmp_path / "etc/sources.list").write_text("deb other")
    assert HostApt(store).fetched_mirrors() == mirrors
    assert times(asked) == 2
    HostApt(store).configured_mirrors()
    assert times(asked) == 3, "another question"


def test_where_it_cannot_be_known_it_is_asked_each_time(
    tmp_path: Path, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for store in (None, Store(tmp_path / "store")):
        HostApt(store).fetched_mirrors()
        monkeypatch.setenv("APT_CONFIG", "/elsewhere")
    assert times(asked) == 2
    assert not (tmp_path / "store").exists()
