"""Files of incoming messages: the service's own with our key, all others as from the public internet."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import unquote

import httpx

from fivapp_whatsapp.errors import AddressRefused, ConnectorKeyRefused, ConnectorRejected, ConnectorUnavailable
from fivapp_whatsapp.ports import MediaStream

from . import wire
from .http import ServiceClient

MEDIA_SECONDS = 60.0
_GONE = (404, 410)
_ANY_SIZE = 2**62
# What the service answers to our own calls, a session's QR code above all, is no file of anybody's message. Servers
# read a path in more than one way, so it is compared as the most forgiving one would read it.
_CALLS = re.compile(r"/(?:sessions/[^/]*/status|messages/[^/]*|groups(?:/[^/]*)?|capabilities)", re.IGNORECASE)


class MediaSource:
    """Opens files by their URL: with `service` what is the service's own, with `outside` anything else.

    `seconds` bound a file from its request to its last byte. Without `outside` only the service is asked.
    """

    def __init__(self, service: ServiceClient, outside: httpx.AsyncClient | None, seconds: float) -> None:
        self._service = service
        self._outside = outside
        self._seconds = seconds

    @asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[MediaStream]:
        """Give a file as it comes; reading its pieces raises what opening it does.

        Raises ConnectorUnavailable (try again later), or ConnectorRejected with the reason `gone`,
        `address_refused` or `rejected`. Redirects are not followed: each is a refusal. What our other calls ask the
        service for is no file: whoever gives a message its URL must not read with our key.
        """
        deadline = asyncio.get_running_loop().time() + self._seconds
        client, request = self._request(url)
        with _explained():
            async with asyncio.timeout_at(deadline):
                response = await client.send(request, stream=True, follow_redirects=False)
        try:
            _check(response, own=client is not self._outside)
            yield MediaStream(mime_type=_mime_type(response), size=_size(response), pieces=_pieces(response, deadline))
        finally:
            await response.aclose()

    def _request(self, url: str) -> tuple[httpx.AsyncClient, httpx.Request]:
        own = self._service.address(url)
        if own is not None and _CALLS.fullmatch(_simple(own.path.removeprefix(self._service.path))):
            raise _refused_address()
        client = self._service.client if own is not None else self._outside
        if client is None:
            raise ConnectorRejected("Files outside the connection service are not fetched.", reason="address_refused")
        if client.is_closed:
            raise ConnectorUnavailable("The connection to the service was closed.")
        try:
            return client, client.build_request(
                "GET",
                own or url,
                headers={"Accept": "*/*", "Accept-Encoding": "identity"},
                timeout=self._seconds,
                # Whoever reads the pieces knows how many are too many.
                extensions={"max_body": _ANY_SIZE},
            )
        except (httpx.InvalidURL, ValueError) as exc:
            raise _refused_address() from exc


def _simple(path: str) -> str:
    return "/" + posixpath.normpath(unquote(path).replace("\\", "/")).strip("/")


def _check(response: httpx.Response, *, own: bool) -> None:
    status = response.status_code
    if status in _GONE:
        raise ConnectorRejected(f"The file is no longer there ({status}).", reason="gone")
    if own and status in (401, 403):
        raise ConnectorKeyRefused(f"The connection service refuses CONNECTION_SERVICE_API_KEY ({status}).")
    if status >= 500 or status in (408, 429):
        raise ConnectorUnavailable(f"The file cannot be fetched now ({status}).")
    if status != 200:
        raise ConnectorRejected(f"The file cannot be fetched ({status}).")
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise _compressed()


async def _pieces(response: httpx.Response, deadline: float) -> AsyncIterator[bytes]:
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise ConnectorUnavailable("The answer has no body to read.")
    # The stream itself: what httpx's own readers inflate or join could be a bomb.
    pieces = aiter(stream)
    with _explained():
        while True:
            async with asyncio.timeout_at(deadline):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield piece


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (AddressRefused, httpx.UnsupportedProtocol, httpx.InvalidURL) as exc:
        raise _refused_address() from exc
    except httpx.DecodingError as exc:
        raise _compressed() from exc
    except (httpx.HTTPError, httpx.StreamError, OSError) as exc:
        raise ConnectorUnavailable(f"The file cannot be fetched now ({type(exc).__name__}).") from exc


def _refused_address() -> ConnectorRejected:
    return ConnectorRejected("The file's address may not be called.", reason="address_refused")


def _compressed() -> ConnectorRejected:
    return ConnectorRejected("The file came compressed although it was asked for as it is.")


def _mime_type(response: httpx.Response) -> str | None:
    return wire.line(response.headers.get("content-type", "").partition(";")[0].lower())


def _size(response: httpx.Response) -> int | None:
    size = wire.number(response.headers.get("content-length"))
    return size if size is not None and size >= 0 else None
