"""Links that carry their own permission: to one file of one tenant, until a time, signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time

import msgspec

_MAC_BYTES = 32
_MAX = 2000


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a link opens: a file by its SHA-256, or its preview, under a name, until a time (seconds since 1970)."""

    tenant_id: str
    sha256: str
    mime_type: str
    name: str
    expires_at: int
    preview: bool = False


class Links:
    """Makes and reads links with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Link).decode

    def make(self, link: Link) -> str:
        """Return the token of a link: URL-safe text."""
        content = self._encode(link)
        return base64.urlsafe_b64encode(self._mac(content) + content).rstrip(b"=").decode()

    def read(self, token: str, *, expired: bool = False) -> Link | None:
        """Return what a token opens, None for one that is not ours or, unless `expired` are wanted too, is over."""
        if not 0 < len(token) <= _MAX:
            return None
        try:
            whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (binascii.Error, ValueError):
            return None
        mac, content = whole[:_MAC_BYTES], whole[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(content)):
            return None
        link = self._decode(content)
        return link if expired or link.expires_at > time.time() else None

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)
