"""VAPID (RFC 8292): who a notification comes from, so that push services know whom to complain to."""

from __future__ import annotations

import time
from functools import lru_cache
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, derive_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .encoding import to_bytes, to_text

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (FIPS 186-5)
# Services take a day at most; a signature is made for each notification, so half of it is plenty.
_HOURS = 12


class Vapid:
    """A key pair, and the header that it signs. `contact` is a mailto: or https: address of the operator, or empty."""

    def __init__(self, private_key: EllipticCurvePrivateKey, contact: str = "") -> None:
        self._private_key = private_key
        self._contact = contact
        point = private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = to_text(point)

    def authorization(self, endpoint: str) -> str:
        """Return the Authorization header for a push service."""
        parts = urlsplit(endpoint)
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int(time.time()) + _HOURS * 3600}
        if self._contact:
            claims["sub"] = self._contact
        return f"vapid t={jwt.encode(claims, self._private_key, algorithm='ES256')}, k={self.public_key}"


@lru_cache(maxsize=16)
def vapid_of(secret: bytes, contact: str = "") -> Vapid:
    """Return the key pair that 32 secret bytes stand for: the same in every process that has them."""
    return Vapid(derive_private_key(int.from_bytes(secret) % (_ORDER - 1) + 1, SECP256R1()), contact)


def read_private_key(text: str, contact: str = "") -> Vapid:
    """Return the key pair of a private key as web push tools print it: 32 bytes in base64. Raises ValueError."""
    secret = to_bytes(text)
    number = int.from_bytes(secret)
    if len(secret) != 32 or not 0 < number < _ORDER:
        raise ValueError("a VAPID private key is 32 bytes in base64, a number within P-256's order")
    return Vapid(derive_private_key(number, SECP256R1()), contact)
