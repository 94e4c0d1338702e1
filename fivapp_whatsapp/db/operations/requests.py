"""What an Idempotency-Key was used for: a request that runs, or the answer that it got."""

from __future__ import annotations

import msgspec

from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import IdempotencyRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import IdempotencyMismatch, RequestInProgress
from fivapp_whatsapp.ports import KeptAnswer

from .sending import IDEMPOTENCY_MS

# Sends have theirs under another word: their key is kept with the message, in one commit.
_ROUTE = "http"
# Longer than any request runs; after that its process has died, and a repetition is served itself.
RUNNING_MS = 90_000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(KeptAnswer).decode


class BeginRequest:
    """Takes a key for a request, or tells how the first one with it was answered."""

    def __init__(self, tenant_id: str, principal: str, key: str, fingerprint: str) -> None:
        self._tenant_id = tenant_id
        self._key = (tenant_id, principal, _ROUTE, key)
        self._fingerprint = fingerprint

    def needs(self, needs: Needs) -> None:
        """Need the key."""
        needs.tenant(self._tenant_id)
        needs.row(IdempotencyRow, *self._key)

    def apply(self, unit: Unit) -> KeptAnswer | None:
        """Return the first answer, or None: it is this one's turn. Raises IdempotencyMismatch, RequestInProgress."""
        known = unit.get(IdempotencyRow, *self._key)
        if known is not None and known.expires_at > unit.now:
            if known.fingerprint != self._fingerprint:
                raise IdempotencyMismatch
            if known.answer is not None:
                return _decode(known.answer)
            if unit.now - known.created_at < RUNNING_MS:
                raise RequestInProgress
        unit.put(IdempotencyRow(*self._key, self._fingerprint, "", unit.now, unit.now + IDEMPOTENCY_MS))
        return None


class EndRequest:
    """Keeps a request's answer for its repetitions; without one the key is free again."""

    def __init__(self, tenant_id: str, principal: str, key: str, answer: KeptAnswer | None) -> None:
        self._tenant_id = tenant_id
        self._key = (tenant_id, principal, _ROUTE, key)
        self._answer = answer

    def needs(self, needs: Needs) -> None:
        """Need the key."""
        needs.tenant(self._tenant_id)
        needs.row(IdempotencyRow, *self._key)

    def apply(self, unit: Unit) -> None:
        """Change the row."""
        row = unit.get(IdempotencyRow, *self._key)
        if row is None or row.answer is not None:
            return
        if self._answer is None:
            unit.delete(row)
        else:
            row.answer = _encode(self._answer).decode()
            unit.put(row)
