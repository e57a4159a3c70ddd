"""The middleware around an ASGI app: what counts as answered, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableSequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from rock_metrics.asgi import Answer, Message, Observed, Receive, Scope, Send

START: Message = {"type": "http.response.start", "status": 201, "headers": [(b"a", b"b")]}


class Log:
    def __init__(self, *, access: bool = False) -> None:
        self.access_log = SimpleNamespace(hasHandlers=lambda: access)
        self.counted: list[int] = []
        self.noted = bytearray(1)
        self.checks = 0
        self.entries: list[tuple[Answer, dict[str, str]]] = []

    def recorder(self) -> tuple[Callable[[tuple[int, float]], None], MutableSequence[int]]:
        return lambda answered: self.counted.append(answered[0]), self.noted

    def check_answered(self) -> None:
        self.checks += 1

    def access(self, resp: Answer, req: Any, environ: dict[str, str], took: timedelta) -> None:
        self.entries.append((resp, environ))


def scope(**changes: Any) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"q=1",
        "http_version": "1.1",
        "headers": [(b"user-agent", b"me")],
        "client": ("192.0.2.1", 5),
        **changes,
    }


def run(app: Any, log: Log, given: Scope | None = None, ready_path: str = "/") -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    asyncio.run(Observed(app, log, ready_path)(given or scope(), receive, send))
    return sent


def body(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def test_an_answer_is_counted_when_its_last_part_is_sent() -> None:
    log = Log()
    counted_after: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in (START, body(b"a", more=True), body(b"b")):
            await send(message)
            counted_after.append(len(log.counted))
        await asyncio.sleep(0)  # what the app does in the background

    assert len(run(app, log)) == 3
    assert counted_after == [0, 0, 1]
    assert log.counted == [201]
    assert log.noted[0] == 1


def test_an_app_that_raises_is_counted_as_what_the_client_sees() -> None:
    log = Log()

    async def before(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError

    async def amid(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        raise RuntimeError

    for app in (before, amid):
        with pytest.raises(RuntimeError):
            run(app, log)
    assert log.counted == [500, 201]


def test_an_app_that_does_not_answer_is_answered_for() -> None:
    log = Log()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        return

    run(app, log)
    assert log.counted == [500]


def test_a_body_before_the_answer_began_is_the_apps_mistake() -> None:
    log = Log()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(body(b""))
        raise RuntimeError  # as Uvicorn does

    with pytest.raises(RuntimeError):
        run(app, log)
    assert log.counted == [500]


def test_a_cancelled_request_without_an_answer_is_not_counted() -> None:
    log = Log()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(app, log)
    assert log.counted == []


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_other_scopes_pass_through(kind: str) -> None:
    log, seen = Log(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    run(app, log, {"type": kind})
    assert (seen, log.counted) == ([kind], [])


def test_a_check_is_left_out() -> None:
    log = Log()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b""))

    check = scope(client=("127.0.0.1", 5), headers=[(b"x-rock-check", b"ready")])
    start, _ = run(app, log, check)
    assert (log.counted, log.checks) == ([], 1)
    assert start["status"] == 200


@pytest.mark.parametrize(("status", "seen"), [(204, 200), (302, 200), (404, 200), (503, 503)])
def test_a_check_is_answered_for_its_status(status: int, seen: int) -> None:
    asked: list[tuple[str, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((scope["path"], scope["query_string"]))
        await send({**START, "status": status})
        await send(body(b""))

    for path, client in (("/", "::1"), ("/own", "::1"), ("/", "192.0.2.1")):
        check = scope(
            path=path,
            query_string=b"",
            client=(client, 5),
            headers=[(b"x-rock-check", b"ready")],
        )
        start, _ = run(app, Log(), check, ready_path="/health?deep=1")
        assert start["status"] == (seen if client == "::1" else status)
    assert asked == [("/health", b"deep=1"), ("/own", b""), ("/", b"")]


def test_the_last_answers_say_so() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b""))

    observed = Observed(app, Log())
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    for observed.last_requests in (False, True):
        asyncio.run(observed(scope(), receive, send))
    assert [(b"connection", b"close") in message.get("headers", []) for message in sent] == [
        False, False, True, False,
    ]  # fmt: skip


def test_the_access_log_gets_what_gunicorn_logs() -> None:
    log = Log(access=True)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b"abc"))

    run(app, log)
    ((answer, environ),) = log.entries
    assert log.counted == []
    assert (answer.status, answer.sent, answer.headers) == (201, 3, [("a", "b")])
    assert environ["RAW_URI"] == "/a%20b?q=1"
    assert environ["REMOTE_ADDR"] == "192.0.2.1"
    assert environ["HTTP_USER_AGENT"] == "me"
