"""The load generator, a process of its own: prepared requests over kept connections, so many in flight.

It reads from stdin, a line of its length before each, what to send as msgpack (`Burst`), and writes `Told` as a line
of JSON. Requests are encoded before the clock starts; its own CPU time is told, for it must not be the bottleneck.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import Counter
from typing import cast

import msgspec

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Burst(msgspec.Struct):
    """Requests to one port of this machine, `in_flight` of them at a time, each a whole HTTP/1.1 request."""

    port: int
    in_flight: int
    requests: list[bytes]
    keeps_times: bool = False


class Told(msgspec.Struct):
    """How a burst went: times in seconds, `began`, `ended` and `sent` by the machine's monotonic clock.

    `sent` has when each request was written, where that was asked for.
    """

    began: float
    ended: float
    p50: float
    p99: float
    cpu: float
    answers: dict[int, int]
    sent: list[float] = []

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.ended - self.began


class _Run:
    """What is left to send, and what came back."""

    def __init__(self, requests: list[bytes], sent: list[float] | None) -> None:
        self.requests = iter(requests)
        self.sent = sent
        self.seconds: list[float] = []
        self.answers: Counter[int] = Counter()


class _Connection(asyncio.Protocol):
    """Sends one request after the other, each when the one before was answered."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._sent = 0.0
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed a connection"))

    def go_on(self) -> None:
        """Send the next request, or end."""
        assert self._transport is not None
        request = next(self._run.requests, None)
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        if self._run.sent is not None:
            self._run.sent.append(self._sent)
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        head, found, body = received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if found else None
        if length is None or len(body) < int(length[1]):
            self._received = received
            return
        self._received = b""
        self._run.seconds.append(time.perf_counter() - self._sent)
        self._run.answers[int(head[9:12])] += 1
        self.go_on()


async def send(burst: Burst) -> Told:
    """Send a burst and tell how it went."""
    loop, run = asyncio.get_running_loop(), _Run(burst.requests, [] if burst.keeps_times else None)
    connections = [
        (await loop.create_connection(lambda: _Connection(run), "127.0.0.1", burst.port))[1]
        for _ in range(min(burst.in_flight, len(burst.requests)))
    ]
    cpu, began = time.process_time(), time.perf_counter()
    for connection in connections:
        connection.go_on()
    await asyncio.gather(*(connection.done for connection in connections))
    ended, cpu = time.perf_counter(), time.process_time() - cpu
    run.seconds.sort()
    p50, p99 = (run.seconds[int(len(run.seconds) * share)] for share in (0.5, 0.99))
    return Told(began, ended, p50, p99, cpu, dict(run.answers), run.sent or [])


async def main() -> None:
    """Send what comes on stdin until it ends."""
    decode = msgspec.msgpack.Decoder(Burst).decode
    while line := sys.stdin.buffer.readline():
        told = await send(decode(sys.stdin.buffer.read(int(line))))
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
