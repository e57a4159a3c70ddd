"""Which engine runs a rock, where some of them are there and don't work."""

from __future__ import annotations

from pathlib import Path

import pytest

from rockery.errors import SurroundingsError
from rockery.run import Wishes, choose
from rockery.run.embedded import Embedded
from rockery.store import Store

#: What podman 4 says to an ordinary user without the package uidmap; this stands for it, since
#: which podman a machine has, and whether it works, isn't the test's to choose.
BROKEN = """\
#!/bin/sh
echo 'a warning' >&2
echo 'Error: exec: "newuidmap": executable file not found in $PATH' >&2
exit 125
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store, where no Docker answers and podman can't run anything."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/podman").write_text(BROKEN)
    (tmp_path / "bin/podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    return Store(tmp_path / "store")


def test_what_does_not_work_is_passed_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Embedded, "__init__", lambda *_: None)
    assert choose(Wishes(), store).name == "embedded"


def test_what_was_asked_for_is_said_to_fail(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SurroundingsError, match=r"podman info: Error: exec: \"newuidmap\""):
        choose(Wishes(engine="podman"), store)
    with pytest.raises(SurroundingsError, match="no container engine answers"):
        choose(Wishes(engine="docker"), store)


def test_a_missing_socket_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rockery.publish import engine

    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with pytest.raises(SurroundingsError) as raised:
        engine.connect()
    (problem,) = raised.value.problems
    assert problem.details == (f"there is no socket {tmp_path}/docker.sock",)
