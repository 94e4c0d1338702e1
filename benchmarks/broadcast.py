"""The yardstick of the fan-out: the websockets library's own server and its `broadcast()`.

Each POST to the second port is one event for all its sockets, of so many bytes; nothing is stored.

    python -m benchmarks.broadcast PORT EVENTS_PORT BYTES
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve

from .service import Service, answer


class Events(Service):
    """One connection of the load generator: each request is an event for all sockets."""

    def __init__(self, server: Server, event: str) -> None:
        super().__init__()
        self._server = server
        self._event = event

    def reply(self, head: bytes) -> bytes:
        """Tell all sockets of the event."""
        broadcast(self._server.connections, self._event)
        return answer(b"200 OK", b"{}")


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
