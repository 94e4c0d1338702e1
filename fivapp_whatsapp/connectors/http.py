"""The one HTTP client of a connector: pooled, bounded in time and size, its errors already ours.

A call is `repeatable` when asking twice does no harm. In doubt, a repeatable call is simply unavailable;
any other may have taken effect, and that is OutcomeUnknown.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import msgspec

from fivapp_whatsapp.errors import (
    ConnectorError,
    ConnectorProtocolError,
    ConnectorUnavailable,
    OutcomeUnknown,
    SettingsError,
)

from .wire import Unreadable, read_json

MAX_ANSWER = 1_048_576
# Node.js closes a connection that is idle for 5 s. A request written just then is lost or not, no one can
# tell; so connections are given up before the service does it.
_IDLE_SECONDS = 4.0
# Waiting for a free connection, connecting and TLS take at most a quarter of the deadline each: when the
# whole deadline is over, the request was written, and when one of these is over, it was not.
_SHARE = 0.25
_PORTS = {"http": 80, "https": 443}
_JSON = (b"Content-Type", b"application/json")
# Addresses that are kept as they were parsed: most calls go to a handful.
_URLS = 256
_BAD_ADDRESS = "CONNECTION_SERVICE_URL must be http:// or https://, a host, and no query."
_NOT_WRITTEN = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)


def _transport(connections: int) -> httpx.AsyncBaseTransport:
    if sys.platform != "win32" and sys.implementation.name == "cpython":
        from .pool import KeptConnections  # where httptools is installed, and the kernel has poll

        return KeptConnections(connections=connections, idle_seconds=_IDLE_SECONDS)
    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_IDLE_SECONDS
    )
    return httpx.AsyncHTTPTransport(limits=limits, trust_env=False)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host.rstrip("."), url.port or _PORTS.get(url.scheme)


def in_doubt(detail: str, *, repeatable: bool, retry_after: float | None = None) -> ConnectorError:
    """Return the error of a call whose outcome no one told us."""
    return ConnectorUnavailable(detail, retry_after=retry_after) if repeatable else OutcomeUnknown(detail)


def garbled(detail: str, *, repeatable: bool) -> ConnectorError:
    """Return the error of a call whose answer cannot be read; it may well have been done."""
    return ConnectorProtocolError(detail) if repeatable else OutcomeUnknown(detail)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a service answered; `repeatable` tells of the request whether asking again does no harm."""

    status: int
    body: bytes
    repeatable: bool
    retry_after: str | None = None

    def document(self) -> dict[str, Any] | None:
        """Return the JSON object of the body, or None where it is none."""
        try:
            document = read_json(self.body)
        except Unreadable:
            return None
        return document if isinstance(document, dict) else None


class ServiceClient:
    """Speaks to one connection service whose address comes from the settings.

    `timeout` in seconds bounds each call as a whole, whatever the service does meanwhile. Neither proxies
    of the environment nor redirects nor cookies are followed. Raises SettingsError for an address or a
    header that cannot be used.
    """

    def __init__(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str],
        timeout: float,
        connections: int,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise SettingsError("CONNECTION_SERVICE_API_KEY must be printable ASCII.")
        self._timeout = timeout
        self._transport = transport or _transport(connections)
        try:
            self._base = httpx.URL(base_url.rstrip("/"))
            self._client = httpx.AsyncClient(
                # Identity: what is not inflated cannot be a bomb.
                headers={"Accept": "application/json", "Accept-Encoding": "identity", **headers},
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                follow_redirects=False,
                trust_env=False,
                transport=self._transport,
            )
        except httpx.InvalidURL as exc:
            raise SettingsError(_BAD_ADDRESS) from exc
        if self._base.scheme not in ("http", "https") or not self._base.host or self._base.query or self._base.fragment:
            raise SettingsError(_BAD_ADDRESS)
        self._headers = [*self._client.headers.raw, (b"Host", self._base.netloc)]
        self._url = lru_cache(_URLS)(lambda path: httpx.URL(f"{self._base}{path}"))

    @property
    def client(self) -> httpx.AsyncClient:
        """Return the client itself, which sends our key with every request: only for addresses of this service."""
        return self._client

    @property
    def path(self) -> str:
        """Return the path of the base URL, without a slash at its end."""
        return self._base.path.rstrip("/")

    def address(self, url: str) -> httpx.URL | None:
        """Return where on this service a path or a URL points to; None for a place that is not this service's.

        A URL is the service's only when scheme, host and port are the same. A path is taken below the base URL,
        unless it begins with the base's own path.
        """
        try:
            named = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            return None
        if url.startswith("/") and not named.host:
            below = url.startswith(f"{self._base.path.rstrip('/')}/")
            return httpx.URL(f"{self._base.copy_with(path='')}{url}" if below else f"{self._base}{url}")
        return named if not named.userinfo and _origin(named) == _origin(self._base) else None

    async def call(
        self,
        method: str,
        path: str,
        json: Any = None,
        *,
        repeatable: bool,
        timeout: float | None = None,
        max_answer: int = MAX_ANSWER,
    ) -> Answer:
        """Make one call and return its answer, of whatever status.

        `path` is quoted already, an answer has at most `max_answer` bytes. Raises ConnectorUnavailable when nothing
        was written, or nothing is lost by asking again; OutcomeUnknown when the request may have taken effect;
        ConnectorProtocolError when the answer to a repeatable call is too big or compressed.
        """
        total = self._timeout if timeout is None else max(min(timeout, self._timeout), 0.001)
        try:
            async with asyncio.timeout(total):
                return await self._exchange(self._request(method, path, json, total), repeatable, max_answer)
        except _NOT_WRITTEN as exc:
            raise ConnectorUnavailable(f"The connection service does not answer ({type(exc).__name__}).") from exc
        except (httpx.HTTPError, httpx.StreamError, OSError) as exc:
            raise in_doubt(f"The connection service broke off ({type(exc).__name__}).", repeatable=repeatable) from exc

    async def close(self) -> None:
        """Close all connections; later calls are ConnectorUnavailable."""
        await self._client.aclose()

    def _request(self, method: str, path: str, json: Any, total: float) -> httpx.Request:
        if self._client.is_closed:
            raise ConnectorUnavailable("The connection to the service was closed.")
        timeouts = {"connect": total * _SHARE, "pool": total * _SHARE, "read": total, "write": total}
        if json is None:
            return httpx.Request(method, self._url(path), headers=self._headers, extensions={"timeout": timeouts})
        return httpx.Request(
            method,
            self._url(path),
            headers=[*self._headers, _JSON],
            content=msgspec.json.encode(json),
            extensions={"timeout": timeouts},
        )

    async def _exchange(self, request: httpx.Request, repeatable: bool, max_answer: int) -> Answer:
        # The transport itself: what the client does around a call (redirects, cookies, authentication) is nothing
        # here, and took longer than the call.
        response = await self._transport.handle_async_request(request)
        try:
            body = await self._read(response, repeatable, max_answer)
        finally:
            if isinstance(response.stream, httpx.AsyncByteStream):
                await response.stream.aclose()
        return Answer(
            status=response.status_code,
            body=body,
            repeatable=repeatable,
            retry_after=_header(response, b"retry-after"),
        )

    async def _read(self, response: httpx.Response, repeatable: bool, max_answer: int) -> bytes:
        if (_header(response, b"content-encoding") or "").strip().lower() not in ("", "identity"):
            raise garbled(
                "The connection service compressed its answer although it was asked not to.", repeatable=repeatable
            )
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise garbled("The connection service's answer has no body to read.", repeatable=repeatable)
        body = bytearray()
        # The stream itself: httpx's own readers join or inflate before the size can be looked at.
        async for chunk in stream:
            body += chunk
            if len(body) > max_answer:
                raise garbled(f"The connection service answered more than {max_answer} bytes.", repeatable=repeatable)
        return bytes(body)


def _header(response: httpx.Response, name: bytes) -> str | None:
    # httpx guesses the encoding of all headers for each that is asked for.
    values = [value for key, value in response.headers.raw if key.lower() == name]
    return b", ".join(values).decode("latin-1") if values else None
