"""An engine spoken to through its socket, without Docker's library."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from rockery.publish.engine import RefusedError, Socket


class _Engine(BaseHTTPRequestHandler):
    """Answers as dockerd does."""

    loaded: bytes = b""

    def do_GET(self) -> None:
        known = {"/info": {"Driver": "overlay2"}, "/images/json": [{"Id": "a"}, {"Id": "b"}]}
        known["/images/hello%3A0.1/json"] = {"Id": "a"}
        found = known.get(self.path)
        self._answer(404 if found is None else 200, found or {"message": "No such image"})

    def do_POST(self) -> None:
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        type(self).loaded = data
        if b"bad" in data:
            self._answer(200, {"error": "invalid tar header"})
        elif b"full" in data:
            self._answer(500, {"message": "no space left"})
        else:
            self._answer(200, {"stream": "Loaded"})

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Socket]:
    path = tmp_path / "docker.sock"
    with socketserver.UnixStreamServer(str(path), _Engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Socket(str(path))
        server.shutdown()
        thread.join()


def test_it_says_what_it_has(engine: Socket) -> None:
    assert engine.info()["Driver"] == "overlay2"
    assert engine.images() == ["a", "b"]
    assert engine.image("hello:0.1") == {"Id": "a"}
    assert engine.image("other:0.1") is None


def test_it_takes_an_archive_piece_by_piece(engine: Socket) -> None:
    engine.load(iter([b"one", b"", b"two"]))
    assert _Engine.loaded == b"onetwo"
    with pytest.raises(RefusedError, match="invalid tar header"):
        engine.load(iter([b"bad"]))
    with pytest.raises(RefusedError, match="no space left"):
        engine.load(iter([b"full"]))
