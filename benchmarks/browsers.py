"""Browsers, a process of their own: so many WebSockets to a port, which count the text frames that they get.

It reads orders from stdin, a line of JSON each (`Open`, `Expect`), and answers each with a line: an Open once all
sockets have had their first frames, an Expect with `ready` and then, once every socket has had so many more, `Seen`.
Frames are counted by their heads alone, so that one core can follow a server that writes to a thousand.
"""

from __future__ import annotations

import base64
import os
import resource
import select
import socket
import sys
import time
from typing import Any

import msgspec

_TEXT, _PING = 0x81, 0x89
_PONG = 0x8A
_PATIENCE = 120.0


class Open(msgspec.Struct, tag=True):
    """Open sockets; each gets `greeting` text frames before anything happens. Those that are open are closed."""

    port: int
    path: str
    headers: list[str]
    count: int
    greeting: int


class Expect(msgspec.Struct, tag=True):
    """Wait until each socket has had so many text frames more."""

    frames: int


class Seen(msgspec.Struct):
    """When frames came to the first socket, when the last came to the last, and what counting cost, in seconds.

    `size` is the bytes of the last text.
    """

    times: list[float]
    ended: float
    cpu: float
    size: int


class _Browser:
    """One socket."""

    __slots__ = ("buffer", "seen", "size", "sock")

    def __init__(self, order: Open) -> None:
        self.sock = socket.create_connection(("127.0.0.1", order.port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {order.path} HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", *order.headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = self.sock.recv(4096)
            if not part:
                raise ConnectionError(head.decode("latin-1"))
            head += part
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(head.decode("latin-1"))
        self.sock.setblocking(False)
        self.seen = self.size = 0
        self.buffer = b""
        self._count(head.partition(b"\r\n\r\n")[2])

    def read(self) -> None:
        """Count what has come."""
        data = self.sock.recv(262_144)
        if not data:
            raise ConnectionError("the server closed a socket")
        self._count(self.buffer + data if self.buffer else data)

    def _count(self, data: bytes) -> None:
        at, end = 0, len(data)
        while end - at >= 2:
            size, body = data[at + 1] & 127, at + 2
            if size == 126:
                size, body = int.from_bytes(data[at + 2 : at + 4]), at + 4
            elif size == 127:
                size, body = int.from_bytes(data[at + 2 : at + 10]), at + 10
            if body + size > end or (body > at + 2 and end < body):
                break
            if data[at] == _TEXT:
                self.seen += 1
                self.size = size
            elif data[at] == _PING:
                # Masked by zeros, which changes nothing.
                self.sock.send(bytes((_PONG, 0x80 | size, 0, 0, 0, 0)) + data[body : body + size])
            at = body + size
        self.buffer = data[at:]


class Browsers:
    """All sockets."""

    def __init__(self) -> None:
        self._all: dict[int, _Browser] = {}
        self._poll: Any = None
        self._first: _Browser | None = None

    def open(self, order: Open) -> None:
        """Open sockets instead of those that are open, and wait for their greeting."""
        self.close()
        self._poll = select.epoll()
        for _ in range(order.count):
            browser = _Browser(order)
            self._first = self._first or browser
            self._all[browser.sock.fileno()] = browser
            self._poll.register(browser.sock.fileno(), select.EPOLLIN)
        self._until(order.greeting, [])

    def expect(self, order: Expect) -> Seen:
        """Wait for frames and tell how they came."""
        cpu, times = time.process_time(), list[float]()
        self._until(order.frames, times)
        ended, cpu = time.perf_counter(), time.process_time() - cpu
        return Seen(times, ended, cpu, self._first.size if self._first else 0)

    def close(self) -> None:
        """Close all."""
        for browser in self._all.values():
            browser.sock.close()
        if self._poll is not None:
            self._poll.close()
        self._all, self._first = {}, None

    def reset(self) -> None:
        """Count from here on."""
        for browser in self._all.values():
            browser.seen = 0

    def _until(self, frames: int, times: list[float]) -> None:
        behind = {number for number, browser in self._all.items() if browser.seen < frames}
        deadline = time.monotonic() + _PATIENCE
        while behind:
            for number, _ in self._poll.poll(1.0):
                browser = self._all[number]
                browser.read()
                if browser is self._first:
                    times.extend([time.perf_counter()] * (browser.seen - len(times)))
                if browser.seen >= frames:
                    behind.discard(number)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(behind)} of {len(self._all)} sockets wait for frames")
        if any(browser.seen > frames for browser in self._all.values()):
            raise AssertionError("a socket had more frames than were sent")


def main() -> None:
    """Do what comes on stdin until it ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    browsers = Browsers()
    decode = msgspec.json.Decoder(Open | Expect).decode
    for line in sys.stdin.buffer:
        order = decode(line)
        if isinstance(order, Open):
            browsers.open(order)
            _tell("open")
        else:
            browsers.reset()
            _tell("ready")
            _tell(browsers.expect(order))


def _tell(what: Any) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
