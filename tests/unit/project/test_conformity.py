"""What conforms to the schema is fine by the models, and real files conform."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from rockery.data import data_folder
from rockery.errors import ProjectError
from rockery.project import json_schema, rules, schema
from rockery.project.conformity import conforms
from rockery.project.document import Document

ROOT = Path(__file__).parents[3]
FILES = sorted(
    [
        *ROOT.glob("tests/corpus/*/project/rockcraft.yaml"),
        *ROOT.glob("tests/corpus/*/expected.yaml"),
    ]
)


def documents() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in FILES:
        try:
            yield path, Document.read(path, path.name).data
        except ProjectError:
            continue


def test_the_schema_is_current() -> None:
    written = (data_folder("schema") / "rockcraft.json").read_text()
    assert written == json_schema.text(json_schema.document()), (
        "write it anew: python -m rockery.project.json_schema > schema/rockcraft.json"
    )


def test_the_schema_as_editors_apply_it() -> None:
    """With a library of the kind that editors have, not with our own reading of it."""
    schema = json.loads((data_folder("schema") / "rockcraft.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    editor = jsonschema.Draft202012Validator(schema)
    files = sorted(ROOT.glob("examples/*/rockcraft.yaml"))
    assert len(files) > 5
    for path in files:
        data = yaml.safe_load(path.read_text())
        assert not list(editor.iter_errors(data)), path
        assert list(editor.iter_errors({**data, "extension": ["flask-framework"]}))


def test_files_without_a_fault_conform() -> None:
    """Else each command on them imports the models."""
    odd = [
        path
        for path, data in documents()
        if schema.findings(rules.with_plugins(data)) is None
        and not list(rules.problems(data, Document.parse("a: b", "x").where))
        and not conforms(rules.with_plugins(data), "rockcraft")
    ]
    # Short forms of platforms are looked at by the models; the other is found by expanding.
    known = {"platforms-of-all-forms", "extension-key-text"}
    assert {path.relative_to(ROOT / "tests/corpus").parts[0] for path in odd} <= known


VALUES: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        70000,
        1.5,
        "",
        "x",
        "a/../b",
        "/etc",
        "-",
        "-a",
        "..",
        "1s",
        "1.5",
        "x\n",
    ),
    *("amd64", "amd64\n", "ubuntu@24.04:arm64", "any", "0755", "enabled", "restart"),
    *([], ["x"], [None], [1], ["amd64", "arm64"]),
    *({}, {"x": 1}, {"build-on": "amd64"}, {"build-for": ["arm64"]}, {"owner": 1}),
    *({"http": {}, "tcp": {}}, {"url": "x"}, {"path": "a", "mode": "999"}, {"port": 0}),
    {"a": "restart"},
]


@pytest.mark.parametrize("seed", range(5))
def test_what_conforms_is_fine_by_the_models(seed: int) -> None:
    chance = random.Random(seed)
    for path, data in documents():
        changed = copy.deepcopy(data)
        for _ in range(chance.randint(1, 3)):
            change(changed, chance)
        given = rules.with_plugins(changed)
        if conforms(given, "rockcraft"):
            error = schema.findings(given)
            assert error is None, (path, changed, error)


def change(data: dict[str, Any], chance: random.Random) -> None:
    holder: Any = data
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(holder[key], dict | list) and chance.random() < 0.8:
            holder = holder[key]
            continue
        value = chance.choice(VALUES)
        if isinstance(holder, dict) and chance.random() < 0.3:
            key = chance.choice(PROPERTIES)
        holder[key] = value
        return


PROPERTIES = sorted(
    {
        key
        for model in [
            json_schema.document(),
            *json_schema.document()["$defs"].values(),
        ]
        for key in model.get("properties", {})
    }
)
