"""Webhooks' bodies as they came, but for secrets: those of one commit in one row, packed together.

So a mistake of a decoder loses nothing: what it missed is read again once it is mended. A row for each commit costs
next to nothing where a row for each body would cost as much as the message itself, and bodies that are alike pack well.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Sequence

import msgspec

from fivapp_whatsapp.ports import KeptWebhook

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[KeptWebhook]).decode
_MASK = b"***"
# What is shorter might be a word of somebody's message; no server runs with such a key.
_SHORTEST = 8
# Services tell their own keys in what they post: a field by such a name keeps its place and loses its value.
_NAMES = (b"apikey", b"api_key", b"api-key", b"token", b"secret", b"password", b"authorization")
_FIELD = re.compile(
    rb'("(?:api[_-]?key|(?:access[_-]?|auth[_-]?)?token|secret|password|authorization)"\s*:\s*")(?:[^"\\]|\\.)*(")',
    re.IGNORECASE,
)


class Vault:
    """Packs bodies, without the values of `secrets` in any of their spellings in JSON."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in secrets if len(secret) >= _SHORTEST for spelling in _spellings(secret)}
        # The longest first: one may begin like another.
        self._secrets = sorted(spellings, key=len, reverse=True)

    def pack(self, bodies: Sequence[KeptWebhook]) -> bytes:
        """Return webhooks as bytes to keep."""
        packed = _encode(bodies)
        if self._is_suspicious(packed):
            packed = _encode([msgspec.structs.replace(body, raw=self.clean(body.raw)) for body in bodies])
        return zlib.compress(packed, 1)

    def clean(self, raw: bytes) -> bytes:
        """Return a body without secrets."""
        if not self._is_suspicious(raw):
            return raw
        for secret in self._secrets:
            raw = raw.replace(secret, _MASK)
        return _FIELD.sub(_masked, raw)

    def _is_suspicious(self, raw: bytes) -> bool:
        folded = raw.lower()
        return any(name in folded for name in _NAMES) or any(secret in raw for secret in self._secrets)


def unpack(packed: bytes) -> list[KeptWebhook]:
    """Return what was packed."""
    return _decode(zlib.decompress(packed))


def _masked(match: re.Match[bytes]) -> bytes:
    return match[1] + _MASK + match[2]


def _spellings(secret: str) -> Iterable[bytes]:
    plain = secret.encode("utf-8", "surrogatepass")
    inside = (json.dumps(secret), json.dumps(secret, ensure_ascii=False))
    escaped = [text[1:-1].encode("utf-8", "surrogatepass") for text in inside]
    return plain, *escaped, *(text.replace(b"/", b"\\/") for text in escaped)
