"""Files come from the service with our key only when they are the service's own; all others are strangers' files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector
from fivapp_whatsapp.errors import (
    AddressRefused,
    ConnectorError,
    ConnectorKeyRefused,
    ConnectorRejected,
    ConnectorUnavailable,
)
from fivapp_whatsapp.ports import Connector, MediaStream
from tests.connectors.conftest import KEY

pytestmark = pytest.mark.anyio

Handler = Callable[[httpx.Request], httpx.Response]
PICTURE = b"\x89PNG" + bytes(range(256)) * 8


class Stream(httpx.AsyncByteStream):
    """A body that comes piece by piece; a piece may be an error to raise, or a number of seconds to wait."""

    def __init__(self, *pieces: bytes | Exception | float) -> None:
        self.pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                yield piece
            else:
                await asyncio.sleep(piece)

    async def aclose(self) -> None:
        self.closed = True


def picture(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": "image/PNG; x=y"}, content=PICTURE)


@asynccontextmanager
async def connected(
    service: Handler, outside: Handler | None = None, *, base_url: str = "http://service.test:3001", seconds: float = 5
) -> AsyncIterator[Connector]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(outside or never)) as client:
        connector = ConnectionServiceConnector(
            base_url=base_url,
            api_key=KEY,
            media_timeout=seconds,
            transport=httpx.MockTransport(service),
            outside=client if outside else None,
        )
        try:
            yield connector
        finally:
            await connector.close()


async def read(connector: Connector, url: str) -> tuple[MediaStream, bytes]:
    async with connector.fetch_media(url) as file:
        return file, b"".join([piece async for piece in file.pieces])


def never(request: httpx.Request) -> httpx.Response:
    raise AssertionError("the wrong client was asked")


@pytest.mark.parametrize(
    ("base_url", "url", "asked"),
    [
        ("http://service.test:3001", "/media/foto.png", "http://service.test:3001/media/foto.png"),
        ("http://service.test:3001", "http://service.test:3001/media/1?x=2", "http://service.test:3001/media/1?x=2"),
        ("http://service.test:3001", "HTTP://Service.test:3001/media/1", "http://service.test:3001/media/1"),
        ("http://service.test", "http://service.test:80/media/1", "http://service.test/media/1"),
        ("https://service.test/", "https://service.test/media/1", "https://service.test/media/1"),
        ("https://service.test/wa", "/media/1", "https://service.test/wa/media/1"),
        ("https://service.test/wa", "/wa/media/1", "https://service.test/wa/media/1"),
        ("https://service.test/wa", "/wallet/1", "https://service.test/wa/wallet/1"),
    ],
)
async def test_the_services_own_files_are_asked_for_with_our_key(base_url: str, url: str, asked: str) -> None:
    seen: list[httpx.Request] = []

    def service(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return picture(request)

    async with connected(service, never, base_url=base_url) as connector:
        file, content = await read(connector, url)
    assert (file.mime_type, file.size, content) == ("image/png", len(PICTURE), PICTURE)
    assert [str(request.url) for request in seen] == [asked]
    assert seen[0].headers["X-API-KEY"] == KEY
    assert seen[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "url",
    [
        "https://files.test/1",
        "https://service.test:3001/1",
        "http://service.test/1",
        "http://service.test:3002/1",
        "http://service.test:3001@evil.test/1",
        "http://user:word@service.test:3001/1",
        "http://sub.service.test:3001/1",
    ],
)
async def test_any_other_address_is_a_strangers_and_never_sees_our_key(url: str) -> None:
    seen: list[httpx.Request] = []

    def outside(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return picture(request)

    async with connected(never, outside) as connector:
        await read(connector, url)
    assert len(seen) == 1
    assert "X-API-KEY" not in seen[0].headers
    assert seen[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("url", ["https://files.test/1", "//files.test/1", "ftp://files.test/1", "foto.png", ""])
async def test_without_a_client_for_strangers_their_files_are_refused(url: str) -> None:
    async with connected(never) as connector:
        with pytest.raises(ConnectorRejected) as refused:
            await read(connector, url)
    assert refused.value.reason == "address_refused"


@pytest.mark.parametrize(
    "url",
    [
        "//files.test/1",
        "ftp://files.test/1",
        "file:///etc/passwd",
        "foto.png",
        "http://[::1",
        "http://service.test:3001.evil.test/1",
        "",
    ],
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    outside = httpx.AsyncClient()
    connector = ConnectionServiceConnector(base_url="http://service.test:3001", api_key=KEY, outside=outside)
    with pytest.raises(ConnectorRejected) as refused:
        await read(connector, url)
    await connector.close()
    assert refused.value.reason == "address_refused"
    assert not outside.is_closed
    await outside.aclose()


@pytest.mark.parametrize("base", ["http://service.test:3001", "http://service.test:3001/wa"])
@pytest.mark.parametrize(
    "path",
    [
        "/sessions/acme/status", "/Sessions/acme/STATUS/", "//sessions/acme/status", "/media/../sessions/acme/status",
        "/media/%2e%2e/sessions/acme/status?x=1", "/%73essions/acme/status", "/%2573essions/acme/status",
        "/sessions%2Facme%2Fstatus", "/media/..\\sessions/acme/status", "/groups", "/groups/1@g.us?tenantId=acme",
        "/messages/c-1", "/capabilities#x",
    ],
)  # fmt: skip
async def test_what_the_gateway_asks_for_itself_is_no_file(base: str, path: str) -> None:
    async with connected(never, base_url=base) as connector:
        for url in (path, base + path):
            with pytest.raises(ConnectorRejected) as refused:
                await read(connector, url)
            assert refused.value.reason == "address_refused"


@pytest.mark.parametrize(
    "path", ["/media/sessions/acme/status", "/messages/1/media", "/sessions/acme/files/1", "/groups/1/picture", "/"]
)
async def test_files_may_stand_below_the_names_of_calls(path: str) -> None:
    async with connected(picture) as connector:
        assert (await read(connector, path))[1] == PICTURE


async def test_an_address_that_the_guard_refuses_is_refused() -> None:
    def outside(_request: httpx.Request) -> httpx.Response:
        raise AddressRefused()

    async with connected(never, outside) as connector:
        with pytest.raises(ConnectorRejected) as refused:
            await read(connector, "http://files.test/1")
    assert refused.value.reason == "address_refused"


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (404, ConnectorRejected, "gone"),
        (410, ConnectorRejected, "gone"),
        (401, ConnectorKeyRefused, None),
        (400, ConnectorRejected, "rejected"),
        (204, ConnectorRejected, "rejected"),
        (302, ConnectorRejected, "rejected"),
        (408, ConnectorUnavailable, None),
        (429, ConnectorUnavailable, None),
        (500, ConnectorUnavailable, None),
        (503, ConnectorUnavailable, None),
    ],
)
async def test_a_status_says_whether_to_come_again(
    status: int, error: type[ConnectorError], reason: str | None
) -> None:
    asked: list[str] = []

    def service(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(status, headers={"Location": "http://service.test:3001/other"})

    async with connected(service) as connector:
        with pytest.raises(error) as refused:
            await read(connector, "/media/1")
    assert getattr(refused.value, "reason", None) == reason
    assert asked == ["/media/1"]


async def test_a_strangers_401_is_not_about_our_key() -> None:
    async with connected(never, lambda _request: httpx.Response(401)) as connector:
        with pytest.raises(ConnectorRejected):
            await read(connector, "https://files.test/1")


async def test_a_compressed_file_is_refused_unread() -> None:
    body = Stream(b"x" * 10)

    def service(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=body)

    async with connected(service) as connector:
        with pytest.raises(ConnectorRejected):
            await read(connector, "/media/1")
    assert body.closed


async def test_a_compressed_file_from_a_stranger_is_refused() -> None:
    def outside(_request: httpx.Request) -> httpx.Response:
        raise httpx.DecodingError("compressed")

    async with connected(never, outside) as connector:
        with pytest.raises(ConnectorRejected) as refused:
            await read(connector, "https://files.test/1")
    assert refused.value.reason == "rejected"


@pytest.mark.parametrize("body", [Stream(b"x", httpx.ReadError("")), Stream(b"x", 60.0, b"y")])
async def test_a_file_that_breaks_off_or_drips_is_unavailable_in_time(body: Stream) -> None:
    async with connected(lambda _request: httpx.Response(200, stream=body), seconds=0.1) as connector:
        async with asyncio.timeout(10):
            with pytest.raises(ConnectorUnavailable):
                await read(connector, "/media/1")
    assert body.closed


async def test_a_service_that_does_not_answer_is_unavailable() -> None:
    def service(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    async with connected(service) as connector:
        with pytest.raises(ConnectorUnavailable):
            await read(connector, "/media/1")
    with pytest.raises(ConnectorUnavailable):
        await read(connector, "/media/1")


async def test_who_has_enough_may_stop_reading() -> None:
    body = Stream(b"one", b"two", b"three")
    async with (
        connected(lambda _request: httpx.Response(200, stream=body)) as connector,
        connector.fetch_media("/media/1") as file,
    ):
        assert (file.mime_type, file.size) == (None, None)
        assert await anext(file.pieces) == b"one"
    assert body.closed


async def test_a_callers_own_error_passes_as_it_is() -> None:
    async with connected(picture) as connector:
        with pytest.raises(LookupError):
            async with connector.fetch_media("/media/1"):
                raise LookupError
