"""Who may call what: the service's routes need the key, the phone's routes a request from this machine."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit


def key_is_right(headers: Mapping[str, str], key: str) -> bool:
    """Tell, in constant time, whether `X-API-KEY` is the key; without a key nothing is right."""
    given = headers.get("x-api-key", "")
    return bool(key) and hmac.compare_digest(given.encode("utf-8", "replace"), key.encode("utf-8", "replace"))


def is_local(headers: Mapping[str, str], allowed_hosts: Collection[str] = ()) -> bool:
    """Tell whether a request names this machine as its host, and no other site as its origin.

    A web page elsewhere can reach a loopback port through a visitor's browser, under a name of its own or
    with an `Origin` of its own: neither passes.
    """
    host = headers.get("host", "")
    if not _is_loopback(_hostname(f"//{host}"), allowed_hosts):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == host.lower()


def _hostname(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_loopback(name: str, allowed_hosts: Collection[str]) -> bool:
    if name == "localhost" or name in allowed_hosts:
        return bool(name)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
