"""The API's description in OpenAPI 3.1, made of the data models.

FastAPI writes its own from its routes; Flask serves this one. A test compares them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving import schemas

TITLE = "ml-serving"
VERSION = "0.1"
DESCRIPTION = "Predictions of a random forest. Get a token first, then send it with each request."
TAGS = [
    {"name": "predictions", "description": "What the model says."},
    {"name": "service", "description": "Tokens, health, and another service."},
]

_TEMPLATE = "#/components/schemas/{model}"


@dataclass(frozen=True)
class Operation:
    """One method of one path; ``errors`` are the statuses that it may answer with instead."""

    path: str
    method: str
    tag: str
    summary: str
    answer: type[BaseModel]
    body: type[BaseModel] | None = None
    errors: tuple[int, ...] = ()


OPERATIONS = (
    Operation("/health", "get", "service", "Whether it can predict", schemas.Health),
    Operation(
        "/login", "post", "service", "Get a token", schemas.Token, schemas.Credentials, (401, 422)
    ),
    Operation(
        "/predict",
        "post",
        "predictions",
        "Predict one row",
        schemas.Prediction,
        schemas.PredictRequest,
        (401, 422, 503),
    ),
    Operation(
        "/predict/batch",
        "post",
        "predictions",
        "Predict up to a hundred rows in one call",
        schemas.BatchPrediction,
        schemas.BatchRequest,
        (401, 422, 503),
    ),
    Operation(
        "/reference",
        "get",
        "service",
        "Ask another service, and wait for it",
        schemas.Reference,
        errors=(401, 502, 503),
    ),
)


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    models = [each.answer for each in OPERATIONS] + [each.body for each in OPERATIONS if each.body]
    _, components = models_json_schema(
        [(model, "validation") for model in (*models, schemas.Error)], ref_template=_TEMPLATE
    )
    paths: dict[str, Any] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method] = _operation(each)
    bearer = {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "tags": TAGS,
        "paths": paths,
        "components": {"schemas": components["$defs"], "securitySchemes": bearer},
    }


def _operation(each: Operation) -> dict[str, Any]:
    answers = {"200": _content("The answer", each.answer)}
    answers |= {str(status): _content("Why not", schemas.Error) for status in each.errors}
    if each.answer is schemas.Health:
        answers["503"] = _content("It can't", schemas.Health)
    said: dict[str, Any] = {"tags": [each.tag], "summary": each.summary, "responses": answers}
    if each.body:
        said["requestBody"] = {"required": True, **_content("", each.body)}
        said["requestBody"].pop("description")
    if 401 in each.errors and each.path != "/login":
        said["security"] = [{"HTTPBearer": []}]
    return said


def _content(description: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": _TEMPLATE.format(model=model.__name__)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
