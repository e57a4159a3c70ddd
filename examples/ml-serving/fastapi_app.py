"""The API with FastAPI.

Each worker loads the model when it starts up, before it takes a request. Predicting takes a
CPU, so a thread does it and the event loop goes on.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from serving import tokens
from serving.document import DESCRIPTION, TAGS, TITLE, VERSION
from serving.errors import ServiceError, invalid, of_status
from serving.model import Model
from serving.predictor import Predictor
from serving.requests import ID_HEADER, TIME_HEADER, log_prediction, log_to_stderr, request_id
from serving.schemas import (
    BatchPrediction,
    BatchRequest,
    Credentials,
    Error,
    Health,
    Prediction,
    PredictRequest,
    Reference,
    Token,
)
from serving.settings import read
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

_log = logging.getLogger("serving")

_Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


async def _user(request: Request, credentials: _Bearer) -> str:
    given = f"{credentials.scheme} {credentials.credentials}" if credentials else None
    return tokens.verify(given, request.app.state.settings)


User = Annotated[str, Depends(_user)]


def create_app(environ: Mapping[str, str] = os.environ) -> FastAPI:
    """Return the app; it loads the model when it starts up."""
    settings = read(environ)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        log_to_stderr()
        app.state.model = Model(settings.model, settings.cache_size)
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=10, limits=limits) as client:
            app.state.client = client
            with Predictor(app.state.model, settings.micro_batch) as predictor:
                app.state.predictor = predictor
                yield

    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=[ID_HEADER, TIME_HEADER],
        )
    # The last one is the outermost.
    app.add_middleware(Timed)

    @app.exception_handler(ServiceError)
    async def refused(request: Request, error: ServiceError) -> JSONResponse:
        return JSONResponse(error.body, error.status, error.headers)

    @app.exception_handler(RequestValidationError)
    async def not_valid(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse(invalid(list(error.errors())), 422)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(of_status(error.status_code), error.status_code, error.headers)

    @app.get(
        "/health",
        tags=["service"],
        summary="Whether it can predict",
        responses={503: {"model": Health}},
    )
    async def health(request: Request) -> JSONResponse:
        found: Health = request.app.state.model.health()
        return JSONResponse(found.model_dump(mode="json"), 200 if found.model_loaded else 503)

    @app.post("/login", tags=["service"], summary="Get a token", responses=_errors(401, 422))
    async def login(body: Credentials) -> Token:
        return tokens.login(body, settings)

    @app.post(
        "/predict",
        tags=["predictions"],
        summary="Predict one row",
        responses=_errors(401, 422, 503),
    )
    async def predict(
        request: Request, body: PredictRequest, user: User, background: BackgroundTasks
    ) -> Prediction:
        model: Model = request.app.state.model
        value = model.remembered(body.features)
        cached = value is not None
        if value is None:
            value = await request.app.state.predictor.predict(body.features)
        name = body.request_id or request.state.request_id
        background.add_task(log_prediction, user, name, 1, cached=cached)
        return Prediction(
            prediction=value, cached=cached, model_version=model.version, request_id=name
        )

    @app.post(
        "/predict/batch",
        tags=["predictions"],
        summary="Predict up to a hundred rows in one call",
        responses=_errors(401, 422, 503),
    )
    async def predict_batch(
        request: Request, body: BatchRequest, user: User, background: BackgroundTasks
    ) -> BatchPrediction:
        started = time.perf_counter()
        said = await request.app.state.predictor.predict_rows(body.rows)
        name = body.request_id or request.state.request_id
        background.add_task(log_prediction, user, name, len(said), cached=False)
        return BatchPrediction(
            predictions=said,
            count=len(said),
            processing_time=round(time.perf_counter() - started, 6),
            model_version=request.app.state.model.version,
            request_id=name,
        )

    @app.get(
        "/reference",
        tags=["service"],
        summary="Ask another service, and wait for it",
        responses=_errors(401, 502, 503),
    )
    async def reference(request: Request, user: User) -> Reference:
        if not settings.reference_url:
            raise ServiceError(503, "no_reference", "REFERENCE_URL is not set")
        started = time.perf_counter()
        try:
            answer = await request.app.state.client.get(settings.reference_url)
        except httpx.HTTPError as error:
            raise ServiceError(502, "reference_failed", type(error).__name__) from error
        return Reference(status=answer.status_code, took=round(time.perf_counter() - started, 6))

    return app


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Error} for status in statuses}


class Timed:
    """Each answer says whose it is and how long it took; a failure is an answer too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        name = request_id(Headers(scope=scope).get(ID_HEADER))
        scope.setdefault("state", {})["request_id"] = name
        begun = False

        async def mark(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers[ID_HEADER] = name
                headers[TIME_HEADER] = f"{time.perf_counter() - started:.6f}"
            await send(message)

        try:
            await self._app(scope, receive, mark)
        except Exception:
            if begun:
                raise
            _log.exception("%s %s", scope["method"], scope["path"])
            await JSONResponse(of_status(500), 500)(scope, receive, mark)


app = create_app()
