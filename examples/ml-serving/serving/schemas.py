"""What comes in and what goes out: the same for both servers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: How many numbers the model takes.
FEATURES = 10

_ROW = [0.5, -1.25, 3, 0, 12.5, -0.75, 8, 1, -2, 0.1]

Number = Annotated[float, Field(strict=True, ge=-1000, le=1000, allow_inf_nan=False)]
Row = Annotated[list[Number], Field(min_length=FEATURES, max_length=FEATURES)]
RequestId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[!-~]+$")]


class Health(BaseModel):
    """Whether this worker can predict; ``uptime`` is in seconds."""

    status: Literal["healthy", "unhealthy"]
    time: datetime
    uptime: float
    model_loaded: bool
    model_version: str | None


class Credentials(BaseModel):
    """Who wants a token."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "someone", "password": "a long password"}]}
    )

    username: str = Field(min_length=3, max_length=50)
    password: str = Field(min_length=8, max_length=1000)


class Token(BaseModel):
    """A bearer token; ``expires_in`` is in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int


class PredictRequest(BaseModel):
    """One row."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"features": _ROW, "request_id": "order-17"}]}
    )

    features: Row
    request_id: RequestId | None = None


class Prediction(BaseModel):
    """What the model says of one row, and whether it was remembered."""

    model_config = ConfigDict(protected_namespaces=())

    prediction: float
    cached: bool
    model_version: str
    request_id: str


class BatchRequest(BaseModel):
    """Up to a hundred rows."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rows": [_ROW, _ROW]}]})

    rows: list[Row] = Field(min_length=1, max_length=100)
    request_id: RequestId | None = None


class BatchPrediction(BaseModel):
    """What the model says of each row; ``processing_time`` is in seconds."""

    model_config = ConfigDict(protected_namespaces=())

    predictions: list[float]
    count: int
    processing_time: float
    model_version: str
    request_id: str


class Reference(BaseModel):
    """What the other service answered, and how long that took, in seconds."""

    status: int
    took: float


class FieldProblem(BaseModel):
    """What is wrong with one value of a request."""

    field: str
    message: str


class Error(BaseModel):
    """What every answer that isn't a success says: a word for programs, and why."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"error": "invalid_token", "detail": "it is no token"}]}
    )

    error: str
    detail: str | list[FieldProblem]


def problems(found: list[Any]) -> list[dict[str, str]]:
    """Return pydantic's findings as an error's detail; the values themselves stay out of it."""
    return [
        {
            "field": ".".join(str(step) for step in each["loc"] if step != "body"),
            "message": each["msg"],
        }
        for each in found
    ]
