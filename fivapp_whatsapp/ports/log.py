"""The log of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from fivapp_whatsapp.models import Event


class EventPage(msgspec.Struct, frozen=True):
    """Events after a cursor, oldest first, and the head of the log when they were read."""

    events: Sequence[Event]
    head: int


class LogState(msgspec.Struct, frozen=True):
    """A tenant's event log: its epoch changes when the log was replaced; `oldest` is the first seq still kept."""

    epoch: str
    head: int
    oldest: int


class LogStore(Protocol):
    """Keeps the log of events."""

    async def log_state(self, tenant_id: str) -> LogState:
        """Return where a tenant's log stands."""
        ...

    async def events(self, tenant_id: str, after: int, limit: int) -> EventPage:
        """Return events with seq above `after`, oldest first, contents read from the rows as they are now."""
        ...

    async def notify(self, tenant_id: str, notification: Mapping[str, Any]) -> None:
        """Log a `notification` event: `{code, detail, sessionId?}`, small facts for people."""
        ...

    async def forget_old(self, events_before: datetime, *, webhooks_before: datetime | None = None) -> int:
        """Drop events, keys, parked statuses, marks, state and failures out of their time; returns how many events.

        `webhooks_before` is the same for webhooks kept as they came, unless it is given.
        """
        ...
