"""Kept connections, over a real socket: what is used again, what is refused, and what counts as not written."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from fivapp_whatsapp.connectors.pool import KeptConnections

from .test_http import Service, Speak, answer_ok, hang_up, serving, silence

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def calling(
    speak: Speak, connections: int = 4, idle_seconds: float = 4.0
) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    pool = KeptConnections(connections=connections, idle_seconds=idle_seconds)
    async with serving(speak) as service, httpx.AsyncClient(base_url=service.url, transport=pool) as client:
        yield service, client


def saying(answer: bytes, *, close: bool = False) -> Speak:
    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        if close:
            writer.close()

    return say


async def test_a_connection_is_used_again_and_a_second_one_only_beside_it() -> None:
    async with calling(answer_ok) as (service, client):
        for _ in range(3):
            assert (await client.post("/x", json={})).json() == {"ok": True}
        assert service.connections == 1
        await asyncio.gather(*(client.get("/x") for _ in range(9)))
        assert service.connections <= 4


async def test_a_connection_that_was_idle_for_too_long_is_not_used_again() -> None:
    async with calling(answer_ok, idle_seconds=0.0) as (service, client):
        for _ in range(2):
            await client.get("/x")
            await asyncio.sleep(0.001)
        assert service.connections == 2


async def test_a_connection_that_the_service_closed_is_not_used_though_the_loop_has_not_heard_of_it() -> None:
    accepted: list[socket.socket] = []

    async def remember(writer: asyncio.StreamWriter) -> None:
        accepted.append(writer.get_extra_info("socket"))
        await answer_ok(writer)

    async with calling(remember) as (service, client):
        await client.get("/x")
        # The end of the connection reaches the kernel while nobody gives the loop time to look.
        accepted[0].shutdown(socket.SHUT_WR)
        time.sleep(0.05)  # that is what is tested
        assert (await client.get("/x")).json() == {"ok": True}
        assert service.connections == 2


async def test_a_call_that_broke_off_closes_its_connection() -> None:
    async with calling(hang_up) as (service, client):
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post("/x")
        assert service.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["says more", "says close", "is old"],
)
async def test_a_connection_that_does_not_go_on_is_not_kept(answer: bytes) -> None:
    async with calling(saying(answer)) as (service, client):
        for _ in range(2):
            assert (await client.get("/x")).text == "ok"
        assert service.connections == 2


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async with calling(saying(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True)) as (_, client):
        assert (await client.get("/x")).text == "all of it"


async def test_an_answer_that_was_only_announced_is_waited_for() -> None:
    later = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok"
    async with calling(saying(later)) as (_, client):
        answer = await client.post("/x")
        assert (answer.status_code, answer.reason_phrase, answer.text) == (201, "Made", "ok")
        assert "x" not in answer.headers


async def test_a_body_in_chunks_comes_whole() -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    async with calling(saying(chunks)) as (service, client):
        assert [(await client.get("/x")).text for _ in range(2)] == ["abcdefg", "abcdefg"]
        assert service.connections == 1


async def test_no_body_follows_where_there_can_be_none() -> None:
    async with calling(saying(b"HTTP/1.1 204 No Content\r\n\r\n")) as (service, client):
        assert [(await client.delete("/x")).content for _ in range(2)] == [b"", b""]
        assert service.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"220 mail.test ESMTP\r\n\r\n",
    ],
    ids=["many headers", "a long header", "another protocol", "no HTTP"],
)
async def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    async with calling(saying(answer)) as (_, client):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/x", timeout=5)


async def test_no_more_of_a_body_is_held_than_somebody_reads() -> None:
    written = 0

    async def pour(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
        for _ in range(1024):
            writer.write(bytes(65536))
            await writer.drain()
            written += 65536

    async with calling(pour) as (_, client), client.stream("GET", "/x") as answer:
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.1)
        # The buffers of both kernels, ours, and the server's own.
        assert written < 20_000_000
        assert sum([len(piece) async for piece in answer.aiter_raw()]) == 67108864


async def test_nothing_was_written_while_a_connection_is_waited_for() -> None:
    async with calling(silence, connections=1) as (service, client):
        first = asyncio.create_task(client.get("/x", timeout=30))
        while not service.requests:
            await asyncio.sleep(0.01)
        with pytest.raises(httpx.PoolTimeout):
            await client.get("/x", timeout=httpx.Timeout(30, pool=0.02))
        waiting = asyncio.create_task(client.get("/x", timeout=30))
        await asyncio.sleep(0.01)
        waiting.cancel()
        first.cancel()
        await asyncio.gather(first, waiting, return_exceptions=True)
        # Both places are free again.
        service.speak = answer_ok
        assert (await client.get("/x", timeout=5)).json() == {"ok": True}


async def test_an_answer_that_does_not_come_in_time_is_a_read_that_took_too_long() -> None:
    async with calling(silence) as (_, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/x", timeout=httpx.Timeout(5, read=0.02))


async def test_nobody_who_listens_is_nothing_written() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/x"
        async with httpx.AsyncClient(transport=KeptConnections(connections=1, idle_seconds=1)) as client:
            for _ in range(3):
                with pytest.raises(httpx.ConnectError):
                    await client.post(url)


async def test_a_header_that_ends_its_line_is_refused_before_anything_is_written() -> None:
    async with calling(answer_ok) as (service, client):
        with pytest.raises(httpx.LocalProtocolError):
            await client.get("/x", headers=[(b"X", b"y\r\nHost: evil.test")])
        await client.get("/x")
        assert len(service.requests) == 1


async def test_what_is_not_plain_http_goes_through_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = KeptConnections(connections=1, idle_seconds=1)
    asked: list[str] = []

    async def handle(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url}")
        return httpx.Response(200)

    monkeypatch.setattr(pool._others, "handle_async_request", handle)
    async with httpx.AsyncClient(transport=pool) as client:
        await client.post("https://service.test/x")
        await client.head("http://service.test/x")
    assert asked == ["POST https://service.test/x", "HEAD http://service.test/x"]


async def test_closing_ends_the_calls_that_are_under_way() -> None:
    async with calling(silence) as (service, client):
        asking = asyncio.create_task(client.get("/x", timeout=30))
        while not service.requests:
            await asyncio.sleep(0.01)
        await client._transport.aclose()
        with pytest.raises(httpx.ReadError):
            await asking


async def test_a_name_that_can_be_none_is_nothing_written() -> None:
    async with httpx.AsyncClient(transport=KeptConnections(connections=1, idle_seconds=1)) as client:
        for name in ("service..internal", "x" * 64 + ".internal"):
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://{name}/x")


async def test_who_waits_for_a_place_when_all_are_closed_sends_nothing() -> None:
    async with calling(silence, connections=1) as (service, client):
        calls = [asyncio.create_task(client.get("/x", timeout=30)) for _ in range(3)]
        while not service.requests:
            await asyncio.sleep(0.01)
        await client._transport.aclose()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(end) for end in ends] == [httpx.ReadError, httpx.PoolTimeout, httpx.PoolTimeout]
        with pytest.raises(httpx.ConnectError):
            await client.get("/x")
        assert len(service.requests) == 1


async def test_a_body_that_is_closed_twice_leaves_the_next_call_alone() -> None:
    async with calling(answer_ok, connections=1) as (_, client):
        stream = (await client.send(client.build_request("GET", "/x"), stream=True)).stream
        assert isinstance(stream, httpx.AsyncByteStream)
        async for _ in stream:
            pass
        await stream.aclose()
        async with client.stream("GET", "/x") as response:
            await stream.aclose()
            assert await response.aread()


async def test_what_follows_a_body_is_no_header_of_it() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nRetry-After: 9\r\n\r\n"
    async with calling(saying(chunked)) as (_, client):
        reply = await client.get("/x")
        assert (reply.text, reply.headers.get("retry-after")) == ("ok", None)


async def test_of_a_names_addresses_the_one_that_answered_is_the_first_that_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    tried: list[str] = []
    connect = loop.create_connection

    async def two_addresses(*_: object, **__: object) -> list[object]:
        # Nobody listens at the first one.
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.2", "127.0.0.1")]

    async def noting(factory: object, host: str, port: int) -> object:
        tried.append(host)
        return await connect(factory, host, port)  # type: ignore[arg-type]

    async with calling(hang_up) as (service, _):
        port = httpx.URL(service.url).port
        monkeypatch.setattr(loop, "getaddrinfo", two_addresses)
        monkeypatch.setattr(loop, "create_connection", noting)
        pool = KeptConnections(connections=1, idle_seconds=0.0)
        for _ in range(2):
            pool._give_back(await pool._connection(("service.test", port or 0), {"connect": 2.0}))
        await pool.aclose()
    assert tried == ["127.0.0.2", "127.0.0.1", "127.0.0.1"]
