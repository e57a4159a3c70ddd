"""Where the contract suite finds its servers.

Both apps are served in this process by default. With ``CONTRACT_URL`` it is the server at that
address, which has the settings in :data:`SETTINGS`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PROJECT = Path(__file__).parents[1]

#: What the server that is asked has to be started with.
SETTINGS = {
    "API_USERNAME": "contract",
    "API_PASSWORD": "the password of the contract",
    "SECRET_KEY": "the secret key of the contract, long enough",
    "CORS_ORIGINS": "https://app.example.org, https://other.example.org",
    "CACHE_SIZE": "50",
}

_GIVEN = os.environ.get("CONTRACT_URL")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model, trained for this run."""
    file = tmp_path_factory.mktemp("model") / "model.joblib"
    from create_model import create

    create(file)
    return file


@pytest.fixture(scope="session", params=["given"] if _GIVEN else ["flask", "fastapi"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server."""
    if _GIVEN:
        yield _GIVEN
        return
    environ = {**SETTINGS, "MODEL_FILE": str(request.getfixturevalue("model"))}
    with serve(request.param, environ) as address:
        yield address


@pytest.fixture(scope="session")
def client(server: str) -> Iterator[httpx.Client]:
    """A client of the server, without a token."""
    with httpx.Client(base_url=server, timeout=30) as made:
        yield made


@pytest.fixture(scope="session")
def token(client: httpx.Client) -> str:
    """A token that is good."""
    body = {"username": SETTINGS["API_USERNAME"], "password": SETTINGS["API_PASSWORD"]}
    return str(client.post("/login", json=body).json()["access_token"])


class serve:  # noqa: N801 - it is used like a function
    """Serve one of the apps in this process: ``with serve("flask", environ) as address``."""

    def __init__(self, framework: str, environ: dict[str, str]) -> None:
        if str(PROJECT) not in sys.path:
            sys.path.insert(0, str(PROJECT))
        # The apps are made at import too, as servers want them.
        os.environ.setdefault("APP_MODE", "development")
        start = {"flask": _flask, "fastapi": _fastapi}[framework]
        self.address, self._run, self._stop = start(environ)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self.address}/health")
            except httpx.TransportError:
                assert time.monotonic() < deadline, "it doesn't answer"
                time.sleep(0.05)
            else:
                return self.address

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._thread.join(30)


def _flask(environ: dict[str, str]):
    from flask_app import create_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

    server = make_server(
        "127.0.0.1", 0, create_app(environ), threaded=True, request_handler=Handler
    )
    return f"http://127.0.0.1:{server.port}", server.serve_forever, server.shutdown


def _fastapi(environ: dict[str, str]):
    import socket

    import uvicorn
    from fastapi_app import create_app

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(environ), log_level="warning"))

    def stop() -> None:
        server.should_exit = True

    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    return address, lambda: server.run(sockets=[listener]), stop
