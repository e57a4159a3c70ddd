"""What of a ``rockcraft.yaml`` becomes the image's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from rockery.image import ImageSettings
from rockery.pack.settings import settings
from rockery.project import document, schema

DATA: dict[str, Any] = {
    "name": "hello",
    "version": "1.0",
    "summary": "A greeting",
    "base": "bare",
    "build-base": "debian@12",
    "platforms": {"amd64": None},
    "parts": {"nothing": {"plugin": "nil"}},
    "services": {
        "web": {"override": "replace", "startup": "enabled", "command": "run [ fast ]"},
    },
}


def made(version: str = "1.0", **more: Any) -> ImageSettings:
    data = {**DATA, **{name.replace("_", "-"): value for name, value in more.items()}}
    where = document.Document.parse(document.dump(data), "rockcraft.yaml").where
    return settings(schema.validate(data, where), version, "amd64")


def test_pebble_is_the_first_process() -> None:
    plain = made()
    assert plain.entrypoint == ("/usr/bin/pebble", "enter")
    assert plain.command == ()
    assert plain.user == ""
    assert plain.environment["PEBBLE_VERBOSE"] == "1"
    assert plain.environment["PEBBLE_COPY_ONCE"].startswith("/")
    assert made(run_user="_daemon_").user == "584792"


def test_the_user_has_the_last_word_on_variables() -> None:
    given = made(environment={"PEBBLE_VERBOSE": "0", "OWN": "x"}).environment
    assert (given["PEBBLE_VERBOSE"], given["OWN"]) == ("0", "x")


def test_an_entrypoint_of_the_users_own() -> None:
    assert made(entrypoint_service="web").entrypoint[-2:] == ("--args", "web")
    own = made(entrypoint_command="/bin/run 'a b' [ -x 1 ]", services={})
    assert own.entrypoint == ("/bin/run", "a b")
    assert own.command == ("-x", "1")


def test_annotations() -> None:
    told = made(license="Apache-2.0", contact="me@localhost", title="Hello").annotations
    prefix = "org.opencontainers.image."
    assert {name.removeprefix(prefix): text for name, text in told.items()} == {
        "title": "Hello",
        "version": "1.0",
        "ref.name": "hello",
        "base.name": "bare",
        "description": "A greeting",
        "licenses": "Apache-2.0",
        "authors": "me@localhost",
    }


@pytest.mark.parametrize(
    ("version", "tag"), [("1.0", "1.0"), ("1.0+git", "1.0_git"), ("1:2~rc1", "1_2_rc1")]
)
def test_a_reference_is_one_that_engines_take(version: str, tag: str) -> None:
    assert made(version).reference == f"hello:{tag}"


def test_an_engine_asks_pebble_where_there_is_a_check_to_ask() -> None:
    ready = {"up": {"override": "replace", "level": "ready", "tcp": {"port": 8000}}}
    assert made().health is None
    assert made(checks=ready).health is not None
    assert made(checks={"up": {**ready["up"], "level": "alive"}}).health is None
