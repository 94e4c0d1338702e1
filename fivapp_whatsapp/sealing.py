"""Seals what is secret in the database, with a key that is not in it: AES-256-GCM, by the kept library cryptography."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from typing import Any

from .errors import SettingsError

_SEALED = "sealed:1:"
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """This was not sealed with our key, or for another place."""


class Sealer:
    """Seals bytes for a place in the database; `key` returns 32 bytes, or raises SettingsError where there is none."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    def seal(self, data: bytes, place: str) -> str:
        """Return data as a text that only this key opens, in this place alone. Raises SettingsError."""
        nonce = os.urandom(_NONCE_BYTES)
        return _SEALED + base64.b64encode(nonce + self._cipher().encrypt(nonce, data, place.encode())).decode()

    def open(self, sealed: str, place: str) -> bytes:
        """Return what was sealed. Raises CannotOpen."""
        # Imported when there is something to open, as below: importing the package imports no more than it needs.
        from cryptography.exceptions import InvalidTag

        try:
            whole = base64.b64decode(sealed.removeprefix(_SEALED), validate=True)
            data: bytes = self._cipher().decrypt(whole[:_NONCE_BYTES], whole[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError, SettingsError):
            raise CannotOpen from None
        return data

    def _cipher(self) -> Any:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key())


def is_sealed(value: object) -> bool:
    """Tell whether a value is what `seal` returns."""
    return isinstance(value, str) and value.startswith(_SEALED)
