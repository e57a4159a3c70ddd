"""The mixin above a logger, without Gunicorn: what is counted, and what isn't."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from rock_metrics import check
from rock_metrics.check import is_asgi_check
from rock_metrics.logger import MetricsLogger, status_code

MOMENT = timedelta(milliseconds=1)


class Plain:
    def __init__(self, cfg: Any) -> None:
        self.lines: list[str] = []

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:
        self.lines.append(str(resp.status))


class Logger(MetricsLogger, Plain):
    def __init__(self) -> None:
        super().__init__(None)
        self.counted: list[int] = []
        self._record = lambda answered: self.counted.append(answered[0])


def response(status: str = "200 OK", *, headers_sent: bool = True) -> SimpleNamespace:
    return SimpleNamespace(status=status, headers_sent=headers_sent)


def test_a_request_is_counted_and_logged() -> None:
    logger = Logger()
    logger.access(response(), None, {"PATH_INFO": "/", "REMOTE_ADDR": "192.0.2.1"}, MOMENT)
    assert (logger.counted, logger.lines) == ([200], ["200 OK"])


@pytest.mark.parametrize(
    ("address", "left_out"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("::12", False),
     ("192.0.2.1", False), ("", False)],
)  # fmt: skip
def test_only_a_check_from_this_machine_is_left_out(address: str, left_out: bool) -> None:
    logger = Logger()
    environ = {"PATH_INFO": "/", "REMOTE_ADDR": address, "HTTP_X_ROCK_CHECK": "ready"}
    logger.access(response(), None, environ, MOMENT)
    assert (logger.counted, logger.lines) == (([], []) if left_out else ([200], ["200 OK"]))
    scope = {"client": (address, 1), "headers": [(b"host", b"h"), (b"x-rock-check", b"ready")]}
    assert is_asgi_check(scope) is left_out


@pytest.mark.parametrize(
    ("address", "left_out"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("192.0.2.7", True), ("fd00::5", True),
     ("127.0.0.1", True), ("192.0.2.8", False), ("11.0.0.1", False), ("", False)],
)  # fmt: skip
def test_a_proxy_that_is_named_may_check(
    address: str, left_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROCK_CHECKS_FROM", "10.0.0.0/8, 192.0.2.7,fd00::/8")
    check._believed.cache_clear()
    try:
        environ = {"REMOTE_ADDR": address, "HTTP_X_ROCK_CHECK": "haproxy"}
        assert check.is_wsgi_check(environ) is left_out
        del environ["HTTP_X_ROCK_CHECK"]
        assert not check.is_wsgi_check(environ)
    finally:
        check._believed.cache_clear()


def test_without_the_header_loopback_counts() -> None:
    logger = Logger()
    logger.access(response(), None, {"PATH_INFO": "/", "REMOTE_ADDR": "127.0.0.1"}, MOMENT)
    assert logger.counted == [200]
    assert not is_asgi_check({"client": ("127.0.0.1", 1), "headers": [(b"host", b"h")]})
    assert not is_asgi_check({"client": None, "headers": [(b"x-rock-check", b"ready")]})


def test_a_failure_before_the_answer_is_counted_once() -> None:
    logger = Logger()
    # Gunicorn calls from "finally" with the app's status, then with its own 500.
    try:
        try:
            raise RuntimeError
        finally:
            logger.access(response(headers_sent=False), None, {"PATH_INFO": "/"}, MOMENT)
    except RuntimeError:
        logger.access(response("500 Internal Server Error", headers_sent=False), None, {}, MOMENT)
    assert logger.counted == [500]


@pytest.mark.parametrize(
    ("status", "number"),
    [("404 Not Found", 404), (b"301 Moved", 301), (204, 204), (None, 500), ("", 500), ("OK", 500)],
)
def test_status_code(status: object, number: int) -> None:
    assert status_code(SimpleNamespace(status=status)) == number
