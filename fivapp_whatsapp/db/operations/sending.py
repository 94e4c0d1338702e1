"""Sends: the pending message and its outbox row, the lease on it, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from fivapp_whatsapp.db.convert import media_text, message, optional_ms, to_ms
from fivapp_whatsapp.db.rows import ConversationRow, IdempotencyRow, MessageRow, MessageStatusRow, OutboxRow, SessionRow
from fivapp_whatsapp.db.unit import Needs, Unit
from fivapp_whatsapp.errors import Conflict, ConversationNotFound, IdempotencyMismatch, MessageNotFound
from fivapp_whatsapp.models import (
    Author,
    Media,
    Message,
    MessageError,
    MessageKind,
    MessageStatus,
    OutgoingMessage,
    SessionStatus,
    new_id,
    to_datetime,
)
from fivapp_whatsapp.ports import OutboxItem, Outcome, OutgoingSend, Queued

from .statuses import bind, log_update, report

IDEMPOTENCY_MS = 24 * 3600 * 1000
_ROUTE = "send"
_media = msgspec.json.Decoder(Media).decode


def _item(outbox: OutboxRow, row: MessageRow, conversation: ConversationRow, session: SessionRow) -> OutboxItem:
    """Make what the process that holds the lease must know to make the call."""
    content = OutgoingMessage(
        text=row.text, kind=MessageKind(row.kind), media=None if row.media is None else _media(row.media)
    )
    return OutboxItem(
        tenant_id=row.tenant_id,
        connector=session.connector,
        message_id=row.id,
        conversation_id=row.conversation_id,
        attempt=outbox.attempt,
        expires_at=to_datetime(outbox.expires_at),
        send=OutgoingSend(
            session_id=row.session_id,
            to=conversation.chat_id,
            client_message_id=row.id,
            message=content,
            quoted_native_id=row.quoted_native_id,
        ),
    )


def _claim(outbox: OutboxRow, owner: str, until: int) -> None:
    outbox.state, outbox.lease_owner, outbox.lease_until = "sending", owner, until
    outbox.attempt += 1


class QueueMessage:
    """Commits a pending message with its outbox row, claimed at once when nothing stands before it."""

    def __init__(
        self,
        tenant_id: str,
        conversation_id: str,
        session_id: str,
        content: OutgoingMessage,
        author: Author,
        *,
        owner: str,
        lease_seconds: float,
        expires_at: datetime,
        key: tuple[str, str] | None,
        fingerprint: str,
    ) -> None:
        self._tenant_id = tenant_id
        self._conversation_id = conversation_id
        self._session_id = session_id
        self._content = content
        self._author = author
        self._owner = owner
        self._lease_ms = round(lease_seconds * 1000)
        self._expires_at = to_ms(expires_at)
        self._key = None if key is None else (tenant_id, key[0], _ROUTE, key[1])
        self._fingerprint = fingerprint

    def needs(self, needs: Needs) -> None:
        """Need the conversation with its unfinished sends, the session, the key, the quoted message."""
        needs.tenant(self._tenant_id)
        needs.row(ConversationRow, self._conversation_id)
        needs.row(SessionRow, self._session_id)
        needs.sends(self._conversation_id)
        if self._key is not None:
            needs.row(IdempotencyRow, *self._key)
        if self._content.quoted_message_id is not None:
            needs.row(MessageRow, self._content.quoted_message_id)

    def apply(self, unit: Unit) -> Queued | str:
        """Add the rows; a known key gives the id of its first message. Raises IdempotencyMismatch, …NotFound."""
        if (first := self._first(unit)) is not None:
            return first
        conversation = unit.get(ConversationRow, self._conversation_id)
        session = unit.get(SessionRow, self._session_id)
        if conversation is None or conversation.tenant_id != self._tenant_id or session is None:
            raise ConversationNotFound
        row = self._message(unit, self._quoted_native(unit))
        row.seq = unit.log(self._tenant_id, "message.created", conversation_id=conversation.id, message_id=row.id)
        unit.put(row)
        unit.put(MessageStatusRow(row.id, row.status, row.tenant_id, row.at, unit.now, None, None))
        conversation.last_message_id, conversation.activity_seq, conversation.waiting_since = row.id, row.seq, None
        free = session.status == SessionStatus.CONNECTED and not unit.sends_of(conversation.id)
        unit.put(conversation)
        outbox = self._outbox(unit, row)
        if free:
            _claim(outbox, self._owner, unit.now + self._lease_ms)
        unit.put(outbox)
        self._remember(unit, row)
        return Queued(message(row), True, _item(outbox, row, conversation, session) if free else None)

    def _first(self, unit: Unit) -> str | None:
        if self._key is None or (known := unit.get(IdempotencyRow, *self._key)) is None:
            return None
        if known.expires_at <= unit.now:
            return None
        if known.fingerprint != self._fingerprint:
            raise IdempotencyMismatch
        return known.message_id

    def _remember(self, unit: Unit, row: MessageRow) -> None:
        if self._key is not None:
            expires_at = unit.now + IDEMPOTENCY_MS
            unit.put(IdempotencyRow(*self._key, self._fingerprint, row.id, None, None, unit.now, expires_at))

    def _quoted_native(self, unit: Unit) -> str | None:
        if self._content.quoted_message_id is None:
            return None
        quoted = unit.get(MessageRow, self._content.quoted_message_id)
        if quoted is None or quoted.conversation_id != self._conversation_id:
            raise MessageNotFound("The quoted message is not in this conversation.")
        return quoted.native_id

    def _message(self, unit: Unit, quoted_native: str | None) -> MessageRow:
        return MessageRow(
            id=new_id(),
            tenant_id=self._tenant_id,
            session_id=self._session_id,
            conversation_id=self._conversation_id,
            native_id=None,
            seq=0,
            direction="outgoing",
            kind=self._content.kind.value,
            status=MessageStatus.PENDING.value,
            text=self._content.text,
            author_kind=self._author.kind,
            author_id=self._author.id,
            author_name=self._author.name,
            media=media_text(self._content.media),
            quoted_message_id=self._content.quoted_message_id,
            quoted_native_id=quoted_native,
            retry_of=self._content.retry_of,
            error_code=None,
            error_detail=None,
            at=unit.now,
            received_at=unit.now,
        )

    def _outbox(self, unit: Unit, row: MessageRow) -> OutboxRow:
        return OutboxRow(
            message_id=row.id,
            tenant_id=row.tenant_id,
            session_id=row.session_id,
            conversation_id=row.conversation_id,
            seq=row.seq,
            state="queued",
            attempt=0,
            not_before=unit.now,
            expires_at=self._expires_at,
            lease_owner=None,
            lease_until=None,
            created_at=unit.now,
        )


class Due(msgspec.Struct, frozen=True):
    """A send that looked due when it was read; the claim looks again under the lock."""

    message_id: str
    tenant_id: str
    conversation_id: str
    session_id: str


class ClaimSends:
    """Takes sends that are due, and ends those that are too late or whose process has gone."""

    def __init__(self, due: Sequence[Due], owner: str, lease_seconds: float) -> None:
        self._due = due
        self._owner = owner
        self._lease_ms = round(lease_seconds * 1000)

    def needs(self, needs: Needs) -> None:
        """Need each send with its message, conversation and session."""
        for due in self._due:
            needs.tenant(due.tenant_id)
            needs.row(MessageRow, due.message_id)
            needs.row(ConversationRow, due.conversation_id)
            needs.row(SessionRow, due.session_id)
            needs.sends(due.conversation_id)

    def apply(self, unit: Unit) -> list[OutboxItem]:
        """Claim what may be sent now, at most one send of a conversation."""
        items = []
        for due in self._due:
            sends = {send.message_id: send for send in unit.sends_of(due.conversation_id)}
            send, row = sends.get(due.message_id), unit.get(MessageRow, due.message_id)
            if send is None or row is None or self._ended(unit, send, row):
                continue
            conversation, session = unit.get(ConversationRow, due.conversation_id), unit.get(SessionRow, due.session_id)
            first = next(iter(sends))
            if first != send.message_id or send.state != "queued" or send.not_before > unit.now:
                continue
            if conversation is None or session is None or session.status != SessionStatus.CONNECTED:
                continue
            _claim(send, self._owner, unit.now + self._lease_ms)
            unit.put(send)
            items.append(_item(send, row, conversation, session))
        return items

    def _ended(self, unit: Unit, send: OutboxRow, row: MessageRow) -> bool:
        if send.state == "sending" and (send.lease_until or 0) <= unit.now:
            # Its process died with the call under way: whether it went out is not known.
            error = MessageError(code="lease_lost", detail="The gateway stopped while this was being sent.")
            _end(unit, send, row, MessageStatus.UNKNOWN, error)
            return True
        if send.state == "queued" and send.expires_at <= unit.now:
            error = MessageError(code="expired", detail="It could not be sent in time.")
            _end(unit, send, row, MessageStatus.EXPIRED, error)
            return True
        return False


class RecordOutcome:
    """Stores how a send went."""

    def __init__(self, item: OutboxItem, owner: str, outcome: Outcome) -> None:
        self._item = item
        self._owner = owner
        self._outcome = outcome

    def needs(self, needs: Needs) -> None:
        """Need the message, its outbox row, and what waits for its native id."""
        item, native_id = self._item, self._outcome.native_id
        needs.tenant(item.tenant_id)
        needs.row(MessageRow, item.message_id)
        needs.row(OutboxRow, item.message_id)
        if native_id is not None:
            needs.native(item.send.session_id, native_id)
            needs.parked_statuses(item.send.session_id, native_id)

    def apply(self, unit: Unit) -> Message:
        """Raise the status; without the lease only a proof that it went out counts. Raises MessageNotFound."""
        row = unit.get(MessageRow, self._item.message_id)
        if row is None:
            raise MessageNotFound
        send = unit.get(OutboxRow, row.id)
        mine = send is not None and send.lease_owner == self._owner
        if self._outcome.kind == "accepted":
            self._accept(unit, row, send)
        elif send is not None and mine:
            self._end(unit, send, row)
        return message(row)

    def _accept(self, unit: Unit, row: MessageRow, send: OutboxRow | None) -> None:
        changed = report(unit, row, MessageStatus.ACCEPTED, at=optional_ms(self._outcome.at))
        if self._outcome.native_id is not None:
            changed |= bind(unit, row, self._outcome.native_id)
        if send is not None:
            unit.delete(send)
        if changed:
            log_update(unit, row)

    def _end(self, unit: Unit, send: OutboxRow, row: MessageRow) -> None:
        outcome = self._outcome
        error = MessageError(code=outcome.code or outcome.kind, detail=outcome.detail or "")
        if outcome.kind == "retry":
            again = unit.now + round((outcome.retry_after or 1.0) * 1000)
            send.state, send.not_before, send.lease_owner, send.lease_until = "queued", again, None, None
            unit.put(send)
            if send.expires_at <= again:
                _end(unit, send, row, MessageStatus.EXPIRED, error)
            return
        _end(unit, send, row, MessageStatus.FAILED if outcome.kind == "failed" else MessageStatus.UNKNOWN, error)


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
        send = unit.get(OutboxRow, row.id)
        if self._as == "sent" and row.status == MessageStatus.UNKNOWN:
            report(unit, row, MessageStatus.SENT)
        elif self._as == "cancelled" and send is not None and send.state == "queued":
            report(unit, row, MessageStatus.CANCELLED)
            unit.delete(send)
        else:
            raise Conflict(f"A message that is {row.status} cannot be marked as {self._as}.")
        log_update(unit, row)
        return message(row)


def _end(unit: Unit, send: OutboxRow, row: MessageRow, status: MessageStatus, error: MessageError) -> None:
    unit.delete(send)
    if report(unit, row, status, error=error):
        log_update(unit, row)
