"""Browsers, thousands of them: WebSockets that keep their cursor, come back whenever they are closed, and resume."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import re
import socket
import time
from array import array
from collections import Counter
from collections.abc import Callable
from typing import cast

from .checker import Heard

_SEQ = re.compile(rb'\{"seq":(\d+)')
_EPOCH = re.compile(rb'"epoch":"([^"]+)"')
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10
_BACK_SECONDS = 0.3


class Listener:
    """One browser; `ports` says where gateways answer."""

    def __init__(self, tenant_id: str, token: str, ports: Callable[[], list[int]], rng: random.Random) -> None:
        self.tenant_id = tenant_id
        self.connections: list[array[int]] = []
        self.closed: Counter[int] = Counter()
        self.live = False
        # When it was live again, for those that were sent away.
        self.live_at = 0.0
        self.seq = 0
        self.epoch = b""
        self.resyncs = 0
        self.receive_buffer: int | None = None
        self._token = token
        self._ports = ports
        self._rng = rng
        self._first: int | None = None
        self._socket: _Socket | None = None
        self._over = False

    @property
    def heard(self) -> Heard:
        """Return what it heard, for the checker."""
        return Heard(self.tenant_id, self._first or 0, [list(each) for each in self.connections], self.resyncs)

    async def run(self) -> None:
        """Listen, and come back whenever the connection ends, until `end`."""
        while not self._over:
            ports = self._ports()
            if ports:
                try:
                    await self._listen(self._rng.choice(ports))
                except OSError:
                    self.closed[0] += 1
            await asyncio.sleep(_BACK_SECONDS * self._rng.uniform(0.1, 1.0))

    async def _listen(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        raw = socket.socket()
        raw.setblocking(False)
        if self.receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        try:
            await loop.sock_connect(raw, ("127.0.0.1", port))
        except BaseException:
            raw.close()
            raise
        _, protocol = await loop.create_connection(lambda: _Socket(self), sock=raw)
        self._socket = protocol
        self.connections.append(array("q"))
        cursor = f"?after={self.seq}&epoch={self.epoch.decode()}" if self.epoch else ""
        protocol.open(f"/api/ws{cursor}", self._token)
        try:
            self.closed[await protocol.ended] += 1
        finally:
            self.live, self._socket = False, None
            protocol.close()

    def pause(self, reading: bool) -> None:
        """Stop or go on reading, as a browser does whose page sleeps."""
        if self._socket is not None:
            self._socket.pause(reading)

    def end(self) -> None:
        """Close, and do not come back."""
        self._over = True
        if self._socket is not None:
            self._socket.close()

    def take(self, payload: bytes) -> None:
        """Take a text frame."""
        if found := _SEQ.match(payload):
            self.seq = int(found[1])
            self.connections[-1].append(self.seq)
        elif b'"hello"' in payload[:40]:
            if not self.epoch and (epoch := _EPOCH.search(payload)):
                self.epoch = epoch[1]
                self.seq = self._first = int(payload.rpartition(b'"seq":')[2].rstrip(b"}"))
        elif b'"live"' in payload[:40]:
            self.live, self.live_at = True, time.monotonic()
        elif b'"resync_required"' in payload[:40]:
            self.resyncs += 1


class _Socket(asyncio.Protocol):
    """One connection: as much of RFC 6455 as a reader needs."""

    def __init__(self, listener: Listener) -> None:
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._listener = listener
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(1006)

    def _end(self, code: int) -> None:
        if not self.ended.done():
            self.ended.set_result(code)

    def open(self, path: str, token: str) -> None:
        """Ask for the upgrade."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {path} HTTP/1.1",
            "host: localhost",
            "upgrade: websocket",
            "connection: Upgrade",
            "sec-websocket-version: 13",
            f"sec-websocket-key: {key}",
            f"authorization: Bearer {token}",
        )
        if self._transport is not None:
            self._transport.write("\r\n".join((*lines, "", "")).encode())

    def pause(self, reading: bool) -> None:
        """Stop or go on reading."""
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.resume_reading if reading else self._transport.pause_reading)()

    def close(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._upgraded:
            head, found, _ = buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._end(int(head[9:12]))
                self.close()
                return
            self._upgraded = True
            del buffer[: len(head) + 4]
        start = 0
        while (whole := frame(buffer, start)) is not None:
            kind, begin, start = whole
            self._take(kind, bytes(buffer[begin:start]))
        del buffer[:start]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _TEXT:
            self._listener.take(payload)
        elif kind == _PING and self._transport is not None:
            # A client's frames are masked; a mask of zeros changes nothing.
            self._transport.write(bytes((0x80 | _PONG, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        elif kind == _CLOSE:
            self._end(int.from_bytes(payload[:2]) if payload else 1005)
            self.close()


def frame(buffer: bytearray, start: int) -> tuple[int, int, int] | None:
    """Return the kind of a frame, where its payload begins and where it ends; None when it is not whole."""
    if len(buffer) < start + 2:
        return None
    size, begin = buffer[start + 1] & 0x7F, start + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if len(buffer) < begin + width:
            return None
        size = int.from_bytes(buffer[begin : begin + width])
        begin += width
    end = begin + size
    return None if len(buffer) < end else (buffer[start] & 0x0F, begin, end)
