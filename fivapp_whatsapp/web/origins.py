"""From which page a browser's request comes, and whether that page may use the user's cookies."""

from __future__ import annotations

from urllib.parse import urlsplit

from litestar.types import Scope

from fivapp_whatsapp.errors import SettingsError
from fivapp_whatsapp.settings import Settings

_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str | None:
    """Return `scheme://host[:port]` of a URL or an Origin header, without a default port; None for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" if port in (None, _PORTS[parts.scheme]) else f"{parts.scheme}://{host}:{port}"


def exact_origins(settings: Settings) -> list[str]:
    """Return the origins of FIVAPP_ALLOWED_ORIGINS. Raises SettingsError for a pattern or a URL with a path."""
    found: list[str] = []
    for text in settings.allowed_origins:
        origin = origin_of(text)
        if origin is None or "*" in text or urlsplit(text).path not in ("", "/"):
            raise SettingsError("FIVAPP_ALLOWED_ORIGINS: expected exact origins, such as https://app.example.com")
        found.append(origin)
    return found


def origin_allowed(scope: Scope, settings: Settings) -> bool:
    """Tell whether a request comes from a page of this server, or of an origin that the settings name.

    The page's origin must be the host that the request itself was sent to, FIVAPP_PUBLIC_URL or one of
    FIVAPP_ALLOWED_ORIGINS. Without `Origin`, `Sec-Fetch-Site: same-origin` counts; without both it is no.
    """
    headers: dict[bytes, list[str]] = {}
    for name, value in scope["headers"]:
        if name in (b"origin", b"host", b"sec-fetch-site"):
            headers.setdefault(name, []).append(value.decode("latin-1"))
    origins = headers.get(b"origin", [])
    if not origins:
        return headers.get(b"sec-fetch-site") == ["same-origin"]
    origin = origin_of(origins[0]) if len(origins) == 1 else None
    if origin is None or urlsplit(origins[0]).path:
        return False
    if origin in exact_origins(settings) or origin == origin_of(settings.public_url):
        return True
    return origin in _own(headers.get(b"host", []), settings)


def _own(hosts: list[str], settings: Settings) -> list[str]:
    if len(hosts) != 1:
        return []
    # Behind a proxy that ends TLS the scheme of the request is not the browser's, so either may be ours:
    # but where people come by https, a page of the same name by http is somebody on the way.
    schemes = ("https",) if settings.public_url.lower().startswith("https://") else ("http", "https")
    return [own for scheme in schemes if (own := origin_of(f"{scheme}://{hosts[0].lower()}")) is not None]
