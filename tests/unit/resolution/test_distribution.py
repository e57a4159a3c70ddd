from __future__ import annotations

import pytest

from rockery.base import Base, load
from rockery.resolution.apt import Package, parse_stanza
from rockery.resolution.distribution import (
    DistributionResolution,
    identity,
    iter_relations,
    own_words,
    reachable,
    request,
    split_slice,
    without_script_dependencies,
)


@pytest.fixture
def base() -> Base:
    return load("debian@12")


def package(name: str, depends: str = "", **fields: str) -> Package:
    lines = {"Package": name, "Version": "1", "Depends": depends, **fields}
    control = "".join(f"{key}: {value}\n" for key, value in lines.items() if value)
    return Package(name, "1", "amd64", f"sha-{name}", 1, control)


def test_a_stanza_is_read_with_its_continuation_lines() -> None:
    fields = parse_stanza("Package: a\nDescription: short\n long: er\n .\n end\nVersion: 1:2-3\n")
    assert fields == {
        "Package": "a",
        "Description": "short\n long: er\n .\n end",
        "Version": "1:2-3",
    }


def test_relations_come_by_name() -> None:
    field = "libc6 (>= 2.36), python3:any | python3-minimal (<< 4),\n a [amd64] <!nocheck>, "
    assert list(iter_relations(field)) == [["libc6"], ["python3", "python3-minimal"], ["a"]]
    assert list(iter_relations("")) == []


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("libpq5", ("libpq5", None)),
        ("libpq5_libs", ("libpq5", "libs")),
        ("python3.11-venv_ensurepip", ("python3.11-venv", "ensurepip")),
        ("ca-certificates_data-with-certs", ("ca-certificates", "data-with-certs")),
    ],
)
def test_a_slice_is_split_from_its_package(word: str, expected: tuple[str, str | None]) -> None:
    assert split_slice(word) == expected


def test_a_request_has_the_bases_words_first(base: Base) -> None:
    words = request(base, ["git", "bash", "git"], bare=True)
    own = own_words(base, bare=True)
    assert words == (*own, "git", "bash")
    assert set(own_words(base, bare=False)) < set(own)


def test_a_resolution_survives_its_file() -> None:
    found = DistributionResolution((package("a"),), (package("b", "a"),), ("b",), "2026")
    assert DistributionResolution.parse(found.dump()) == found


def test_a_key_hangs_on_words_and_base_but_not_on_their_order(base: Base) -> None:
    key = identity(base, "amd64", ["a", "b"], bare=True)
    assert key == identity(base, "amd64", ["b", "a"], bare=True)
    others = [
        identity(base, "arm64", ["a", "b"], bare=True),
        identity(base, "amd64", ["a"], bare=True),
        identity(base, "amd64", ["a", "b"], bare=False),
        identity(load("debian@13"), "amd64", ["a", "b"], bare=True),
    ]
    assert len({key, *others}) == 5


def test_dependencies_are_followed_over_what_provides_them(base: Base) -> None:
    packages = [
        package("app", "virtual (>= 1) | other, lib"),
        package("real", Provides="virtual (= 2)"),
        package("lib", **{"Pre-Depends": "deep"}),
        package("deep"),
        package("alone"),
    ]
    assert reachable(packages, ["app"], base) == {"app", "real", "lib", "deep"}
    assert reachable(packages, ["app_libs", "gone"], base) == {"app", "real", "lib", "deep"}


def test_what_only_scripts_use_is_left_out_unless_it_is_named(base: Base) -> None:
    packages = [
        package("app", "debconf (>= 0.5) | debconf-2.0, adduser, lib"),
        package("debconf", "perl-base"),
        *(package("perl-base"), package("adduser"), package("lib")),
    ]

    def names(*wanted: str) -> set[str]:
        return {p.name for p in without_script_dependencies(packages, wanted, base)}

    assert names("app") == {"app", "lib"}
    assert names("app", "debconf") == {"app", "lib", "debconf", "perl-base"}


def test_what_only_trimmed_files_use_is_left_out_unless_the_user_names_them(base: Base) -> None:
    packages = [
        package("coreutils", "libsystemd0, libc6"),
        package("libsystemd0"),
        package("libc6"),
    ]
    own = own_words(base, bare=True)
    assert reachable(packages, own, base) == {"coreutils", "libc6"}
    for word in ("coreutils", "coreutils_bins"):
        asked = request(base, [word], bare=True)
        assert reachable(packages, asked, base) == {"coreutils", "libc6", "libsystemd0"}


def test_dependencies_in_a_circle_end(base: Base) -> None:
    packages = [package("a", "b"), package("b", "a")]
    assert reachable(packages, ["a"], base) == {"a", "b"}
