"""Sends: the pending message, its outbox row, and the lease of the process that makes the call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from fivapp_whatsapp.db.convert import media_text, message, to_ms
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import ConversationRow, IdempotencyRow, MessageRow, MessageStatusRow, OutboxRow, SessionRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import ConversationNotFound, IdempotencyMismatch, MessageNotFound
from fivapp_whatsapp.models import (
    Author,
    Media,
    MessageError,
    MessageKind,
    MessageStatus,
    OutgoingMessage,
    SessionStatus,
    new_id,
    to_datetime,
)
from fivapp_whatsapp.ports import Claimed, OutboxItem, OutgoingSend, Queued

from .outcomes import end

IDEMPOTENCY_MS = 24 * 3600 * 1000
# A message is sent again once, however late somebody asks for it again.
_FOR_GOOD = 2**62
_ROUTE = "send"
_WAITING = frozenset({"queued", "sending"})
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


def _line(unit: Unit, conversation_id: str) -> list[OutboxRow]:
    """Return the sends of a conversation that wait or are being made, oldest first."""
    return [send for send in unit.sends_of(conversation_id) if send.state in _WAITING]


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
        """Need the conversation with its unfinished sends, the session, the key, and messages that this one names."""
        needs.tenant(self._tenant_id)
        needs.row(ConversationRow, self._conversation_id)
        needs.row(SessionRow, self._session_id)
        needs.sends(self._conversation_id)
        if self._key is not None:
            needs.row(IdempotencyRow, *self._key)
        for named in (self._content.quoted_message_id, self._content.retry_of):
            if named is not None:
                needs.row(MessageRow, named)

    def apply(self, unit: Unit) -> Queued | str:
        """Add the rows; a known key gives the id of its first message. Raises IdempotencyMismatch, …NotFound."""
        if (first := self._first(unit)) is not None:
            return first
        conversation = unit.get(ConversationRow, self._conversation_id)
        session = unit.get(SessionRow, self._session_id)
        if conversation is None or conversation.tenant_id != self._tenant_id or session is None:
            raise ConversationNotFound
        quoted = self._named(unit, self._content.quoted_message_id, "quoted")
        self._supersede(unit, self._named(unit, self._content.retry_of, "repeated"))
        row = self._message(unit, None if quoted is None else quoted.native_id)
        row.seq = unit.log(self._tenant_id, "message.created", conversation_id=conversation.id, message_id=row.id)
        unit.put(row)
        unit.put(MessageStatusRow(row.id, row.status, row.tenant_id, row.at, unit.now, None, None))
        conversation.last_message_id, conversation.activity_seq, conversation.waiting_since = row.id, row.seq, None
        free = session.status == SessionStatus.CONNECTED and not _line(unit, conversation.id)
        unit.put(conversation)
        outbox = self._outbox(unit, row)
        if free:
            _claim(outbox, self._owner, unit.now + self._lease_ms)
        unit.put(outbox)
        self._remember(unit, row)
        item = _item(outbox, row, conversation, session) if free else None
        return Queued(row.tenant_id, message(row), True, item)

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
            expires_at = unit.now + IDEMPOTENCY_MS if row.retry_of is None else _FOR_GOOD
            unit.put(IdempotencyRow(*self._key, self._fingerprint, row.id, unit.now, expires_at))

    def _named(self, unit: Unit, message_id: str | None, how: str) -> MessageRow | None:
        if message_id is None:
            return None
        row = unit.get(MessageRow, message_id)
        if row is None or row.conversation_id != self._conversation_id:
            raise MessageNotFound(f"The {how} message is not in this conversation.")
        return row

    def _supersede(self, unit: Unit, old: MessageRow | None) -> None:
        """From now on an echo is of the repetition, not of the message that it repeats."""
        send = None if old is None else unit.get(OutboxRow, old.id)
        if send is not None and send.state not in _WAITING:
            unit.delete(send)

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

    def apply(self, unit: Unit) -> Claimed:
        """Claim what may be sent now, at most one send of a conversation."""
        items: list[OutboxItem] = []
        ended = {MessageStatus.EXPIRED: 0, MessageStatus.UNKNOWN: 0}
        for due in self._due:
            sends = {send.message_id: send for send in _line(unit, due.conversation_id)}
            send, row = sends.get(due.message_id), unit.get(MessageRow, due.message_id)
            if send is None or row is None:
                continue
            if (status := self._end(unit, send, row)) is not None:
                ended[status] += 1
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
        return Claimed(items, ended[MessageStatus.EXPIRED], ended[MessageStatus.UNKNOWN])

    def _end(self, unit: Unit, send: OutboxRow, row: MessageRow) -> MessageStatus | None:
        """End a send that is too late or has no process any more, and return how."""
        if send.state == "sending" and (send.lease_until or 0) <= unit.now:
            # Its process died with the call under way: whether it went out is not known.
            error = MessageError(code="lease_lost", detail="The gateway stopped while this was being sent.")
            end(unit, send, row, MessageStatus.UNKNOWN, error)
            return MessageStatus.UNKNOWN
        if send.state == "queued" and send.expires_at <= unit.now:
            error = MessageError(code="expired", detail="It could not be sent in time.")
            end(unit, send, row, MessageStatus.EXPIRED, error)
            return MessageStatus.EXPIRED
        return None
