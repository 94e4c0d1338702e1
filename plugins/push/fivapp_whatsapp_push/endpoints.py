"""Which addresses may be pushed to: a browser names its push service, so an address comes from outside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

MAX_ENDPOINT = 2048
# The push services of Chrome, Edge and their kin, of Firefox, of Windows, and of Safari. A leading dot: and below.
PUSH_SERVICES = ("fcm.googleapis.com", ".push.services.mozilla.com", ".notify.windows.com", ".push.apple.com")
_PLAIN = re.compile(r"https://(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+(:[0-9]{1,5})?/[\x21-\x7e]*")


def endpoint_problem(endpoint: str, services: Sequence[str] = PUSH_SERVICES) -> str | None:
    """Say why an endpoint is not pushed to, or None. `services` are hosts, or `host:port` for another port than 443."""
    if len(endpoint) > MAX_ENDPOINT:
        return "the endpoint is too long"
    # One spelling alone: what two parsers might read in two ways is refused before the first.
    if _PLAIN.fullmatch(endpoint) is None or "\\" in endpoint or "@" in endpoint.split("/")[2]:
        return "the endpoint is not an https address of a push service"
    try:
        parts = urlsplit(endpoint)
        host, port = (parts.hostname or ""), parts.port or 443
    except ValueError:
        return "the endpoint is not an https address of a push service"
    if any(_is_of(service.strip().lower(), host, port) for service in services):
        return None
    return "this push service is not allowed here; an operator can add it to FIVAPP_PUSH_HOSTS"


def host_of(endpoint: str) -> str:
    """Return the host of an endpoint, for logs and lists: the rest of it is a secret."""
    return urlsplit(endpoint).hostname or ""


def _is_of(service: str, host: str, port: int) -> bool:
    name, _, its_port = service.partition(":")
    if port != (int(its_port) if its_port.isdecimal() else 443) or not name.strip("."):
        return False
    return host == name or (name.startswith(".") and host.endswith(name) and len(host) > len(name))
