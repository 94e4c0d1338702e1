"""The line between two ends: it carries connections, or does what lines and bad servers do."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Literal

# carry: as it should. hang: taken, and never answered. drip: answered a byte at a time. garbage: answered with what
# cannot be read, after the far end did what was asked. swallow: the far end did it, and the answer is lost.
Mode = Literal["carry", "hang", "drip", "garbage", "swallow"]
MODES: tuple[Mode, ...] = ("hang", "drip", "garbage", "swallow")
_DRIP_SECONDS = 0.2
_GARBAGE = (
    b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 22\r\n\r\n{"success":tru\xff<html>\x00'
)


class Line:
    """Listens on a port of its own and carries each connection to the next of its targets, in turn."""

    def __init__(self, targets: Callable[[], Sequence[int]]) -> None:
        self.port = 0
        self.mode: Mode = "carry"
        # The share of answers that `garbage` and `swallow` hit.
        self.share = 1.0
        self._targets = targets
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._rng = random.Random(0)

    async def mend(self) -> None:
        """Take connections and carry them, from now on."""
        self.mode = "carry"
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.drop()

    async def drop(self) -> None:
        """End all connections; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        ends = {writer}
        self._writers.add(writer)
        try:
            far = await self._connect()
            if far is not None:
                ends.add(far[1])
                self._writers.add(far[1])
                await asyncio.gather(self._pump(reader, far[1]), self._pump_back(far[0], writer))
        except asyncio.CancelledError:
            pass  # cut or dropped: nothing else cancels it
        finally:
            for end in ends:
                end.transport.abort()
            self._writers -= ends
            self._carrying.discard(task)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        targets = self._targets()
        for _ in targets:
            self._turn += 1
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", targets[self._turn % len(targets)])
        return None

    # uvloop's word for an end that was dropped meanwhile is RuntimeError.
    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            while data := await reader.read(65_536):
                if self.mode != "hang":
                    writer.write(data)
                    await writer.drain()
        writer.close()

    async def _pump_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            while data := await reader.read(65_536):
                mode = self.mode
                if mode == "drip":
                    for byte in data:
                        writer.write(bytes((byte,)))
                        await asyncio.sleep(_DRIP_SECONDS)
                elif mode in ("carry", "hang") or self._rng.random() >= self.share:
                    writer.write(data)
                    await writer.drain()
                elif mode == "garbage":
                    writer.write(_GARBAGE)
                    await writer.drain()
                else:
                    break
        writer.close()
