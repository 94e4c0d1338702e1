"""Storing what a webhook tells: messages, statuses and sessions, each event once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fivapp_whatsapp.db.convert import optional_ms, session, session_row
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import MessageRow, OutboxRow, ParkedStatusRow, QuarantineRow, SessionRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.db.vault import Vault
from fivapp_whatsapp.models import (
    GroupUpdate,
    IncomingMessage,
    SessionUpdate,
    StatusUpdate,
    WebhookEvent,
    new_id,
    to_datetime,
)
from fivapp_whatsapp.ports import KeptWebhook, Receipt
from fivapp_whatsapp.states import apply_update

from .arrivals import Arrival
from .gates import needs_gate
from .groups import GroupNews
from .sessions import log_session
from .statuses import bind, log_update, report, settle


class _Event(Protocol):
    """One event of a webhook, for one tenant."""

    def needs(self, needs: Needs) -> None: ...

    def apply(self, unit: Unit) -> bool: ...


class Receive:
    """Stores the events of one webhook, whose body is kept where it has to be.

    `known` pairs each event with the tenant of its session, `unknown` are the sessions that nobody has. What
    names such a session is kept in quarantine; `settles` is the id of the row there that this body comes from.
    `keep` keeps it as it came as well; with `replay` it is one that was kept, and goes nowhere again.
    """

    def __init__(
        self,
        body: KeptWebhook,
        known: Sequence[tuple[str, WebhookEvent]],
        unknown: Sequence[str] = (),
        *,
        vault: Vault,
        settles: str | None = None,
        keep: bool = False,
        replay: bool = False,
    ) -> None:
        self._vault = vault
        self._keeps = keep
        self._replay = replay
        self._body = body
        self._events = [(tenant_id, event, _event(tenant_id, event)) for tenant_id, event in known]
        self._unknown = unknown
        self._settles = settles

    def needs(self, needs: Needs) -> None:
        """Need what the events name."""
        for tenant_id, event, work in self._events:
            needs.tenant(tenant_id)
            needs.row(SessionRow, event.session_id)
            work.needs(needs)
        if self._settles is not None:
            needs.row(QuarantineRow, self._settles)

    def apply(self, unit: Unit) -> Receipt:
        """Store each event; a message that is there already changes nothing."""
        stored = duplicates = statuses = 0
        unknown = set(self._unknown)
        for tenant_id, event, work in self._events:
            owner = unit.get(SessionRow, event.session_id)
            if owner is None or owner.deleted or owner.tenant_id != tenant_id:
                unknown.add(event.session_id)
                continue
            new = work.apply(unit)
            if isinstance(event, IncomingMessage):
                stored += new
                duplicates += not new
            elif isinstance(event, StatusUpdate):
                statuses += 1
        kept = not self._replay and self._set_aside(unit, unknown)
        if self._keeps and not kept and (stored or not duplicates):
            # A body that was there already was kept when it came first.
            unit.keep(self._vault, self._body)
        return Receipt(stored, duplicates, int(kept), statuses)

    def _set_aside(self, unit: Unit, unknown: set[str]) -> bool:
        """Put what could not be stored into quarantine, or what came out of it back; True for a new row."""
        # A body that names several waits for each of them.
        session_id = next(iter(unknown)) if len(unknown) == 1 else self._body.session_id
        if self._settles is None:
            if unknown:
                body = KeptWebhook(self._body.connector, self._vault.clean(self._body.raw), session_id)
                unit.put(quarantined(body, "unknown_session", unit.now))
            return bool(unknown)
        if (row := unit.get(QuarantineRow, self._settles)) is not None:
            row.attempts += 1
            row.session_id = session_id
            row.state = "waiting" if unknown else "processed"
            unit.put(row)
        return False


class Quarantine:
    """Keeps a body that could not be read."""

    def __init__(self, body: KeptWebhook, reason: str) -> None:
        self._body = body
        self._reason = reason

    def needs(self, needs: Needs) -> None:
        """Need nothing."""

    def apply(self, unit: Unit) -> None:
        """Add the row."""
        unit.put(quarantined(self._body, self._reason, unit.now))


def quarantined(body: KeptWebhook, reason: str, now: int) -> QuarantineRow:
    """Make the row of a body that waits."""
    return QuarantineRow(new_id(), body.connector, body.session_id, reason, body.raw, "waiting", 0, now)


def _event(tenant_id: str, event: WebhookEvent) -> _Event:
    if isinstance(event, IncomingMessage):
        return Arrival(tenant_id, event)
    if isinstance(event, GroupUpdate):
        return GroupNews(tenant_id, event)
    return _Status(tenant_id, event) if isinstance(event, StatusUpdate) else _SessionNews(event)


class _Status:
    """A message's status: applied, or parked until its message is known."""

    __slots__ = ("_event", "_tenant_id")

    def __init__(self, tenant_id: str, event: StatusUpdate) -> None:
        self._tenant_id = tenant_id
        self._event = event

    def needs(self, needs: Needs) -> None:
        event = self._event
        if event.native_id is not None:
            needs.native(event.session_id, event.native_id)
            needs.parked_statuses(event.session_id, event.native_id)
        if event.client_message_id is not None:
            needs.row(MessageRow, event.client_message_id)
            needs.row(OutboxRow, event.client_message_id)

    def apply(self, unit: Unit) -> bool:
        event = self._event
        message = self._message(unit)
        if message is None:
            if event.native_id is not None:
                self._park(unit, event.native_id)
            return False
        if message.direction != "outgoing":
            return False
        was = message.status
        changed = bind(unit, message, event.native_id) if event.native_id is not None else False
        changed |= report(unit, message, event.status, at=optional_ms(event.at), error=event.error)
        settle(unit, message)
        if changed:
            log_update(unit, message, was)
        return changed

    def _message(self, unit: Unit) -> MessageRow | None:
        event = self._event
        if event.client_message_id is not None:
            row = unit.get(MessageRow, event.client_message_id)
            if row is not None and row.session_id == event.session_id:
                return row
        return unit.by_native(event.session_id, event.native_id) if event.native_id is not None else None

    def _park(self, unit: Unit, native_id: str) -> None:
        event, at = self._event, optional_ms(self._event.at)
        code, detail = (event.error.code, event.error.detail) if event.error else (None, None)
        row = ParkedStatusRow(
            event.session_id, native_id, event.status.value, self._tenant_id, at, unit.now, code, detail
        )
        known = unit.parked(event.session_id, native_id, event.status.value)
        if known is not None:
            # Of several reports of one status the earliest time is kept, and the same error whatever came first.
            row.at = min((each.at for each in (known, row) if each.at is not None), default=None)
            row.received_at = known.received_at
            errors = [(each.error_code, each.error_detail) for each in (known, row) if each.error_code is not None]
            row.error_code, row.error_detail = min(errors, default=(None, None))
        unit.put(row)


class _SessionNews:
    """What became of a session."""

    __slots__ = ("_event",)

    def __init__(self, event: SessionUpdate) -> None:
        self._event = event

    def needs(self, needs: Needs) -> None:
        """Need the session's gate beside it."""
        needs_gate(needs, self._event.session_id)

    def apply(self, unit: Unit) -> bool:
        row = unit.get(SessionRow, self._event.session_id)
        if row is None:
            return False
        before = session(row)
        after = apply_update(before, self._event, to_datetime(unit.now))
        unit.put(session_row(after))
        log_session(unit, before, after)
        return True
