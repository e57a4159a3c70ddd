from __future__ import annotations

from pathlib import Path

import pytest

from rockery.project import keys
from rockery.project.part import Part
from rockery.project.schema import RockFile
from rockery.project.service import Check, Service

PAGE = Path(__file__).parents[3] / "docs" / "rockcraft-yaml.md"

# The keys that a user of rockcraft may have.
TOP = """
    name title version summary description base build-base license platforms services checks
    parts extensions adopt-info entrypoint-service entrypoint-command environment run-user
    package-repositories contact issues source-code cmd entrypoint env
"""
PART = """
    plugin source source-type source-subdir source-branch source-tag source-commit source-depth
    source-submodules source-checksum source-channel after build-packages build-snaps
    build-environment build-attributes stage-packages stage-snaps stage prime organize permissions
    override-pull override-build override-stage override-prime disable-parallel overlay
    overlay-packages overlay-script override-overlay
"""
SERVICE = """
    backoff-delay backoff-factor backoff-limit on-success on-failure on-check-failure user user-id
    group group-id working-dir kill-delay command override startup summary description after
    before requires environment
"""


@pytest.mark.parametrize(
    ("table", "expected"), [(keys.ROCK, TOP), (keys.PART, PART), (keys.SERVICE, SERVICE)]
)
def test_every_key_of_rockcraft_is_known(table: dict[str, keys.Key], expected: str) -> None:
    assert set(expected.split()) <= set(table)


def test_each_key_says_what_it_does_or_why_not() -> None:
    for table in (keys.ROCK, keys.PART, keys.SERVICE, keys.CHECK):
        for key in table.values():
            assert bool(key.meaning) != bool(key.refusal)


@pytest.mark.parametrize(
    ("table", "model", "besides"),
    [
        (keys.ROCK, RockFile, {"extensions"}),
        (keys.PART, Part, set()),
        (keys.SERVICE, Service, set()),
        (keys.CHECK, Check, set()),
    ],
)
def test_a_key_is_honoured_if_and_only_if_the_model_has_it(
    table: dict[str, keys.Key], model: type[RockFile], besides: set[str]
) -> None:
    own = {key for plugin in keys.PLUGINS.values() for key in plugin}
    fields = {field.alias for field in model.model_fields.values()} - own
    assert {name for name, key in table.items() if key.honoured} - besides == fields


def test_the_page_is_the_code() -> None:
    assert PAGE.read_text() == keys.page()
