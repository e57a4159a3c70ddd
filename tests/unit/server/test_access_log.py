"""The access log as JSON."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

from rock_server.access import entry


def test_an_entry_survives_what_a_client_sends() -> None:
    environ = {
        "REMOTE_ADDR": "192.0.2.1",
        "REQUEST_METHOD": "GET",
        "RAW_URI": '/"\\\x00\x1b',
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_USER_AGENT": 'a"b\n{',
    }
    answer = SimpleNamespace(status="404 Not Found", sent=7)
    line = json.dumps(entry(answer, environ, timedelta(milliseconds=1.5)))
    assert "\n" not in line
    read = json.loads(line)
    assert (read["status"], read["size"], read["duration"]) == (404, 7, 0.0015)
    assert (read["target"], read["user_agent"]) == (environ["RAW_URI"], environ["HTTP_USER_AGENT"])
    assert read["referer"] is None
