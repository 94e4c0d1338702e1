"""The yardstick of the fan-out: the websockets library's own server and its `broadcast()`.

Each POST to the second port is one event for all its sockets, of so many bytes; nothing is stored.

    python -m benchmarks.broadcast PORT EVENTS_PORT BYTES
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Events(asyncio.Protocol):
    """One connection of the load generator."""

    def __init__(self, server: Server, event: str) -> None:
        self._server = server
        self._event = event
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Tell all sockets of the event once its request is there."""
        assert self._transport is not None
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or (length is not None and len(body) < int(length[1])):
            return
        self._received = b""
        broadcast(self._server.connections, self._event)
        self._transport.write(_ANSWER)


async def main(port: int, events_port: int, size: int) -> None:
    """Answer until the process is ended."""

    async def listen(socket: ServerConnection) -> None:
        await socket.wait_closed()

    # As ours: no compression. The library answers a plain GET, by which a run knows that it is up, with 426.
    async with serve(listen, "127.0.0.1", port, compression=None, backlog=1024) as server:
        loop, event = asyncio.get_running_loop(), "x" * size
        events = await loop.create_server(lambda: Events(server, event), "127.0.0.1", events_port)
        await events.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(*map(int, sys.argv[1:])))
