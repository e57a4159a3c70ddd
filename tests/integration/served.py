"""A rock in a container, and ways to ask it."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

#: Seconds in which a rock must have begun to answer. A cold page cache is slow.
PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back: status, text and headers (names in lower case)."""

    status: int
    text: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Served:
    """A running container and where its ports are reached."""

    container: Container
    host: str

    def url(self, path: str = "/", port: int = 8000) -> str:
        """Return the address of ``path`` on a port of the container."""
        self.container.reload()
        (binding, *_) = self.container.ports[f"{port}/tcp"]
        return f"http://{self.host}:{binding['HostPort']}{path}"

    def get(self, path: str = "/", port: int = 8000, timeout: float = 60) -> Answer:
        """Ask once; an answer with an error status is an answer.

        Raises:
            OSError: nothing answered.
        """
        try:
            with urllib.request.urlopen(self.url(path, port), timeout=timeout) as response:
                return _answer(response)
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error)

    def wait(self, path: str = "/") -> None:
        """Return when the app answers ``path`` for the first time; fail the test if it doesn't."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.container.reload()
            if self.container.status == "exited":
                status = self.container.attrs["State"]["ExitCode"]
                pytest.fail(f"the container ended with {status}:\n{self.logs()}", pytrace=False)
            try:
                self.get(path, timeout=10)
            except (OSError, KeyError, TypeError) as error:  # the latter two: no ports as yet
                if time.monotonic() > deadline:
                    pytest.fail(f"no answer in {PATIENCE:g} s: {error}", pytrace=False)
                time.sleep(0.05)
            else:
                return

    def metrics(self, **expected: float) -> dict[str, float]:
        """Return the samples on port 9102, as soon as the ``expected`` ones are there.

        A sample's name includes its labels, in the order of the exposition. Workers send
        what they count after a moment, so this waits up to ten seconds for the values.
        """
        deadline = time.monotonic() + 10
        while True:
            samples = dict(
                _sample(line)
                for line in self.get("/metrics", 9102).text.splitlines()
                if line and not line.startswith("#")
            )
            found = {name: samples.get(name) for name in expected}
            if found == expected:
                return samples
            if time.monotonic() > deadline:
                own = [name for name in samples if not name.startswith(("go_", "process_"))]
                pytest.fail(f"metrics are {found}, not {expected}; there are {own}", pytrace=False)
            time.sleep(0.1)

    def logs(self) -> str:
        """Return what ``docker logs`` shows."""
        return str(self.container.logs().decode(errors="replace"))

    def stop(self, timeout: int = 45) -> int:
        """Stop as ``docker stop --time`` does; the container's exit status."""
        self.container.stop(timeout=timeout)
        return int(self.container.wait()["StatusCode"])


def _answer(response: Any) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, response.read().decode(errors="replace"), headers)


def _sample(line: str) -> tuple[str, float]:
    name, _, value = line.rpartition(" ")
    return name, float(value)


#: What the fixtures ``packed``, ``load`` and ``serve`` give.
Packed = Callable[..., Path]
Load = Callable[[Path], str]
Serve = Callable[..., AbstractContextManager[Served]]
