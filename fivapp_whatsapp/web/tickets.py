"""Tickets that let a browser open a WebSocket: signed, for half a minute, for one use.

A page cannot set headers on a WebSocket, and a JWT in a URL would end up in logs; so it asks for a ticket first.
Tickets are signed rather than kept, so that any process may redeem what another one issued. Each process remembers
what it redeemed; that no other one redeems it as well, who redeems it makes sure by the database
(Authenticator.use_once). The processes' clocks must agree to a few seconds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import timedelta

import msgspec

from fivapp_whatsapp.errors import NotAuthenticated
from fivapp_whatsapp.models import User
from fivapp_whatsapp.ports import Clock, SystemClock

from .auth import Credential

TICKET_SECONDS = 30
_MAX_LENGTH = 2048
_PURPOSE = b"fivapp_whatsapp websocket ticket 1"


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """Whom a ticket lets in, with the login behind it; `until` is in seconds since 1970."""

    until: float
    nonce: str
    user: User
    credential: Credential
    origin: str | None


class Tickets:
    """Issues and redeems tickets. Processes that share `secret` redeem each other's; without one it is random."""

    def __init__(self, secret: str = "", *, clock: Clock | None = None) -> None:
        self._key = hmac.digest(secret.encode() or secrets.token_bytes(32), _PURPOSE, hashlib.sha256)
        self._clock = clock or SystemClock()
        self._redeemed: dict[bytes, float] = {}

    def issue(self, user: User, credential: Credential, origin: str | None = None) -> str:
        """Make a ticket for a user, for pages of `origin` when that is given."""
        until = (self._clock.now() + timedelta(seconds=TICKET_SECONDS)).timestamp()
        # A URL is no place for a name.
        user = msgspec.structs.replace(user, name="")
        body = msgspec.json.encode(Ticket(until, secrets.token_urlsafe(32), user, credential, origin))
        return base64.urlsafe_b64encode(self._sign(body) + body).rstrip(b"=").decode()

    def redeem(self, text: str, origin: str | None = None) -> Ticket:
        """Use a ticket up. Raises NotAuthenticated when it is not ours, too old, used, or another origin's."""
        ticket = self._read(text)
        now = self._clock.now().timestamp()
        self._forget(now)
        # Of what was signed, for base64 has several spellings of one ticket.
        mark = hashlib.sha256(ticket.nonce.encode()).digest()
        if not now <= ticket.until <= now + 2 * TICKET_SECONDS or mark in self._redeemed:
            raise NotAuthenticated("The ticket is used up or too old.")
        if ticket.origin is not None and ticket.origin != origin:
            raise NotAuthenticated("The ticket was issued to another origin.")
        self._redeemed[mark] = ticket.until
        return ticket

    def _read(self, text: str) -> Ticket:
        try:
            if len(text) > _MAX_LENGTH:
                raise ValueError
            raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            signature, body = raw[:32], raw[32:]
            if not hmac.compare_digest(signature, self._sign(body)):
                raise ValueError
            return msgspec.json.decode(body, type=Ticket)
        except (ValueError, binascii.Error, msgspec.DecodeError) as exc:
            raise NotAuthenticated("The ticket is not valid.") from exc

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)

    def _forget(self, now: float) -> None:
        for mark in [mark for mark, until in self._redeemed.items() if until < now]:
            del self._redeemed[mark]
