"""Which projects are installed themselves, besides what they need."""

from __future__ import annotations

from pathlib import Path

import pytest

from rockery.plan.parts import _is_installable

POETRY = '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
NAMED = '[tool.poetry]\nname = "my-shop"\nversion = "1"\n'


@pytest.mark.parametrize(
    ("text", "folders", "installed"),
    [
        (POETRY + NAMED, ["my_shop"], True),
        (POETRY + NAMED, ["src/my_shop"], True),
        (POETRY + NAMED, ["src", "app"], False),
        (POETRY + NAMED + 'packages = [{ include = "app" }]\n', ["app"], True),
        (POETRY + NAMED + "package-mode = false\n", ["my_shop"], False),
        (POETRY + '[project]\nname = "my.shop"\nversion = "1"\n[tool.poetry]\n', ["my_shop"], True),
        (
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            "[tool.poetry.group.dev]\n",
            ["app"],
            True,
        ),
    ],
)
def test_a_poetry_project_without_a_package_is_only_what_it_needs(
    text: str, folders: list[str], installed: bool, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert _is_installable(tmp_path / "pyproject.toml") is installed
