from __future__ import annotations

import hashlib
from collections.abc import Callable

from signed_archive import Deb

from rockery.layer.composition import Composition, Member
from rockery.layer.entry import file, read
from rockery.layer.ground import Ground
from rockery.layer.package_database import describe, register
from rockery.resolution.apt import parse_stanza

GROUND = Ground(links={"lib": "usr/lib"})


def text(composition: Composition, path: str) -> str:
    content = composition.entries[path].content
    assert content is not None
    return read(content).decode()


def composed(*members: Member) -> Composition:
    composition = Composition(GROUND)
    for member in members:
        for entry in member.contents.entries():
            composition.add(entry)
            composition.owner[GROUND.resolve(entry.path)] = member.package.name
    return composition


def library(member: Callable[[Deb], Member]) -> Member:
    return member(
        Deb(
            "liba1",
            fields={"Multi-Arch": "same"},
            files=[file("lib/liba.so.1", b"a"), file("etc/a.conf", b"conf")],
            control={
                "conffiles": "/etc/a.conf\n/etc/gone.conf\n",
                "postinst": "#!/bin/sh\n",
                "triggers": "# x\ninterest-noawait /usr/share/a\ninterest b\nactivate ldconfig\n",
                "shlibs": "liba 1 liba1\n",
                "unheard-of": "x",
            },
        )
    )


def test_a_bare_rock_lists_its_packages_as_they_lie_there(member: Callable[[Deb], Member]) -> None:
    one = library(member)
    composition = composed(one)
    del composition.entries["etc/a.conf"], composition.owner["etc/a.conf"]
    describe(composition, [one])
    fields = parse_stanza(text(composition, "var/lib/dpkg/status.d/liba1"))
    assert fields["Status"] == "install ok installed"
    assert fields["Version"] == "1.0-1"
    assert "Filename" not in fields
    digest = hashlib.md5(b"a").hexdigest()
    sums = text(composition, "var/lib/dpkg/status.d/liba1.md5sums")
    assert sums == f"{digest}  usr/lib/liba.so.1\n"


def test_dpkg_knows_packages_files_and_configuration(member: Callable[[Deb], Member]) -> None:
    one = library(member)
    composition = composed(one)
    register(composition, [one], [one])
    fields = parse_stanza(text(composition, "var/lib/dpkg/status"))
    digest = hashlib.md5(b"conf").hexdigest()
    assert fields["Conffiles"].split() == ["/etc/a.conf", digest]
    info = "var/lib/dpkg/info/liba1:amd64"
    assert text(composition, f"{info}.list").split() == [
        *("/.", "/etc", "/etc/a.conf", "/lib", "/lib/liba.so.1")
    ]
    assert composition.entries[f"{info}.postinst"].mode == 0o755
    assert text(composition, f"{info}.shlibs") == "liba 1 liba1\n"
    assert f"{info}.unheard-of" not in composition.entries


def test_dpkg_knows_who_waits_for_which_trigger(member: Callable[[Deb], Member]) -> None:
    one = library(member)
    composition = composed(one)
    register(composition, [one], [one])
    assert text(composition, "var/lib/dpkg/triggers/File") == "/usr/share/a liba1:amd64/noawait\n"
    assert text(composition, "var/lib/dpkg/triggers/b") == "liba1:amd64\n"


def test_above_a_base_only_new_packages_get_files(member: Callable[[Deb], Member]) -> None:
    below, new = library(member), member(Deb("new", architecture="all"))
    composition = composed(new)
    register(composition, [below, new], [new])
    stanzas = text(composition, "var/lib/dpkg/status").split("\n\n")
    assert [parse_stanza(s)["Package"] for s in stanzas] == ["liba1", "new"]
    assert "var/lib/dpkg/info/new.list" in composition.entries
    assert "var/lib/dpkg/info/liba1:amd64.list" not in composition.entries
