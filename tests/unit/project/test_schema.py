from __future__ import annotations

import contextlib
from typing import Any

import pytest

from rockery.errors import ProjectError
from rockery.project.document import Document
from rockery.project.schema import RockFile, validate

GOOD = """\
name: hello
version: 1.10
base: bare
build-base: debian@12
platforms:
  amd64:
parts:
  web:
    plugin: dump
    source: .
"""


def rock(text: str) -> RockFile:
    document = Document.parse(text, "rockcraft.yaml")
    return validate(document.data, document.where)


def said(text: str) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        rock(text)
    return [f"{problem.where}: {problem.message}" for problem in caught.value.problems]


def test_a_small_file_is_read() -> None:
    file = rock(GOOD)
    assert file.version == "1.10"
    assert file.platforms["amd64"].build_for == "amd64"
    assert file.parts["web"].keys_given == {"plugin", "source"}
    assert file.distribution == "debian@12"


def test_everything_wrong_is_said_at_once_in_order() -> None:
    assert said(
        "name: Hello\nversion: '-'\nbase: bare\nbuild_base: debian@12\nplatforms: {}\n"
        "parts: {web: {plugin: dmp, source: .}}\nservices: {a: {command: x}}\n"
    ) == [
        "rockcraft.yaml:1:1: cannot use 'name': 'Hello' is no name: lower-case letters, digits "
        "and single hyphens between them, with at least one letter",
        "rockcraft.yaml:2:1: cannot use 'version': '-' is no version: letters, digits and '.', "
        "':', '+', '~', '-' between them",
        "rockcraft.yaml:3:1: cannot tell which release a bare rock's packages come from: "
        "'build-base' is missing",
        "rockcraft.yaml:4:1: cannot use 'build_base' in the file: there is no such key; did you "
        "mean 'build-base'?",
        "rockcraft.yaml:5:1: cannot use 'platforms': needs at least one platform, such as 'amd64:'",
        "rockcraft.yaml:6:15: cannot build part 'web': there is no plugin 'dmp'; did you mean "
        "'dump'?",
        "rockcraft.yaml:7:12: cannot add service 'a' to the Pebble plan: it has no 'override'",
    ]


@pytest.mark.parametrize(
    ("platforms", "expected"),
    [
        ("{amd64: }", {"amd64": "amd64"}),
        ("amd64", {"amd64": "amd64"}),
        ("[amd64, arm64]", {"amd64": "amd64", "arm64": "arm64"}),
        ("{amd64: amd64}", {"amd64": "amd64"}),
        ("{mine: {build-on: [amd64, arm64], build-for: [arm64]}}", {"mine": "arm64"}),
        ("{arm64: {build-on: amd64}}", {"arm64": "arm64"}),
        ("{a: {build-on: 'debian@12:amd64', build-for: amd64}}", {"a": "amd64"}),
    ],
)
def test_platforms_have_short_and_long_forms(platforms: str, expected: dict[str, str]) -> None:
    found = rock(GOOD.replace("\n  amd64:", f" {platforms}")).platforms
    assert {label: platform.build_for for label, platform in found.items()} == expected


@pytest.mark.parametrize(
    ("platforms", "message"),
    [
        ("{s390x: }", "rockery packs for amd64 and arm64, not for 's390x'"),
        ("{amd46: }", "there is no architecture 'amd46'; did you mean 'amd64'?"),
        ("{a: {build-for: amd64}}", "has 'build-for' and needs 'build-on' too"),
        ("{a: {build-on: amd64, build-for: [amd64, arm64]}}", "needs one architecture"),
        ("{a: {build: x}}", "knows 'build-on' and 'build-for', not 'build'"),
        ("3", "needs at least one platform"),
    ],
)
def test_platforms_that_cannot_be(platforms: str, message: str) -> None:
    assert any(message in line for line in said(GOOD.replace("\n  amd64:", f" {platforms}")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("build-base: debian@12\n", ""), "'build-base' is missing"),
        (("debian@12", "debain@12"), "there is no such base; did you mean 'debian@12'?"),
        (("base: bare", "base: debian@13"), "the two releases differ"),
        (("name: hello\n", ""), "cannot do without 'name'"),
        (("version: 1.10\n", ""), "cannot do without 'version'"),
        (("version: 1.10", "version: [1]"), "needs a text, not a list"),
        (("source: .", "source: true"), "write it in quotes, 'true'"),
        (("source: .", "source: .\n    x: 1"), "there is no such key"),
        (("plugin: dump", "plugin: nil\n    python-packages: [x]"), "there is no such key"),
        (("plugin: dump\n    ", ""), "it has no 'plugin'"),
        (("    source: .\n", ""), "needs a 'source'"),
        (("source: .", "source: .\n    prime: [/etc]"), "has to be relative"),
        (("source: .", "source: .\n    stage: [-a/../b]"), "'..' is not allowed"),
        (("source: .", "source: .\n    after: [webb]"), "no such part; did you mean 'web'?"),
        (("source: .", "source: .\n    source-tag: a\n    source-branch: b"), "keep one"),
        (("source: .", "source: .\n    permissions: [{owner: 1}]"), "'owner' and 'group'"),
        (("source: .", "source: .\n    permissions: [{mode: '9'}]"), "is no mode"),
        (("source: .", "source: .\n    overlay: []"), "overlays change the base as root"),
        (("name:", "entrypoint: x\nname:"), "a rock's entrypoint is Pebble"),
        (("name:", "run-user: root\nname:"), "'root' is not one of '_daemon_'"),
        (("name:", "entrypoint-service: x\nname:"), "there is no such service"),
    ],
)
def test_what_is_wrong_is_named(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ProjectError) as caught:
        rock(GOOD.replace(*change))
    (problem,) = caught.value.problems
    assert message in f"{problem.message} {problem.remedy}"
    assert problem.where is not None
    assert problem.where.line is not None


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ("services: {a: {override: replace}}", "it has no 'command'"),
        ("services: {a: {override: replace, command: x, after: [b]}}", "no such service"),
        ("services: {a: {override: replace, command: x, kill-delay: 3}}", "is no duration"),
        ("services: {a: {override: replace, command: x, on-failure: stop}}", "is not one of"),
        ("services: {a: {override: replace, command: x, on-check-failure: {u: restart}}}", "check"),
        ("checks: {up: {override: replace}}", "needs one of 'http', 'tcp' and 'exec'"),
        ("checks: {up: {override: replace, tcp: {port: 99999}}}", "at most 65535"),
        ("checks: {up: {override: replace, http: {}}}", "it is missing"),
    ],
)
def test_services_and_checks_are_as_pebble_has_them(services: str, message: str) -> None:
    assert any(message in line for line in said(GOOD + services + "\n"))


def test_adopt_info_makes_version_optional() -> None:
    assert rock(GOOD.replace("version: 1.10", "adopt-info: web")).version is None


def test_old_spelling_of_a_base_counts() -> None:
    file = rock(GOOD.replace("bare", "'ubuntu:24.04'").replace("build-base: debian@12\n", ""))
    assert (file.base, file.distribution) == ("ubuntu@24.04", "ubuntu@24.04")


def test_keys_of_the_plugin_are_kept() -> None:
    part = rock(GOOD.replace("plugin: dump", "plugin: npm\n    npm-include-node: true")).parts[
        "web"
    ]
    assert part.options == {"npm-include-node": True}
    assert part.keys_given == {"plugin", "source", "npm-include-node"}


def test_a_part_named_as_a_plugin_needs_no_plugin_key() -> None:
    assert (
        rock(GOOD.replace("web:", "dump:").replace("plugin: dump\n    ", "")).parts["dump"].plugin
        == "dump"
    )


@pytest.mark.parametrize("value", [None, 3, "x", [], [3], {}, {"a": 3}, {"a": None}, True])
@pytest.mark.parametrize(
    "key", ["name", "base", "platforms", "services", "checks", "parts", "environment", "contact"]
)
def test_no_value_of_any_kind_gets_a_traceback(key: str, value: Any) -> None:
    document = Document.parse(GOOD, "rockcraft.yaml")
    with contextlib.suppress(ProjectError):
        validate({**document.data, key: value}, document.where)
