"""One HTTP/1.1 connection as a client: one request at a time, its answer read by httptools as it comes."""

from __future__ import annotations

import asyncio
import select
from collections import deque
from typing import cast

import httptools
import httpx

_Head = tuple[int, list[tuple[bytes, bytes]], bytes]
_MAX_HEAD = 65_536
# What is read ahead of whoever takes an answer's body.
_MAX_AHEAD = 262_144
_NO_BODY = (204, 304)


class Connection(asyncio.Protocol):
    """A connection to `address`: `ask`, then `read` until it returns nothing, or `close`."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._poll = select.poll()
        self._parser = httptools.HttpResponseParser(self)
        self._error: httpx.TransportError | None = None
        self._closed = False
        self._asked = False
        self._waiter: asyncio.Future[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self._reason = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._head: _Head | None = None
        self._body: deque[bytes] = deque()
        self._ahead = 0
        self._paused = False
        self._until_end = False
        self._complete = False
        self._goes_on = False

    # --- for the pool --------------------------------------------------------------------------

    @property
    def reusable(self) -> bool:
        """Tell whether the last answer was read to its end and another request may follow."""
        return self._complete and self._goes_on and not self._closed and not self._body

    def is_quiet(self) -> bool:
        """Tell whether an idle connection is still open, by the kernel's word: the loop may be late to hear of it."""
        return not self._closed and not self._poll.poll(0)

    @property
    def peer(self) -> str | None:
        """Return the IP address that it goes to, while it is open."""
        place = None if self._transport is None else self._transport.get_extra_info("peername")
        return None if place is None else str(place[0])

    async def ask(self, request: bytes, seconds: float | None) -> _Head:
        """Write a request and return its answer's status, headers and reason.

        Raises ReadTimeout, and ReadError or RemoteProtocolError where the answer breaks off or is none; ConnectError
        where nothing was written.
        """
        if self._closed:
            raise httpx.ConnectError("The connection was closed before it was used.")
        self._begin()
        self._asked = True
        assert self._transport is not None  # noqa: S101  # the pool is given connections that were made
        self._transport.write(request)
        while self._head is None:
            await self._wait(seconds)
        return self._head

    async def read(self, seconds: float | None) -> bytes:
        """Return the next piece of the body, nothing at its end. Raises as `ask` does."""
        while not self._body:
            if self._complete:
                return b""
            await self._wait(seconds)
        piece = self._body.popleft() if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._ahead = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return piece

    def close(self) -> None:
        """Close it; whoever waits for its answer is told."""
        self._fail(httpx.ReadError("The connection was closed."))

    async def _wait(self, seconds: float | None) -> None:
        if self._error is not None:
            raise self._error
        waiter = self._waiter = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(seconds, self._time_is_over)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _time_is_over(self) -> None:
        self._fail(httpx.ReadTimeout("No answer within the time for it."))

    def _fail(self, error: httpx.TransportError) -> None:
        self._closed = True
        if self._error is None and not self._complete:
            self._error = error
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- for the event loop --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast(asyncio.Transport, transport)
        # An end, an error, or a word that nobody asked for: each shows as something to read.
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Take what the service says."""
        if not self._asked or self._complete:
            self._fail(httpx.RemoteProtocolError("The service spoke without being asked."))
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._fail(httpx.RemoteProtocolError(f"The answer is no HTTP ({type(exc).__name__})."))
            return
        if self._head is None:
            self._head_size += len(data)
        if self._head_size > _MAX_HEAD:
            self._fail(httpx.RemoteProtocolError("The head of the answer is too big."))
        elif self._ahead > _MAX_AHEAD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, which is the end of the body where nothing else tells its length."""
        self._closed = True
        if self._until_end and exc is None and self._error is None:
            self._complete = True
        if not self._complete and self._error is None:
            cut = self._head is not None or exc is None
            self._error = httpx.RemoteProtocolError("The answer broke off.") if cut else httpx.ReadError(str(exc))
        self._wake()

    # --- for httptools -------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Refuse a second answer to one request."""
        if self._complete:
            raise ValueError("a second answer")

    def on_status(self, status: bytes) -> None:
        """Take the reason, which may come in pieces."""
        self._reason += status

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._head_size += len(name) + len(value)
        if self._head is None:  # what comes behind the body is no header of it
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take the head; what only announces one (100 Continue) is passed over."""
        status = self._parser.get_status_code()
        if status < 200:
            self._headers, self._reason = [], b""
            return
        self._head_size = 0
        self._head = status, self._headers, self._reason
        names = {name.lower() for name, _ in self._headers}
        told = b"content-length" in names or b"transfer-encoding" in names
        self._until_end = not told and status not in _NO_BODY
        self._wake()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(body)
        self._ahead += len(body)
        self._wake()

    def on_message_complete(self) -> None:
        """Note the end of an answer."""
        if self._head is not None:
            self._complete, self._goes_on = True, self._parser.should_keep_alive()
            self._wake()
