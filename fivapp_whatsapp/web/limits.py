"""Rates: token buckets per user, tenant and address, each table bounded, and whose address a request has."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence

from litestar.types import Scope

from fivapp_whatsapp.errors import SettingsError

_MAX_KEYS = 10_000
_MAX_HOPS = 32

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Buckets:
    """One bucket of tokens per key: `burst` at once, then `rate` a second; the least used keys are forgotten."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float], *, max_keys: int = _MAX_KEYS) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._max_keys = max_keys
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: Hashable) -> float:
        """Take one token; return 0, or the seconds until there is one."""
        now, level = self._level(key)
        wait = 0.0 if level >= 1 else (1 - level) / self._rate
        self._levels[key] = (now, level if wait else level - 1)
        self._levels.move_to_end(key)
        if len(self._levels) > self._max_keys:
            self._levels.popitem(last=False)
        return wait

    def wait(self, key: Hashable) -> float:
        """Return the seconds until there is a token, without taking it."""
        _, level = self._level(key)
        return 0.0 if level >= 1 else (1 - level) / self._rate

    def _level(self, key: Hashable) -> tuple[float, float]:
        now = self._clock()
        then, level = self._levels.get(key, (now, self._burst))
        return now, min(self._burst, level + (now - then) * self._rate)


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks (`10.0.0.0/8`). Raises SettingsError."""
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError:
        raise SettingsError("FIVAPP_TRUSTED_PROXIES: expected addresses or networks") from None


def client_key(scope: Scope, trusted: Sequence[Network]) -> str:
    """Return whom to count a failure against: the client's address, of IPv6 the /64 that it can move in.

    `X-Forwarded-For` counts only when the peer is a trusted proxy: then its rightmost untrusted address.
    """
    client = scope.get("client")
    peer = _address(client[0]) if client else None
    if peer is None:
        return "unknown"
    if _is_trusted(peer, trusted):
        peer = _forwarded(scope, peer, trusted)
    if isinstance(peer, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((peer, 64), strict=False))
    return str(peer)


def _forwarded(scope: Scope, peer: Address, trusted: Sequence[Network]) -> Address:
    hops = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").split(b",")
    for hop in hops[: -_MAX_HOPS - 1 : -1]:
        address = _address(hop.decode("latin-1").strip())
        if address is None:
            break
        peer = address
        if not _is_trusted(address, trusted):
            break
    return peer


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # An IPv4 client of a dual-stack socket is that IPv4 client.
    return getattr(address, "ipv4_mapped", None) or address
