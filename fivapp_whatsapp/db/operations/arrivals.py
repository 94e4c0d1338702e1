"""A message that the connection service tells of becomes a row, once: from a contact, or typed on the phone."""

from __future__ import annotations

from fivapp_whatsapp import addresses
from fivapp_whatsapp.db.convert import media_text, optional_ms
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.plugin_rows import AutomationRow
from fivapp_whatsapp.db.rows import ContactRow, ConversationRow, MessageRow, MessageStatusRow, OutboxRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.models import IncomingMessage, MessageStatus, new_id

from .chats import contact_of, new_conversation, retitle
from .statuses import apply_parked, bind, log_update, report, settle
from .takeover import take_over

# How long after a send has ended its echo may still come.
ECHO_MS = 120_000


class Arrival:
    """One message event with the ids that follow from it, which are derived once."""

    __slots__ = ("_contact_id", "_conversation_id", "_event", "_group", "_person", "_tenant_id")

    def __init__(self, tenant_id: str, event: IncomingMessage) -> None:
        self._tenant_id = tenant_id
        self._event = event
        self._group = addresses.is_group(event.chat_id)
        # Whom it is from; for one typed on the phone: whom it went to, and a group is nobody.
        self._person = event.sender if not event.from_me else None if self._group else event.chat_id
        self._conversation_id = addresses.conversation_id(tenant_id, event.session_id, event.chat_id)
        self._contact_id = None if self._person is None else addresses.contact_id(tenant_id, self._person)

    def needs(self, needs: Needs) -> None:
        """Need the message, its conversation and contact, and for an echo the send that it may be of."""
        event = self._event
        needs.native(event.session_id, event.native_id)
        needs.row(ConversationRow, self._conversation_id)
        if self._contact_id is not None:
            needs.row(ContactRow, self._contact_id)
        if event.quoted_native_id is not None:
            needs.native(event.session_id, event.quoted_native_id)
        if event.from_me:
            needs.row(AutomationRow, self._tenant_id)
            needs.sends(self._conversation_id, texts=True)
            needs.parked_statuses(event.session_id, event.native_id)
            if event.client_message_id is not None:
                needs.row(MessageRow, event.client_message_id)
                needs.row(OutboxRow, event.client_message_id)

    def apply(self, unit: Unit) -> bool:
        """Store the message; False when it was there already, or is one of ours that comes back."""
        event = self._event
        if unit.by_native(event.session_id, event.native_id) is not None:
            return False
        if event.from_me and (own := self._own_send(unit)) is not None:
            was = own.status
            changed = bind(unit, own, event.native_id)
            changed |= report(unit, own, MessageStatus.ACCEPTED, at=optional_ms(event.at))
            settle(unit, own)
            if changed:
                log_update(unit, own, was)
            return False
        self._store(unit)
        return True

    def _own_send(self, unit: Unit) -> MessageRow | None:
        """Return the message of ours that this is the echo of, or None.

        By our id where the service repeats it; else a send of this chat with the same text that is in flight, or
        ended a moment ago without a word of its id: a person types the same text on the phone in these moments
        hardly ever, and a second row for one message would be wrong every time.
        """
        event = self._event
        if event.client_message_id is not None:
            row = unit.get(MessageRow, event.client_message_id)
            if row is not None and row.session_id == event.session_id and row.direction == "outgoing":
                return row
        sends = [send for send in unit.sends_of(self._conversation_id) if _awaits_echo(send, unit.now)]
        for send in sorted(sends, key=lambda send: send.state != "sending"):
            row = unit.get(MessageRow, send.message_id)
            if row is not None and row.native_id is None and _same_content(row, event):
                return row
        return None

    def _store(self, unit: Unit) -> None:
        event = self._event
        name = None if event.from_me else event.sender_name
        contact = None
        if self._person is not None and self._contact_id is not None:
            contact = contact_of(unit, self._tenant_id, self._contact_id, self._person, name)
        conversation, visible = self._conversation(unit, contact)
        message = self._message(unit, contact)
        message.seq = unit.log(
            self._tenant_id, "message.created", conversation_id=conversation.id, message_id=message.id
        )
        unit.put(message)
        if event.from_me:
            unit.put(MessageStatusRow(message.id, message.status, message.tenant_id, message.at, unit.now, None, None))
            apply_parked(unit, message)
            visible |= take_over(unit, conversation, message.at)
        visible |= _count_in(conversation, message)
        unit.put(conversation)
        if visible:
            unit.log(self._tenant_id, "conversation.updated", conversation_id=conversation.id)

    def _conversation(self, unit: Unit, contact: ContactRow | None) -> tuple[ConversationRow, bool]:
        """Return the chat's conversation and whether browsers must see it anew: it is new, or its title changed."""
        event = self._event
        name = event.group_name if self._group else contact.name if contact else None
        row = unit.get(ConversationRow, self._conversation_id)
        if row is None:
            row = new_conversation(self._tenant_id, event.session_id, event.chat_id, self._conversation_id, unit.now)
            row.contact_id = None if self._group else self._contact_id
            if name:
                retitle(row, name)
            return row, True
        row.chat_id = event.chat_id  # the spelling that WhatsApp used last is the one to send to
        if name and row.title != name and (self._group or not event.from_me):
            retitle(row, name)
            return row, True
        return row, False

    def _message(self, unit: Unit, contact: ContactRow | None) -> MessageRow:
        event, mine = self._event, self._event.from_me
        quoted = unit.by_native(event.session_id, event.quoted_native_id) if event.quoted_native_id else None
        author = None if mine else contact
        at = optional_ms(event.at)
        return MessageRow(
            id=new_id(),
            tenant_id=self._tenant_id,
            session_id=event.session_id,
            conversation_id=self._conversation_id,
            native_id=event.native_id,
            seq=0,
            direction="outgoing" if mine else "incoming",
            kind=event.kind.value,
            status=MessageStatus.SENT.value if mine else MessageStatus.RECEIVED.value,
            text=event.text,
            author_kind="phone" if mine else "contact",
            author_id=author.id if author else None,
            author_name=event.sender_name or author.name if author else None,
            media=media_text(event.media),
            quoted_message_id=None if quoted is None else quoted.id,
            quoted_native_id=event.quoted_native_id,
            retry_of=None,
            error_code=None,
            error_detail=None,
            at=unit.now if at is None else at,
            received_at=unit.now,
            choice=event.choice,
        )


def _awaits_echo(send: OutboxRow, now: int) -> bool:
    # `not_before` of a send that has ended is when it ended.
    return send.state == "sending" or send.in_doubt or (send.state != "queued" and now - send.not_before <= ECHO_MS)


def _same_content(row: MessageRow, event: IncomingMessage) -> bool:
    text, echoed = (row.text or "").strip(), (event.text or "").strip()
    if row.choices is not None:
        # Choices may have gone out as buttons, as a list, or numbered below the text.
        return echoed.startswith(text)
    return row.kind == event.kind.value and text == echoed


def _count_in(conversation: ConversationRow, message: MessageRow) -> bool:
    """Count a new message in its conversation; True when more changed than the counters that follow from it."""
    conversation.last_message_id = message.id
    conversation.activity_seq = message.seq
    if message.direction == "outgoing":
        conversation.waiting_since = None
        return False
    conversation.unread_count += 1
    if conversation.waiting_since is None:
        conversation.waiting_since = message.received_at
    if conversation.status == "open":
        return False
    conversation.status, conversation.snoozed_until = "open", None
    return True
