"""The format of ``extension.yaml``: its schema, and what is said of a wrong one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from rockery.data import data_folder
from rockery.errors import ProjectError
from rockery.extension import json_schema, load_definition, names
from rockery.extension.definition import Definition
from rockery.project.conformity import conforms
from rockery.project.document import Document

GOOD = """\
summary: A Bottle app
service: bottle
app: bottle/app
entrypoint:
  interface: wsgi
  constructors: [bottle.Bottle]
  names: [app]
  evidence:
    - variable: [.env, APP]
workers: [{use: sync, packages: [gunicorn]}]
snippet: "{}"
"""


def write(folder: Path, text: str) -> Path:
    own = folder / "rockery-extensions" / "bottle"
    own.mkdir(parents=True)
    (own / "extension.yaml").write_text(text)
    return folder


def test_the_schema_is_current() -> None:
    written = (data_folder("schema") / "extension.json").read_text()
    assert written == json_schema.text(json_schema.document()), (
        "write it anew: python -m rockery.extension.json_schema > schema/extension.json"
    )


@pytest.mark.parametrize("name", names())
def test_what_conforms_is_made_as_the_models_make_it(name: str) -> None:
    file = data_folder("extensions") / name / "extension.yaml"
    data = {"name": name, **Document.read(file, "x").data}
    assert conforms(data, "extension")
    made = TypeAdapter(Definition).validate_python(data)
    assert asdict(load_definition(name)) == asdict(made)


def test_an_own_one_is_read(tmp_path: Path) -> None:
    found = load_definition("bottle", write(tmp_path, GOOD))
    assert found.workers[0].packages == ("gunicorn",)
    assert found.entrypoint.evidence[0].variable == (".env", "APP")


@pytest.mark.parametrize(
    ("old", "new", "message", "where"),
    [
        ("service:", "servcie:", "'servcie'", 2),
        ("interface: wsgi", "interface: cgi", "'cgi' is not one of 'wsgi', 'asgi'", 5),
        ("names: [app]", "names: app", "needs a list, not a text", 7),
        ("[.env, APP]", "[.env]", "entrypoint.evidence[0].variable", 9),
        ("use: sync, ", "", "workers[0].use", 10),
        ('"{}"', "1", "needs a text", 11),
    ],
)
def test_a_wrong_one_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, message: str, where: int
) -> None:
    with pytest.raises(ProjectError) as error:
        load_definition("bottle", write(tmp_path, GOOD.replace(old, new)))
    told = [
        problem
        for problem in error.value.problems
        if message in problem.message
        and problem.where is not None
        and (problem.where.file, problem.where.line)
        == ("rockery-extensions/bottle/extension.yaml", where)
    ]
    assert told, error.value.problems
