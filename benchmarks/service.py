"""A connection service that only answers: every session is connected, every send is accepted at once.

python -m benchmarks.service PORT
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from typing import cast

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_CONNECTED = b'{"status":"connected","connected":true,"phone":"5511999990000","name":"Bench"}'


def answer(status: bytes, body: bytes) -> bytes:
    """Return the bytes of an answer with a JSON body."""
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


class Service(asyncio.Protocol):
    """One connection of a client."""

    _ids = itertools.count(1)

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer once the request is there."""
        assert self._transport is not None
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or (length is not None and len(body) < int(length[1])):
            return
        self._received = b""
        self._transport.write(self.reply(head))

    def reply(self, head: bytes) -> bytes:
        """Return the whole answer to a request with this head."""
        if head.startswith(b"POST /message/send"):
            return answer(b"200 OK", b'{"success":true,"messageId":"S%d"}' % next(self._ids))
        if head.startswith(b"GET /capabilities"):
            return answer(b"404 Not Found", b"{}")
        return answer(b"200 OK", _CONNECTED)


async def main(port: int) -> None:
    """Answer until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
