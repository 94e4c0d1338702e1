"""The guarded client goes where it may, whatever a URL, a name server or a server says."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.errors import AddressRefused, ConnectorRejected
from fivapp_whatsapp.guarded import ResponseTooLarge, guarded_client, is_public
from fivapp_whatsapp.settings import Secret, Settings

pytestmark = pytest.mark.anyio

REFUSED = (
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.9",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:0:808:808:0:0:80ff:fffe",  # Teredo, of a client at 127.0.0.1
)
PUBLIC = (
    "8.8.8.8",
    "1.1.1.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
)

HOSTILE = (
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://0/",
    "http://0.0.0.0/",
    "http://localhost/",
    "http://LOCALHOST/",
    "https://localhost/",
    "http://user:secret@localhost/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1#@example.com/",
    "http://127.0.0.1?@example.com/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://8.8.8.8:22/",
    "http://8.8.8.8:8080/",
    "https://8.8.8.8:6379/",
    "http://127。0。0。1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:25/_HELO",
    "ftp://127.0.0.1/",
    "unix:///run/docker.sock",
    "data:text/plain,hello",
)

# No machine dials these, but why not depends on its resolver, or on httpx, which takes some for no URL.
ODD = ("http://0177.0.0.1/", "http://127.0.0.1.:80/", "http://localhost./", "http://①②⑦.⓪.⓪.①/")

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on loopback: where it listens, and how many connections it had."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/"

    @property
    def allow(self) -> tuple[str]:
        return (f"localhost:{self.port}",)


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[Server]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.connections += 1
        try:
            here.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    here = Server(server.sockets[0].getsockname()[1])
    async with server:
        yield here


def saying(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", "")
        writer.write("\r\n".join(lines).encode() + body)
        await writer.drain()

    return answer


async def never(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host} was resolved")


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("url", [*HOSTILE, *ODD])
async def test_a_hostile_url_leads_nowhere(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = (AddressRefused, httpx.InvalidURL, httpx.ConnectError) if url in ODD else AddressRefused
    dialled: list[object] = []

    async def dial(*arguments: object, **more: object) -> None:
        dialled.append(arguments)
        raise OSError

    monkeypatch.setattr("anyio.connect_tcp", dial)
    async with guarded_client() as client:
        with pytest.raises(refusals):
            await client.get(url)
    assert dialled == []


async def test_a_public_name_is_dialled_at_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled = await _dial("8.8.8.8", "1.1.1.1", monkeypatch=monkeypatch)
    assert dialled == [("8.8.8.8", 443), ("1.1.1.1", 443)]  # the second, as the first does not answer


async def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AddressRefused):
        await _dial("8.8.8.8", "10.0.0.1", monkeypatch=monkeypatch)
    with pytest.raises(AddressRefused):
        await _dial("::1", "8.8.8.8", monkeypatch=monkeypatch)


async def _dial(*addresses: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    dialled: list[tuple[str, int]] = []

    async def dial(remote_host: str, remote_port: int, **more: object) -> None:
        dialled.append((remote_host, remote_port))
        raise OSError

    async def answers(host: str, port: int) -> list[str]:
        return list(addresses)

    monkeypatch.setattr("anyio.connect_tcp", dial)
    async with guarded_client(resolver=answers) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("https://shop.example/")
    return dialled


async def test_a_name_that_is_bound_to_another_address_meanwhile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter((["8.8.8.8"], ["127.0.0.1"]))
    dialled: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        return next(answers)

    async def dial(remote_host: str, **more: object) -> None:
        dialled.append(remote_host)
        raise OSError

    monkeypatch.setattr("anyio.connect_tcp", dial)
    async with guarded_client(resolver=rebinding) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://rebind.example/")
        with pytest.raises(AddressRefused):
            await client.get("http://rebind.example/")
    assert dialled == ["8.8.8.8"]


@pytest.mark.parametrize("failure", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_name_without_an_address_is_an_error_to_connect(failure: Exception) -> None:
    async def nowhere(host: str, port: int) -> list[str]:
        raise failure

    async with guarded_client(resolver=nowhere) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://nowhere.example/")


async def test_a_redirect_is_not_followed_and_leads_nowhere_when_it_is() -> None:
    redirect = saying(b"", "Location: http://127.0.0.1/secret", status="302 Found")
    async with serving(redirect) as server, guarded_client(allow=server.allow) as client:
        assert (await client.get(server.url)).status_code == 302
        with pytest.raises(AddressRefused):
            await client.get(server.url, follow_redirects=True)


async def test_what_the_operator_allows_is_exactly_that_name_and_port() -> None:
    async with serving(saying(b"hello")) as server:
        async with guarded_client(allow=server.allow) as client:
            assert (await client.get(server.url)).text == "hello"
            for url in (f"http://127.0.0.1:{server.port}/", f"http://localhost.:{server.port}/", "http://localhost/"):
                with pytest.raises(AddressRefused):
                    await client.get(url)
        async with guarded_client(allow=(f"127.0.0.1:{server.port}",)) as client:
            with pytest.raises(AddressRefused):
                await client.get(server.url)
    assert server.connections == 1


async def test_a_server_that_drips_is_ended_by_the_whole_calls_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving(drip) as server, guarded_client(timeout=0.4, allow=server.allow) as client:
        started = time.monotonic()
        with pytest.raises(httpx.TimeoutException):
            await client.get(server.url)
        assert 0.35 < time.monotonic() - started < 2
        with pytest.raises(httpx.TimeoutException):
            await client.get(server.url, timeout=0.1)
        async with client.stream("GET", server.url) as answer:
            with pytest.raises(httpx.TimeoutException):
                async for _ in answer.aiter_raw():
                    pass


async def test_a_server_that_says_nothing_is_ended_by_the_deadline() -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(wait) as server, guarded_client(timeout=0.2, allow=server.allow) as client:
        with pytest.raises(httpx.TimeoutException):
            await client.get(server.url)


async def test_a_compressed_answer_is_not_expanded() -> None:
    bomb = saying(gzip.compress(bytes(64 * 1024**2)), "Content-Encoding: gzip")
    async with serving(bomb) as server, guarded_client(allow=server.allow) as client:
        with pytest.raises(httpx.DecodingError):
            await client.get(server.url)
    assert b"accept-encoding: identity" in server.requests[0].lower()


@pytest.mark.parametrize("framing", ["Content-Length: {}", "Transfer-Encoding: chunked"])
async def test_an_answer_is_not_read_beyond_its_limit(framing: str) -> None:
    async def much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = bytes(4000)
        chunked = b"fa0\r\n" + body + b"\r\n0\r\n\r\n" if "chunked" in framing else body
        writer.write(f"HTTP/1.1 200 OK\r\n{framing.format(4000)}\r\n\r\n".encode() + chunked)
        await writer.drain()

    async with serving(much) as server, guarded_client(max_body=1000, allow=server.allow) as client:
        with pytest.raises(ResponseTooLarge):
            await client.get(server.url)
        assert len((await client.get(server.url, extensions={"max_body": 4000})).content) == 4000
        async with client.stream("GET", server.url, extensions={"max_body": 4000}) as answer:
            assert sum([len(piece) async for piece in answer.aiter_raw()]) == 4000


async def test_a_head_may_tell_of_a_large_file() -> None:
    async def head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
        await writer.drain()

    async with serving(head) as server, guarded_client(max_body=1000, allow=server.allow) as client:
        assert (await client.head(server.url)).headers["content-length"] == "99999"


async def test_a_server_that_breaks_off_is_an_error_of_httpx() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        await writer.drain()

    async with serving(hang_up) as server, guarded_client(allow=server.allow) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url)


async def test_cookies_and_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with serving(saying(b"", "Set-Cookie: a=1")) as server, guarded_client(allow=server.allow) as client:
        await client.get(server.url)
        await client.get(server.url)
    assert b"cookie:" not in server.requests[1].lower()


async def test_a_connection_is_used_again() -> None:
    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await reader.readuntil(b"\r\n\r\n")

    async with serving(twice) as server, guarded_client(allow=server.allow) as client:
        for _ in range(2):
            assert (await client.post(server.url, json={"a": 1})).text == "ok"
        assert server.connections == 1


async def test_a_gateway_fetches_files_by_it_and_closes_it(tmp_path: Path) -> None:
    size = 11 * 1024**2
    async with serving(saying(bytes(size))) as server:
        settings = Settings(database_url=Secret(f"sqlite:///{tmp_path}/fivapp.db"), http_allow=list(server.allow))
        async with build_gateway(settings) as gateway:
            connector = gateway.connectors["connection_service"]
            async with connector.fetch_media(server.url) as file:
                assert sum([len(piece) async for piece in file.pieces]) == size
            with pytest.raises(ConnectorRejected) as refused:
                async with connector.fetch_media("http://127.0.0.1/secret"):
                    pass
            assert refused.value.reason == "address_refused"
            assert gateway.http is not None
        assert gateway.http.is_closed
