"""A small HTTP client: one kept connection, one request at a time, and no cost that a load could not bear."""

from __future__ import annotations

import asyncio
import re

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_SECONDS = 15.0


class NoAnswer(Exception):
    """The connection failed or no answer came in time: what was asked may have been done or not."""


class Caller:
    """Posts to ports of this machine; each keeps the connection that it used last."""

    def __init__(self) -> None:
        self._port = 0
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def post(self, port: int, request: bytes, *, seconds: float = _SECONDS) -> tuple[int, bytes]:
        """Send a whole request and return status and body. Raises NoAnswer."""
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await self._connection(port)
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as exc:
            self.close()
            raise NoAnswer(type(exc).__name__) from exc
        except asyncio.CancelledError:
            self.close()
            raise
        if b"\nconnection: close" in head.lower():
            self.close()
        return int(head[9:12]), body

    async def _connection(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._port != port or self._writer.is_closing():
            self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
            self._port = port
        return self._reader, self._writer

    def close(self) -> None:
        """Drop the connection."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None
