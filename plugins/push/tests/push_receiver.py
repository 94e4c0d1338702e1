"""A browser, as far as web push is concerned: it makes keys, and decrypts by RFC 8291 and RFC 8188 alone."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def text_of(data: bytes) -> str:
    """Return bytes in base64 of URLs."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Browser:
    """A browser with a subscription at a push service."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._private = generate_private_key(SECP256R1())
        self._secret = os.urandom(16)

    @property
    def public(self) -> bytes:
        """Return the point of its key."""
        return self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def keys(self) -> dict[str, str]:
        """Return what `subscription.toJSON().keys` has."""
        return {"p256dh": text_of(self.public), "auth": text_of(self._secret)}

    @property
    def subscription(self) -> dict[str, Any]:
        """Return what a page posts."""
        return {"endpoint": self.endpoint, "keys": self.keys}

    def reads(self, body: bytes) -> dict[str, Any]:
        """Decrypt a message. Raises when it is not for this browser, or was changed on the way."""
        salt, size, length = body[:16], int.from_bytes(body[16:20]), body[20]
        sender = body[21 : 21 + length]
        sealed = body[21 + length :]
        assert len(sealed) <= size, "more than one record"
        shared = self._private.exchange(ECDH(), EllipticCurvePublicKey.from_encoded_point(SECP256R1(), sender))
        info = b"WebPush: info\0" + self.public + sender
        ikm = HKDF(SHA256(), 32, self._secret, info).derive(shared)
        key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(ikm)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(ikm)
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert plain[-1] == 2, "not the last record"
        found: dict[str, Any] = json.loads(plain[:-1])
        return found


def claims_of(authorization: str, audience: str) -> tuple[dict[str, Any], str]:
    """Check a VAPID header as a push service does; return its claims and the public key. Raises when it is forged."""
    scheme, _, rest = authorization.partition(" ")
    assert scheme == "vapid"
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    point = base64.urlsafe_b64decode(parts["k"] + "=" * (-len(parts["k"]) % 4))
    key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    return jwt.decode(parts["t"], key, algorithms=["ES256"], audience=audience), parts["k"]
