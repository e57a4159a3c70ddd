from __future__ import annotations

import pytest

from rockery.project.part import Part
from rockery.project.script import Links, links_of


def part(script: str, **more: str) -> Part:
    return Part.model_validate({"plugin": "nil", "override-build": script, **more})


def test_links_and_folders_are_data() -> None:
    script = (
        "# the usual place\nln -s fastapi/app $CRAFT_PART_INSTALL/app\n"
        'mkdir -p "${CRAFT_PART_INSTALL}/var/log/x"\n'
    )
    assert links_of(part(script)) == Links({"app": "fastapi/app"}, ("var/log/x",))


@pytest.mark.parametrize(
    "script",
    [
        "rm -rf /",
        "ln -s a $CRAFT_PART_INSTALL/b; reboot",
        "ln -s $(id) $CRAFT_PART_INSTALL/b",
        "ln -s a $CRAFT_PART_INSTALL/../b",
        "ln -s a /b",
        "ln a $CRAFT_PART_INSTALL/b",
        "craftctl default",
    ],
)
def test_anything_else_needs_a_shell(script: str) -> None:
    assert links_of(part(script)) is None


def test_a_source_or_another_script_needs_a_shell() -> None:
    script = "ln -s a $CRAFT_PART_INSTALL/b"
    assert links_of(part(script, source=".")) is None
    assert links_of(part(script, **{"override-prime": "true"})) is None
    assert links_of(Part.model_validate({"plugin": "nil"})) is None
