"""Taking sends that are due: the lease of the process that makes the call, and the end of those that cannot be made."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fivapp_whatsapp.db.convert import choices
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import ConversationRow, MessageRow, OutboxRow, SessionRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.db.waits import is_over
from fivapp_whatsapp.models import (
    Media,
    MessageError,
    MessageKind,
    MessageStatus,
    OutgoingMessage,
    SessionStatus,
    to_datetime,
)
from fivapp_whatsapp.ports import Claimed, OutboxItem, OutgoingSend, Pace

from . import gates
from .outcomes import end, requeue

WAITING = frozenset({"queued", "sending"})
_STOPPED = "The gateway stopped while this was being sent."
_IN_DOUBT = "It was sent, no answer came, and it could not be sent again in time."
_media = msgspec.json.Decoder(Media).decode


def item(outbox: OutboxRow, row: MessageRow, conversation: ConversationRow, session: SessionRow) -> OutboxItem:
    """Make what the process that holds the lease must know to make the call."""
    content = OutgoingMessage(
        text=row.text,
        kind=MessageKind(row.kind),
        media=None if row.media is None else _media(row.media),
        choices=choices(row.choices),
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
        in_doubt=bool(outbox.in_doubt),
    )


def claim(outbox: OutboxRow, owner: str, until: int) -> None:
    """Give a send to a process, which makes the call."""
    outbox.state, outbox.lease_owner, outbox.lease_until = "sending", owner, until
    outbox.attempt += 1


def line(unit: Unit, conversation_id: str) -> list[OutboxRow]:
    """Return the sends of a conversation that wait or are being made, oldest first."""
    return [send for send in unit.sends_of(conversation_id) if send.state in WAITING]


class Due(msgspec.Struct, frozen=True):
    """A send that looked due when it was read, `turn` among those of its tenant; the claim looks under the lock."""

    message_id: str
    tenant_id: str
    conversation_id: str
    session_id: str
    turn: int


class ClaimSends:
    """Takes sends that are due, and ends those that are too late or whose process has gone.

    `resend` names connectors whose service sends nothing twice that has the same id: theirs go on where they can.
    """

    def __init__(
        self, due: Sequence[Due], owner: str, lease_seconds: float, *, resend: frozenset[str], pace: Pace
    ) -> None:
        self._due = due
        self._pace = pace
        self._resend = resend
        self._owner = owner
        self._lease_ms = round(lease_seconds * 1000)

    def needs(self, needs: Needs) -> None:
        """Need each send with its message, conversation and session, and that one's gate."""
        for due in self._due:
            gates.needs_gate(needs, due.session_id)
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
            sends = {send.message_id: send for send in line(unit, due.conversation_id)}
            send, row = sends.get(due.message_id), unit.get(MessageRow, due.message_id)
            if send is None or row is None:
                continue
            conversation, session = unit.get(ConversationRow, due.conversation_id), unit.get(SessionRow, due.session_id)
            resend = session is not None and session.connector in self._resend
            if (status := _end(unit, send, row, resend=resend)) is not None:
                ended[status] += 1
                continue
            first = next(iter(sends))
            if first != send.message_id or send.state != "queued" or not is_over(send.not_before, unit.now):
                continue
            if conversation is None or session is None or session.status != SessionStatus.CONNECTED:
                continue
            if not gates.is_open(unit, session.id):
                continue
            claim(send, self._owner, unit.now + self._lease_ms)
            gates.pass_through(unit, send.tenant_id, session.id, self._pace, self._lease_ms)
            unit.put(send)
            items.append(item(send, row, conversation, session))
        return Claimed(items, ended[MessageStatus.EXPIRED], ended[MessageStatus.UNKNOWN])


def _end(unit: Unit, send: OutboxRow, row: MessageRow, *, resend: bool) -> MessageStatus | None:
    """End a send that is too late or has no process any more, and return how; `resend`: it may be made again."""
    lost = send.state == "sending" and (send.lease_until or 0) <= unit.now
    expired = send.expires_at <= unit.now
    if lost and resend and not expired:
        # Whether it went out is not known, and does not matter: the same id is not sent twice.
        send.in_doubt = True
        requeue(unit, send, unit.now)
        return None
    if lost:
        # Its process died with the call under way: whether it went out is not known.
        return _ended(unit, send, row, MessageStatus.UNKNOWN, "lease_lost", _STOPPED)
    if send.state == "queued" and send.in_doubt and (expired or not resend):
        return _ended(unit, send, row, MessageStatus.UNKNOWN, "outcome_unknown", _IN_DOUBT)
    if send.state == "queued" and expired:
        return _ended(unit, send, row, MessageStatus.EXPIRED, "expired", "It could not be sent in time.")
    return None


def _ended(
    unit: Unit, send: OutboxRow, row: MessageRow, status: MessageStatus, code: str, detail: str
) -> MessageStatus:
    end(unit, send, row, status, MessageError(code=code, detail=detail))
    return status
