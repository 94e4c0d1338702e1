"""The HTTP client for addresses that somebody else chose: plugins' calls, media, push endpoints.

The guard looks at the address that is dialled, not at how a URL is spelt: names are resolved here, every answer must
be public, and the connection goes to what was checked. So a name that is bound to another address a moment later, a
redirect, or `http://2130706433/` leads nowhere. Our own connection service is called by another client.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import httpcore
import httpx

from .errors import AddressRefused

MAX_BODY = 10 * 1024**2
PORTS = (80, 443)
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# Python's own tables of 3.11 take some of these for global: see RFC 6890 and the IANA special-purpose registries.
_NOT_PUBLIC_4 = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24")))
_UNICAST_6 = ip_network("2000::/3")
_NOT_PUBLIC_6 = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NAT64 = ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet; what is wrapped into IPv6 is looked at itself."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast and not _among(ip, _NOT_PUBLIC_4)
    if wrapped := _wrapped(ip):
        return all(is_public(str(each)) for each in wrapped)
    return ip in _UNICAST_6 and ip.is_global and not _among(ip, _NOT_PUBLIC_6)


def _wrapped(ip: IPv6Address) -> Sequence[IPv4Address]:
    """Return the IPv4 addresses that a mapped, 6to4, Teredo or NAT64 address leads to."""
    if ip in _NAT64:
        return (IPv4Address(int(ip) & 0xFFFF_FFFF),)
    if single := ip.ipv4_mapped or ip.sixtofour:
        return (single,)
    return ip.teredo or ()


def _among(ip: IPv4Address | IPv6Address, networks: Iterable[Any]) -> bool:
    return any(ip in network for network in networks)


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as this machine would dial them. Raises OSError, UnicodeError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def guarded_client(
    *,
    timeout: float = 20.0,
    user_agent: str = "fivapp-whatsapp",
    allow: Sequence[str] = (),
    max_body: int = MAX_BODY,
    resolver: Resolve = resolve,
) -> httpx.AsyncClient:
    """Return an HTTP client that goes to public addresses only, on port 80 or 443, and to the `host:port` of `allow`.

    `host:*` in `allow` is all ports of a host, for tests.

    A call ends after `timeout` seconds in all, its body included; a request's own `timeout` takes its place. An
    answer of more than `max_body` bytes is broken off with ResponseTooLarge, one that is compressed with
    httpx.DecodingError; a request may ask for more by `extensions={"max_body": bytes}`. Cookies are not kept, proxies
    of the environment not used, and redirects not followed. Raises AddressRefused for an address that may not be
    called, else httpx's errors.
    """
    return httpx.AsyncClient(
        transport=_GuardedTransport(_Backend(allow, resolver), timeout, max_body),
        headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=timeout,
        follow_redirects=False,
        max_redirects=3,
        trust_env=False,
    )


class ResponseTooLarge(httpx.ReadError):
    """An answer has more bytes than were to be read."""


class _Backend(httpcore.AsyncNetworkBackend):
    """Dials for httpcore what may be dialled."""

    def __init__(self, allow: Sequence[str], resolver: Resolve) -> None:
        self._allow = frozenset(name.lower() for name in allow)
        self._resolve = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of a host's addresses that answers, when all of them may be called."""
        failure: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in await self._addresses(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.NetworkError, httpcore.TimeoutException) as exc:
                failure = failure or exc
        raise failure or httpcore.ConnectError("The name has no address.")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: a file is no address of the internet."""
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        """Wait between two tries to connect."""
        await self._network.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        allowed = not self._allow.isdisjoint((_spelling(host, port), _spelling(host, "*")))
        if not allowed and port not in PORTS:
            raise AddressRefused
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as exc:
            raise httpcore.ConnectError("The name cannot be resolved.") from exc
        # All of them: which of several is dialled is not for the owner of the name to choose.
        if not allowed and not all(map(is_public, addresses)):
            raise AddressRefused
        return addresses


def _spelling(host: str, port: int | str) -> str:
    return f"[{host.lower()}]:{port}" if ":" in host else f"{host.lower()}:{port}"


class _GuardedTransport(httpx.AsyncBaseTransport):
    """Passes requests to httpcore, each with one deadline and one limit of bytes for all of its answer."""

    def __init__(self, backend: _Backend, timeout: float, max_body: int) -> None:
        self._timeout = timeout
        self._max_body = max_body
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=backend,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request. Raises AddressRefused, httpx's errors."""
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise AddressRefused
        call = _Call(request, self._timeout)
        url = request.url
        answer = await call.bounded(
            self._pool.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        )
        body = _Body(answer, call, request.extensions.get("max_body", self._max_body))
        response = httpx.Response(
            answer.status, headers=answer.headers, stream=body, extensions=answer.extensions, request=request
        )
        if problem := body.problem_of(response):
            await body.aclose()
            raise problem
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Call:
    """One request's time, and its errors as httpx's."""

    def __init__(self, request: httpx.Request, timeout: float) -> None:
        own = [seconds for seconds in request.extensions.get("timeout", {}).values() if seconds is not None]
        self.request = request
        self._seconds = max(own, default=timeout)
        self._ends = asyncio.get_running_loop().time() + self._seconds

    async def bounded(self, step: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout_at(self._ends):
                return await step
        except TimeoutError as exc:
            raise httpx.ReadTimeout(f"There was no answer within {self._seconds:g} s.", request=self.request) from exc
        except _ERRORS as exc:
            # httpx has an error of the same name for each of httpcore's.
            raise getattr(httpx, type(exc).__name__)(str(exc), request=self.request) from exc


_ERRORS = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol)


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes: within the call's time, and not more than `limit` bytes."""

    def __init__(self, answer: httpcore.Response, call: _Call, limit: int) -> None:
        self._answer = answer
        self._call = call
        self._limit = limit

    def problem_of(self, response: httpx.Response) -> httpx.RequestError | None:
        """Return why an answer is not read at all: what it says of its body is enough."""
        if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            return httpx.DecodingError("The answer is compressed; it was asked not to be.", request=self._call.request)
        length = response.headers.get("content-length", "")
        has_body = self._call.request.method != "HEAD"
        return self._too_large() if has_body and length.isdecimal() and int(length) > self._limit else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the pieces. Raises ResponseTooLarge, httpx's errors."""
        count = 0
        pieces = aiter(self._answer.aiter_stream())
        while (piece := await self._call.bounded(anext(pieces, None))) is not None:
            count += len(piece)
            if count > self._limit:
                raise self._too_large()
            yield piece

    async def aclose(self) -> None:
        """Give the connection back, or end it when there is more to come."""
        await self._answer.aclose()

    def _too_large(self) -> ResponseTooLarge:
        return ResponseTooLarge(f"The answer has more than {self._limit} bytes.", request=self._call.request)
