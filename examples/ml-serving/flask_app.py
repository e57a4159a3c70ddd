"""The API with Flask.

Each worker loads the model when it imports this module, before it takes a request.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, TypeVar

import httpx
from flask import Flask, Response, g, jsonify, request
from flask_cors import CORS
from pydantic import BaseModel, ValidationError
from serving import tokens
from serving.document import document
from serving.errors import ServiceError, invalid, of_status
from serving.model import Model
from serving.requests import ID_HEADER, TIME_HEADER, log_prediction, log_to_stderr, request_id
from serving.schemas import (
    BatchPrediction,
    BatchRequest,
    Credentials,
    Prediction,
    PredictRequest,
    Reference,
)
from serving.settings import read
from werkzeug.exceptions import HTTPException

_Body = TypeVar("_Body", bound=BaseModel)


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Return the app, with the model loaded."""
    settings = read(environ)
    log_to_stderr()
    model = Model(settings.model, settings.cache_size)
    client = httpx.Client(timeout=10, limits=httpx.Limits(max_connections=None))
    app = Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    if settings.origins:
        exposed = [ID_HEADER, TIME_HEADER]
        CORS(app, origins=list(settings.origins), expose_headers=exposed)

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.request_id = request_id(request.headers.get(ID_HEADER))

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers[ID_HEADER] = g.request_id
        response.headers[TIME_HEADER] = f"{time.perf_counter() - g.started:.6f}"
        return response

    @app.errorhandler(ServiceError)
    def refused(error: ServiceError) -> tuple[Response, int, dict[str, str]]:
        return jsonify(error.body), error.status, error.headers

    @app.errorhandler(ValidationError)
    def not_valid(error: ValidationError) -> tuple[Response, int]:
        return jsonify(invalid(error.errors(include_url=False, include_input=False))), 422

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int, dict[str, str]]:
        status = error.code or 500
        allowed = getattr(error, "valid_methods", None)
        headers = {"Allow": ", ".join(sorted(allowed))} if allowed else {}
        return jsonify(of_status(status)), status, headers

    @app.errorhandler(Exception)
    def broken(error: Exception) -> tuple[Response, int]:
        app.logger.exception("%s %s", request.method, request.path)
        return jsonify(of_status(500)), 500

    @app.get("/health")
    def health() -> tuple[Response, int]:
        found = model.health()
        return jsonify(found.model_dump(mode="json")), 200 if found.model_loaded else 503

    @app.post("/login")
    def login() -> Response:
        return jsonify(tokens.login(_body(Credentials), settings).model_dump())

    @app.post("/predict")
    def predict() -> Response:
        user, body = _user(), _body(PredictRequest)
        value = model.remembered(body.features)
        cached = value is not None
        if value is None:
            (value,) = model.predict([body.features])
        name = body.request_id or g.request_id
        return _after(
            Prediction(
                prediction=value, cached=cached, model_version=model.version, request_id=name
            ),
            lambda: log_prediction(user, name, 1, cached=cached),
        )

    @app.post("/predict/batch")
    def predict_batch() -> Response:
        user, body = _user(), _body(BatchRequest)
        started = time.perf_counter()
        said = model.predict(body.rows)
        name = body.request_id or g.request_id
        return _after(
            BatchPrediction(
                predictions=said,
                count=len(said),
                processing_time=round(time.perf_counter() - started, 6),
                model_version=model.version,
                request_id=name,
            ),
            lambda: log_prediction(user, name, len(said), cached=False),
        )

    @app.get("/reference")
    def reference() -> Response:
        """Ask the other service; this worker, or its greenlet, waits meanwhile."""
        _user()
        if not settings.reference_url:
            raise ServiceError(503, "no_reference", "REFERENCE_URL is not set")
        started = time.perf_counter()
        try:
            answer = client.get(settings.reference_url)
        except httpx.HTTPError as error:
            raise ServiceError(502, "reference_failed", type(error).__name__) from error
        took = round(time.perf_counter() - started, 6)
        return jsonify(Reference(status=answer.status_code, took=took).model_dump())

    @app.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(document())

    def _user() -> str:
        return tokens.verify(request.headers.get("Authorization"), settings)

    return app


def _body(model: type[_Body]) -> _Body:
    return model.model_validate_json(request.get_data())


def _after(answer: BaseModel, then: Any) -> Response:
    """Return an answer, with what is to be done once it is sent."""
    response = jsonify(answer.model_dump())
    response.call_on_close(then)
    return response


app = create_app()
