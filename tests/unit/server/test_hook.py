"""The project's own hook of a server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rock_server import hook

Write = Callable[[str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda text: (tmp_path / "custom_flask.py").write_text(text) and None
    sys.modules.pop("custom_flask", None)


def test_only_the_servers_own_counts(tmp_path: Path, write: Write) -> None:
    write("")
    assert hook.find("flask", ["/nowhere", str(tmp_path)]) == tmp_path / "custom_flask.py"
    assert hook.find("fastapi", [str(tmp_path)]) is None
    assert hook.find("", [str(tmp_path)]) is None


def test_it_is_given_the_app(write: Write) -> None:
    write("def init_app(app):\n    app.append(1)\n")
    app: list[int] = []
    hook.load("flask", app)
    assert app == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_this_name", "cannot load custom_flask.py: ModuleNotFoundError: No"),
        ("1 +", "cannot load custom_flask.py: SyntaxError"),
        ("x = 1", r"cannot load custom_flask.py: AttributeError: .* no attribute 'init_app'"),
        (
            "def init_app(app):\n    raise ValueError('no licence')",
            r"init_app\(app\) of custom_flask.py raised ValueError: no licence",
        ),
        ("async def init_app(app): ...", "is async; nothing waits for it"),
    ],
)
def test_what_goes_wrong_is_the_reason(write: Write, text: str, message: str) -> None:
    write(text)
    with pytest.raises(hook.HookError, match=message):
        hook.load("flask", object())
