"""Passwords of local accounts: Argon2 in threads, a few at a time, and as much work for a login that is unknown."""

from __future__ import annotations

import asyncio
import functools

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()
# Each hash takes 64 MiB and a core: a burst of logins queues here instead of taking the machine.
_AT_ONCE = 2


class Passwords:
    """Checks passwords without blocking the event loop."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Tell whether a password fits its hash; without a hash it costs the same and never fits."""
        async with self._slots:
            return await asyncio.to_thread(_matches, password, password_hash)


def _matches(password: str, password_hash: str | None) -> bool:
    try:
        _HASHER.verify(_dummy() if password_hash is None else password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


@functools.cache
def _dummy() -> str:
    return _HASHER.hash("nobody has this password")
