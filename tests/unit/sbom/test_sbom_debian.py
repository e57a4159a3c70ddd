"""Packages of the distribution, and what their copyright files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rockery.layer.deb import PackageContents
from rockery.resolution.apt import Package
from rockery.sbom.debian import expression, licence, materials

DEP5 = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: thing

Files: *
Copyright: 2001 Someone
License: Expat

Files: lib/*
Copyright: 2002 Someone Else
License: GPL-2+ or Artistic

Files: debian/*
Copyright: 2003 Packager
License: Expat

License: Expat
 Permission is hereby granted …

License: Artistic
 The "Artistic License" …
"""


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        ("Expat", "MIT"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("LGPL-2", "LGPL-2.0-only"),
        ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("zlib", "Zlib"),
        ("GPL-2 with Linux-syscall-note exception", "GPL-2.0-only WITH Linux-syscall-note"),
        ("GPL-7", "LicenseRef-GPL-7"),
        ("GPL", "GPL-1.0-or-later"),
        ("Artistic", "LicenseRef-Artistic"),
        ("public-domain", "LicenseRef-public-domain"),
        ("GPL-3+ with Bison exception", "LicenseRef-GPL-3-or-later-with-Bison-exception"),
        ("GPL-2+ or Expat", "GPL-2.0-or-later OR MIT"),
        ("ISC or GPL-2 and Expat", "(GPL-2.0-only AND MIT) OR ISC"),
        ("ISC or GPL-2, and Expat", "(GPL-2.0-only OR ISC) AND MIT"),
        ("MPL-1.1, GPL-2+ or LGPL-2.1+", None),
    ],
)
def test_short_names(name: str, spdx: str | None) -> None:
    found = expression(name, {}).expression
    if spdx is None:
        assert "LicenseRef" in found  # not in DEP-5's grammar: nothing is made up
    else:
        assert found == spdx


def test_a_name_used_for_another_text_keeps_its_text() -> None:
    text = "Permission to use, copy, and so on: an older text of MIT's"
    found = expression("MIT", {"MIT": text})
    assert found.expression.startswith("LicenseRef-MIT-")
    assert list(found.texts.values()) == [text]
    assert expression("MIT", {}).expression == "MIT"


def test_machine_readable() -> None:
    found = licence(DEP5, "thing")
    first, second = found.expression.split(" AND ")
    assert second == "MIT"
    assert first.startswith("(GPL-2.0-or-later OR LicenseRef-Artistic-")
    assert [text.splitlines()[0] for text in found.texts.values()] == ['The "Artistic License" …']


@pytest.mark.parametrize(
    "text",
    [
        "This package was debianised by hand.\n\nCopyright: GPL, somehow.\n",
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nbroken",
        "\x00\xff",
        DEP5.split("\nFiles")[0],
    ],
)
def test_other_files_are_their_own_licence(text: str) -> None:
    found = licence(text, "odd")
    assert found.expression.startswith("LicenseRef-odd-copyright-")
    assert list(found.texts.values()) == [text.strip()]


def package(
    folder: Path, name: str, members: list[tuple[str, str, str]], control: str = ""
) -> tuple[Package, PackageContents]:
    """Return a package; ``members`` are path, kind and text or target."""
    home = folder / name
    home.mkdir()
    data, listed = b"", []
    for path, kind, value in members:
        raw = value.encode() if kind == "file" else b""
        target = "" if kind == "file" else value
        listed.append([path, kind, 0o644, 0, 0, target, len(raw), len(data)])
        data += raw
    (home / "data.tar").write_bytes(data)
    (home / "members.json").write_text(json.dumps(listed))
    control = f"Package: {name}\nVersion: 1:2.0-3\n{control}Description: a thing\n long\n"
    one = Package(name, "1:2.0-3", "amd64", "a" * 64, 1, control)
    return one, PackageContents(name, "amd64", home)


def test_packages(tmp_path: Path) -> None:
    doc = "usr/share/doc"
    packages = [
        package(tmp_path, "a", [(f"{doc}/a/copyright", "file", DEP5)], "Homepage: https://a/\n"),
        package(tmp_path, "b", [(f"{doc}/b", "symlink", "a")], "Source: a (1.9-1)\n"),
        package(tmp_path, "c", [(f"{doc}/c/copyright", "symlink", "../a/copyright")]),
        package(tmp_path, "d", [(f"{doc}/d/copyright", "symlink", f"/{doc}/d/copyright")]),
        package(tmp_path, "e", []),
    ]
    a, b, c, d, e = materials(packages, ("debian", "12"))
    assert a.purl == "pkg:deb/debian/a@1:2.0-3?arch=amd64&distro=debian-12"
    assert b.purl.endswith("&upstream=a%401.9-1") or b.purl.endswith("&upstream=a@1.9-1")
    assert (a.version, a.summary, a.homepage, a.sha256) == (
        "1:2.0-3",
        "a thing",
        "https://a/",
        "a" * 64,
    )
    assert b.source == "a 1.9-1"
    assert a.licence
    assert a.licence == b.licence == c.licence
    assert not d.licence
    assert not e.licence
