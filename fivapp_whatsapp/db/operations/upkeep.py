"""Notifications, and dropping what is out of its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fivapp_whatsapp.db.statements import Sql, Work
from fivapp_whatsapp.db.unit import Needs, Unit
from fivapp_whatsapp.models import now_ms

_PARKED_MS = 7 * 24 * 3600 * 1000


class LogNotification:
    """Tells people something: an event of type `notification`."""

    def __init__(self, tenant_id: str, notification: Mapping[str, Any]) -> None:
        self._tenant_id = tenant_id
        self._notification = notification

    def needs(self, needs: Needs) -> None:
        """Need the tenant."""
        needs.tenant(self._tenant_id)

    def apply(self, unit: Unit) -> None:
        """Append the event."""
        session_id = self._notification.get("sessionId")
        unit.log(self._tenant_id, "notification", session_id=session_id, data=dict(self._notification))


class Forget:
    """Drops old events, expired idempotency keys, statuses whose message never came, and settled quarantine."""

    def __init__(self, events_before: int) -> None:
        self._events_before = events_before

    def work(self) -> Work[int]:
        """Run the deletes; returns how many events went."""
        now = now_ms()
        gone = yield Sql("DELETE FROM fivapp_event WHERE at < $1 RETURNING seq", (self._events_before,))
        yield Sql("DELETE FROM fivapp_idempotency_key WHERE expires_at < $1", (now,))
        yield Sql("DELETE FROM fivapp_parked_status WHERE received_at < $1", (now - _PARKED_MS,))
        yield Sql(
            "DELETE FROM fivapp_quarantine WHERE state = 'processed' AND received_at < $1", (self._events_before,)
        )
        return len(gone)
