"""How sends end: by the connection service's word, by a person's, or by nobody's."""

from __future__ import annotations

from datetime import datetime

from fivapp_whatsapp.db.convert import message, optional_ms
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import MessageRow, OutboxRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import Conflict, MessageNotFound
from fivapp_whatsapp.models import Message, MessageError, MessageStatus, SendResult
from fivapp_whatsapp.ports import OutboxItem, Outcome, Recorded, UnknownSend

from . import gates
from .statuses import LOST, UNBOUND, bind, log_update, report, rest, settle


class RecordOutcome:
    """Stores how a send went."""

    def __init__(self, item: OutboxItem, owner: str, outcome: Outcome) -> None:
        self._item = item
        self._owner = owner
        self._outcome = outcome

    def needs(self, needs: Needs) -> None:
        """Need the message, the sends of its conversation, and what waits for its native id."""
        item, native_id = self._item, self._outcome.native_id
        needs.tenant(item.tenant_id)
        needs.row(MessageRow, item.message_id)
        needs.sends(item.conversation_id)
        gates.needs_gate(needs, item.send.session_id)
        if native_id is not None:
            needs.native(item.send.session_id, native_id)
            needs.parked_statuses(item.send.session_id, native_id)

    def apply(self, unit: Unit) -> Recorded:
        """Raise the status; without the lease only a proof that it went out counts. Raises MessageNotFound."""
        row = unit.get(MessageRow, self._item.message_id)
        if row is None:
            raise MessageNotFound
        send = unit.get(OutboxRow, row.id)
        mine = send is not None and (send.lease_owner, send.attempt) == (self._owner, self._item.attempt)
        if self._outcome.kind == "accepted":
            _accept(unit, row, send, self._outcome.native_id, self._outcome.at)
        elif send is not None and mine:
            self._end(unit, send, row)
        opened = gates.learn(unit, row.tenant_id, row.session_id, self._outcome)
        behind = any(other.state == "queued" for other in unit.sends_of(row.conversation_id))
        return Recorded(message(row), opened or behind or gates.is_tight(unit, row.session_id))

    def _end(self, unit: Unit, send: OutboxRow, row: MessageRow) -> None:
        outcome = self._outcome
        error = MessageError(code=outcome.code or outcome.kind, detail=outcome.detail or "")
        if outcome.kind != "retry":
            end(unit, send, row, MessageStatus.FAILED if outcome.kind == "failed" else MessageStatus.UNKNOWN, error)
            return
        again = unit.now + round((outcome.retry_after or 1.0) * 1000)
        send.in_doubt |= outcome.in_doubt
        if send.expires_at <= again:
            end(unit, send, row, MessageStatus.UNKNOWN if send.in_doubt else MessageStatus.EXPIRED, error)
            return
        requeue(unit, send, again)
        # An echo may have proved meanwhile that it went out after all.
        settle(unit, row)


class RecordFound:
    """Settles a send in doubt that a look-up proved to have gone out."""

    def __init__(self, send: UnknownSend, found: SendResult) -> None:
        self._send = send
        self._found = found

    def needs(self, needs: Needs) -> None:
        """Need the message, its outbox row, and what waits for its native id."""
        send, native_id = self._send, self._found.native_id
        needs.tenant(send.tenant_id)
        needs.row(MessageRow, send.message_id)
        needs.row(OutboxRow, send.message_id)
        if native_id is not None:
            needs.native(send.session_id, native_id)
            needs.parked_statuses(send.session_id, native_id)

    def apply(self, unit: Unit) -> Message:
        """Raise the status. Raises MessageNotFound."""
        row = unit.get(MessageRow, self._send.message_id)
        if row is None or row.tenant_id != self._send.tenant_id:
            raise MessageNotFound
        _accept(unit, row, unit.get(OutboxRow, row.id), self._found.native_id, self._found.at)
        return message(row)


class ResolveMessage:
    """Settles a message by a person's word."""

    def __init__(self, tenant_id: str, message_id: str, as_: str) -> None:
        self._tenant_id = tenant_id
        self._message_id = message_id
        self._as = as_

    def needs(self, needs: Needs) -> None:
        """Need the message and its outbox row."""
        needs.tenant(self._tenant_id)
        needs.row(MessageRow, self._message_id)
        needs.row(OutboxRow, self._message_id)

    def apply(self, unit: Unit) -> Message:
        """Mark an unknown one as sent, take a waiting one back. Raises MessageNotFound, Conflict."""
        row = unit.get(MessageRow, self._message_id)
        if row is None or row.tenant_id != self._tenant_id:
            raise MessageNotFound
        send, was = unit.get(OutboxRow, row.id), row.status
        if self._as == "sent" and row.status == MessageStatus.UNKNOWN:
            report(unit, row, MessageStatus.SENT)
            settle(unit, row)
        elif self._as == "cancelled" and send is not None and send.state == "queued" and not send.in_doubt:
            report(unit, row, MessageStatus.CANCELLED)
            unit.delete(send)
        else:
            raise Conflict(f"A message that is {row.status} cannot be marked as {self._as}.")
        log_update(unit, row, was)
        return message(row)


def _accept(unit: Unit, row: MessageRow, send: OutboxRow | None, native_id: str | None, at: datetime | None) -> None:
    was = row.status
    changed = report(unit, row, MessageStatus.ACCEPTED, at=optional_ms(at))
    if native_id is not None:
        changed |= bind(unit, row, native_id)
    if send is not None and row.native_id is None:
        rest(unit, send, UNBOUND)
    elif send is not None:
        unit.delete(send)
    if changed:
        log_update(unit, row, was)


def requeue(unit: Unit, send: OutboxRow, not_before: int) -> None:
    """Let a send be made again, by whichever process takes it."""
    send.state, send.not_before, send.lease_owner, send.lease_until = "queued", not_before, None, None
    unit.put(send)


def end(unit: Unit, send: OutboxRow, row: MessageRow, status: MessageStatus, error: MessageError) -> None:
    """End a send that did not come through, or of which that is not known."""
    was = row.status
    changed = report(unit, row, status, error=error)
    if status is MessageStatus.UNKNOWN and row.native_id is None:
        # A word of its going out may have come before; only its id is missing then.
        rest(unit, send, LOST if row.status == MessageStatus.UNKNOWN else UNBOUND)
    else:
        unit.delete(send)
    if changed:
        log_update(unit, row, was)
    if changed and row.status == MessageStatus.UNKNOWN:
        # Unless an echo proves that it went out, only a person can decide about it.
        news = {"code": "message_unknown", "messageId": row.id, "detail": error.detail}
        unit.log(row.tenant_id, "notification", conversation_id=row.conversation_id, data=news)
