"""Over a real socket: no service, however hostile, holds a call longer or fills more memory than we allow."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector
from fivapp_whatsapp.connectors.http import MAX_ANSWER, Answer, ServiceClient
from fivapp_whatsapp.errors import ConnectorProtocolError, ConnectorUnavailable, OutcomeUnknown
from tests.connectors.test_connection_service import outgoing

pytestmark = pytest.mark.anyio

Speak = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Service:
    """A loopback server that reads each request and then says what it was told to."""

    def __init__(self, speak: Speak) -> None:
        self.speak = speak
        self.url = ""
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(b": ", 1) for line in head.splitlines()[1:] if line)
                self.requests.append(head + await reader.readexactly(int(fields.get(b"content-length", b"0"))))
                await self.speak(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(speak: Speak) -> AsyncIterator[Service]:
    service = Service(speak)
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield service
    finally:
        server.close()
        # Handlers that still drip end with their tasks.
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task() and "Service.serve" in repr(task.get_coro()):
                task.cancel()
                await asyncio.wait({task})


@asynccontextmanager
async def client(url: str, timeout: float = 5.0, connections: int = 4) -> AsyncIterator[ServiceClient]:
    made = ServiceClient(base_url=url, headers={"X-API-KEY": "k"}, timeout=timeout, connections=connections)
    try:
        yield made
    finally:
        await made.close()


async def ask(service: ServiceClient, *, repeatable: bool = True) -> Answer:
    return await service.call("POST", "/x", {"a": 1}, repeatable=repeatable)


async def answer_ok(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nSet-Cookie: who=acme\r\n\r\n{"ok":true}')
    await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def flood(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    # Whoever reads it all gets a fine answer of 32 MiB.
    for _ in range(512):
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()
    writer.write(b"2\r\n{}\r\n0\r\n\r\n")
    await writer.drain()


async def bomb(writer: asyncio.StreamWriter) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    writer.write(head.encode() + packed)
    await writer.drain()


async def cut(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"ok":')
    await writer.drain()
    writer.close()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def babble(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.test ESMTP\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_connections_are_kept_and_cookies_are_not() -> None:
    async with serving(answer_ok) as service, client(service.url) as ours:
        for _ in range(3):
            assert (await ask(ours)).document() == {"ok": True}
        assert service.connections == 1
        assert len(service.requests) == 3
        for request in service.requests:
            assert request.endswith(b'{"a":1}')
            assert b"x-api-key: k" in request.lower()
            assert b"accept-encoding: identity" in request.lower()
            assert b"cookie" not in request.lower()


async def test_no_more_connections_are_opened_than_allowed() -> None:
    async with serving(answer_ok) as service, client(service.url, connections=2) as ours:
        await asyncio.gather(*(ask(ours) for _ in range(20)))
        assert service.connections <= 2
        assert len(service.requests) == 20


@pytest.mark.parametrize("speak", [drip, drip_headers, silence])
async def test_a_call_ends_with_its_deadline_whatever_the_service_does(speak: Speak) -> None:
    async with serving(speak) as service, client(service.url, timeout=0.3) as ours:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            await ask(ours, repeatable=False)
        with pytest.raises(ConnectorUnavailable):
            await ask(ours)
        # Two deadlines and a wide margin: without them this would take hours.
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("speak", [flood, bomb])
async def test_an_answer_that_is_too_big_is_not_read_to_its_end(speak: Speak) -> None:
    async with serving(speak) as service, client(service.url, timeout=20.0) as ours:
        with pytest.raises(OutcomeUnknown):
            await ask(ours, repeatable=False)
        with pytest.raises(ConnectorProtocolError):
            await ask(ours)


async def test_an_answer_of_exactly_the_limit_is_read() -> None:
    async def fill(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {MAX_ANSWER}\r\n\r\n".encode() + b"x" * MAX_ANSWER)
        await writer.drain()

    async with serving(fill) as service, client(service.url, timeout=20.0) as ours:
        assert len((await ask(ours)).body) == MAX_ANSWER


@pytest.mark.parametrize("speak", [cut, hang_up, babble])
async def test_a_connection_that_breaks_after_the_request_leaves_it_in_doubt(speak: Speak) -> None:
    async with serving(speak) as service, client(service.url) as ours:
        with pytest.raises(OutcomeUnknown):
            await ask(ours, repeatable=False)
        with pytest.raises(ConnectorUnavailable):
            await ask(ours)


async def test_a_port_where_nothing_listens_means_that_nothing_was_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with client(f"http://127.0.0.1:{unused.getsockname()[1]}") as ours:
            with pytest.raises(ConnectorUnavailable):
                await ask(ours, repeatable=False)


async def test_a_call_that_finds_no_free_connection_was_not_sent() -> None:
    async with serving(silence) as service, client(service.url, timeout=2.0, connections=1) as ours:
        first = asyncio.create_task(ask(ours, repeatable=False))
        while not service.requests:
            await asyncio.sleep(0.001)
        with pytest.raises(ConnectorUnavailable):
            await ask(ours, repeatable=False)
        with pytest.raises(OutcomeUnknown):
            await first
        assert len(service.requests) == 1


async def test_a_closed_client_says_that_nothing_was_sent() -> None:
    async with client("http://127.0.0.1:9") as ours:
        await ours.close()
        with pytest.raises(ConnectorUnavailable):
            await ask(ours, repeatable=False)


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(answer_ok) as service, client(service.url) as ours:
        assert (await ask(ours)).status == 200


async def test_closing_frees_whoever_waits_for_the_capabilities() -> None:
    async with serving(silence) as service:
        connector = ConnectionServiceConnector(base_url=service.url, api_key="k", timeout=60.0)
        sends = [asyncio.create_task(connector.send(outgoing())) for _ in range(3)]
        while not service.requests:
            await asyncio.sleep(0.001)
        sends[0].cancel()
        await connector.close()
        results = await asyncio.gather(*sends, return_exceptions=True)
        assert [type(result) for result in results] == [
            asyncio.CancelledError,
            ConnectorUnavailable,
            ConnectorUnavailable,
        ]
        assert len(service.requests) == 1
