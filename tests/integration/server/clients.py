"""Clients that account for each request: answered, refused, or lost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from threading import Thread


@dataclass
class Clients:
    """Some clients that ask one after the other, until they are told to stop.

    ``keep`` is whether a client goes on asking on the connection it has, until the server
    says that it ends. What comes of each request, in ``seen``:

    - ``answered``: with its status, ``answered 200``;
    - ``refused``: no connection was established, the client can go elsewhere;
    - ``lost``: there was a connection, and no answer on it.
    """

    host: str
    port: int
    number: int = 16
    keep: bool = False
    path: str = "/"
    #: Seconds that a client waits after each answer: less than all of the machine is asked for.
    pause: float = 0
    #: How many requests to make in all; None goes on until told to stop.
    total: int | None = None
    seen: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    #: The longest time, in seconds, in which the clients themselves didn't get to run.
    stalled: float = 0

    def __enter__(self) -> Clients:
        self._stopped = False
        self._thread = Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._thread.join(timeout=60)
        assert not self._thread.is_alive(), "a client hangs"

    def give_up(self) -> None:
        """Ask no more, and don't wait for connections that aren't established."""
        self._stopped = True

    @property
    def answered(self) -> int:
        return sum(number for what, number in self.seen.items() if what.startswith("answered"))

    def finish(self, seconds: float) -> None:
        """Return when ``total`` requests are made."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"after {seconds} s there are {self.seen}"

    async def _run(self) -> None:
        watching = asyncio.ensure_future(self._watch())
        await asyncio.gather(*(self._client() for _ in range(self.number)))
        watching.cancel()

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.5)
            self.stalled = max(self.stalled, time.monotonic() - began - 0.5)

    async def _client(self) -> None:
        while not self._stopped:
            try:
                # A first packet that is dropped is sent again after a second.
                async with asyncio.timeout(4):
                    reader, writer = await asyncio.open_connection(self.host, self.port)
            except OSError:
                self.seen["refused"] += 1
                await asyncio.sleep(0.05)
                continue
            try:
                while not self._stopped:
                    if not await self._ask(reader, writer):
                        break
            except (OSError, EOFError, ValueError) as error:
                self.seen["lost"] += 1
                self.problems[repr(error)] += 1
            finally:
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Ask once; return whether the connection may be used again."""
        if self.total is not None:
            if not self.total:
                self._stopped = True
                return False
            self.total -= 1
        end = "keep-alive" if self.keep else "close"
        writer.write(f"GET {self.path} HTTP/1.1\r\nHost: h\r\nConnection: {end}\r\n\r\n".encode())
        async with asyncio.timeout(45):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
            await reader.readexactly(int(length.partition(":")[2]))
        self.seen[f"answered {head.split(None, 2)[1]}"] += 1
        if self.pause:
            await asyncio.sleep(self.pause)
        return self.keep and "\r\nconnection: close" not in head
