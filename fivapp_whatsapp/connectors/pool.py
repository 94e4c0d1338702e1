"""Kept connections for plain HTTP/1.1 under httpx's API: calls cost the same however many are in flight.

httpx's own transport looks at every connection before and after each call, which makes a call dearer the more there
are: four fifths of the cost of a send. What is not plain HTTP (TLS above all) goes through it as before.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

import httpx

from .exchange import Connection

# The names under which httpx gives a request's deadlines, in seconds; None waits for ever.
_Timeouts = dict[str, float | None]
_DIRECT = frozenset({b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"})
_PORT = 80


class KeptConnections(httpx.AsyncBaseTransport):
    """A transport for httpx: at most `connections` calls at once, none over what was idle for `idle_seconds`."""

    def __init__(self, *, connections: int, idle_seconds: float) -> None:
        limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=idle_seconds
        )
        self._others = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)
        self._idle_seconds = idle_seconds
        self._free = connections
        # By host and port; the one that was used last stands last, and is the first to be used again.
        self._idle: dict[tuple[str, int], deque[Connection]] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._busy: set[Connection] = set()
        # Which of a name's addresses answered last: one that does not answer costs a share of the time only once.
        self._answered: dict[tuple[str, int], str] = {}
        self._closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make one call. Raises httpx's errors: ConnectError, ConnectTimeout and PoolTimeout where nothing was sent."""
        url, body = request.url, request.stream
        if url.scheme != "http" or request.method.encode() not in _DIRECT or not isinstance(body, httpx.ByteStream):
            return await self._others.handle_async_request(request)
        sent = _head(request) + b"".join(body)
        timeouts: _Timeouts = request.extensions.get("timeout", {})
        connection = await self._connection((url.raw_host.decode(), url.port or _PORT), timeouts)
        try:
            status, headers, reason = await connection.ask(sent, timeouts.get("read"))
        except BaseException:
            connection.close()
            self._give_back(connection)
            raise
        stream = _Body(self, connection, timeouts.get("read"))
        extensions = {"http_version": b"HTTP/1.1", "reason_phrase": reason}
        return httpx.Response(status, headers=headers, stream=stream, extensions=extensions)

    async def aclose(self) -> None:
        """Close all connections; what waits for one is refused."""
        self._closed = True
        while self._waiting:
            if not (turn := self._waiting.popleft()).done():
                turn.set_exception(httpx.PoolTimeout("The connections were closed."))
        for connection in [*self._busy, *(each for kept in self._idle.values() for each in kept)]:
            connection.close()
        self._idle.clear()
        await self._others.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    async def _connection(self, address: tuple[str, int], timeouts: _Timeouts) -> Connection:
        """Return an idle connection to an address, or a new one, once there is a place for a call."""
        await self._take_place(timeouts.get("pool"))
        try:
            connection = self._kept(address) or await self._open(address, timeouts.get("connect"))
            if self._closed:
                connection.close()
                raise httpx.ConnectError("The connections were closed.")
        except BaseException:
            self._release()
            raise
        self._busy.add(connection)
        return connection

    async def _open(self, address: tuple[str, int], seconds: float | None) -> Connection:
        try:
            async with asyncio.timeout(seconds):
                connection = await _first_that_answers(address, seconds, self._answered.get(address))
        except TimeoutError:
            raise httpx.ConnectTimeout("No connection within the time for it.") from None
        except (OSError, UnicodeError) as exc:
            # A name that no name can be fails where it is encoded.
            raise httpx.ConnectError(str(exc)) from exc
        if connection.peer is not None:
            self._answered[address] = connection.peer
        return connection

    def _kept(self, address: tuple[str, int]) -> Connection | None:
        kept = self._idle.get(address)
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        while kept:
            connection = kept.pop()
            if connection.idle_since >= oldest and connection.is_quiet():
                if kept and kept[0].idle_since < oldest:
                    kept.popleft().close()
                return connection
            connection.close()
        return None

    async def _take_place(self, seconds: float | None) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException as exc:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._release()  # a place was given just now
            if isinstance(exc, TimeoutError):
                raise httpx.PoolTimeout("All connections are in use.") from None
            raise

    def _give_back(self, connection: Connection) -> None:
        """Keep a connection for the next call, or forget one that was closed."""
        if connection not in self._busy:
            return
        self._busy.discard(connection)
        if connection.reusable and not self._closed:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.setdefault(connection.address, deque()).append(connection)
        else:
            connection.close()
        self._release()

    def _release(self) -> None:
        """Give a place to who waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class _Body(httpx.AsyncByteStream):
    """The body of one answer; its connection is kept once it was read to its end, else closed."""

    def __init__(self, pool: KeptConnections, connection: Connection, seconds: float | None) -> None:
        self._pool = pool
        self._connection = connection
        self._seconds = seconds
        self._given_back = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._connection.read(self._seconds):
            yield piece

    async def aclose(self) -> None:
        # Once: it may be another request's by then.
        if not self._given_back:
            self._given_back = True
            self._pool._give_back(self._connection)


async def _first_that_answers(address: tuple[str, int], seconds: float | None, first: str | None) -> Connection:
    """Try a name's addresses one after the other, `first` before the others, each for its share of the time."""
    loop = asyncio.get_running_loop()
    found = [info[4] for info in await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)]
    found.sort(key=lambda place: place[0] != first)
    failure: OSError = OSError("The name has no address.")
    for host, port, *_ in found:
        try:
            async with asyncio.timeout(None if seconds is None else seconds / len(found)):
                _, connection = await loop.create_connection(lambda: Connection(address), str(host), int(port))
                return connection
        except OSError as exc:
            failure = exc
    raise failure


def _head(request: httpx.Request) -> bytes:
    """Return a request's head. Raises LocalProtocolError for a header that would end its line."""
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    lines += [b"%b: %b" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        raise httpx.LocalProtocolError("A header holds the end of a line.")
    return head + b"\r\n\r\n"
