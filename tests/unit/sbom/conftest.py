"""A bill with everything that a rock may hold, and worse."""

from __future__ import annotations

import pytest

from rockery.sbom.licence import Licence, reference
from rockery.sbom.material import Bill, Material, distinct


@pytest.fixture
def bill() -> Bill:
    """A small bill whose values are as people write them."""
    linked = "pkg:golang/golang.org/x/net@v0.51.0"
    materials = [
        Material(
            "deb",
            "libstdc++6",
            "12.2.0-14+deb12u1",
            "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12",
            reference("gcc-12-copyright", "All of <this> & that\n\x0c\u20ac"),
            sha256="0" * 64,
            homepage="http://gcc.gnu.org/",
            summary="GNU Standard C++ Library v3",
            source="gcc-12 12.2.0-14+deb12u1",
        ),
        Material(
            "pypi",
            "Flask",
            "3.1.3",
            "pkg:pypi/flask@3.1.3",
            Licence("BSD-3-Clause"),
            homepage="UNKNOWN",
            summary='A "simple" framework\t…',
        ),
        Material(
            "pypi",
            "odd_name",
            "1!2.0+local.7",
            "pkg:pypi/odd-name@1%212.0%2Blocal.7",
            Licence("MIT AND (Apache-2.0 OR GPL-2.0-or-later WITH Classpath-exception-2.0)"),
            homepage="https://example.com/a b|c",
        ),
        Material("pypi", "odd-name", "1-2.0-local.7", "pkg:pypi/odd-name@1-2.0-local.7"),
        Material(
            "golang",
            "github.com/canonical/pebble",
            "v1.32.0",
            "pkg:golang/github.com/canonical/pebble@v1.32.0",
            Licence("GPL-3.0-only"),
            sha256="1" * 64,
            contains=(linked,),
        ),
        Material(
            "golang",
            "golang.org/x/net",
            "v0.51.0",
            linked,
            Licence("BSD-3-Clause"),
            homepage="https://pkg.go.dev/golang.org/x/net",
            notes={"go.sum": "h1:94R/GTO7mt3="},
        ),
        Material("generic", "pebble", "", "pkg:generic/pebble", sha256="2" * 64),
    ]
    return Bill(
        "hello", "0.1", "Apache-2.0", "amd64", ("debian", "12"), distinct(materials), mtime=0
    )
