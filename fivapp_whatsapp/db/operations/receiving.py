"""Storing what a webhook tells: messages, statuses and sessions, each event once."""

from __future__ import annotations

from collections.abc import Sequence

from fivapp_whatsapp import addresses
from fivapp_whatsapp.db.convert import media_text, optional_ms, session, session_row
from fivapp_whatsapp.db.rows import (
    AliasRow,
    ContactRow,
    ConversationRow,
    MessageRow,
    OutboxRow,
    ParkedStatusRow,
    QuarantineRow,
    SessionRow,
)
from fivapp_whatsapp.db.search import fold
from fivapp_whatsapp.db.unit import Needs, Unit
from fivapp_whatsapp.models import (
    IncomingMessage,
    MessageStatus,
    SessionUpdate,
    StatusUpdate,
    WebhookEvent,
    new_id,
    to_datetime,
)
from fivapp_whatsapp.ports import Receipt
from fivapp_whatsapp.states import apply_update

from .sessions import log_session
from .statuses import bind, log_update, report


class Receive:
    """Stores the events of one webhook; `known` pairs each with its tenant, `unreadable` is the rest of it."""

    def __init__(
        self,
        known: Sequence[tuple[str, WebhookEvent]],
        *,
        unreadable: QuarantineRow | None = None,
        settles: str | None = None,
    ) -> None:
        self._known = known
        self._unreadable = unreadable
        self._settles = settles

    def needs(self, needs: Needs) -> None:
        """Need what the events name."""
        for tenant_id, event in self._known:
            needs.tenant(tenant_id)
            if isinstance(event, IncomingMessage):
                _needs_message(needs, tenant_id, event)
            elif isinstance(event, StatusUpdate):
                _needs_status(needs, event)
            else:
                needs.row(SessionRow, event.session_id)
        if self._settles is not None:
            needs.row(QuarantineRow, self._settles)

    def apply(self, unit: Unit) -> Receipt:
        """Store each event; a message that is there already changes nothing."""
        stored = duplicates = statuses = 0
        for tenant_id, event in self._known:
            if isinstance(event, IncomingMessage):
                new = _take_message(unit, tenant_id, event)
                stored += new
                duplicates += not new
            elif isinstance(event, StatusUpdate):
                statuses += 1
                _take_status(unit, tenant_id, event)
            else:
                _take_session(unit, event)
        if self._unreadable is not None:
            unit.put(self._unreadable)
        self._settle(unit)
        return Receipt(stored, duplicates, int(self._unreadable is not None), statuses)

    def _settle(self, unit: Unit) -> None:
        if self._settles is None or (row := unit.get(QuarantineRow, self._settles)) is None:
            return
        row.attempts += 1
        row.state = "processed"
        unit.put(row)


class Quarantine:
    """Keeps a body that could not be read."""

    def __init__(self, row: QuarantineRow) -> None:
        self._row = row

    def needs(self, needs: Needs) -> None:
        """Need nothing."""

    def apply(self, unit: Unit) -> None:
        """Add the row."""
        unit.put(self._row)


def _needs_message(needs: Needs, tenant_id: str, event: IncomingMessage) -> None:
    conversation_id = addresses.conversation_id(tenant_id, event.session_id, event.chat_id)
    needs.native(event.session_id, event.native_id)
    needs.row(ConversationRow, conversation_id)
    needs.row(ContactRow, addresses.contact_id(tenant_id, event.chat_id if event.from_me else event.sender))
    if event.quoted_native_id is not None:
        needs.native(event.session_id, event.quoted_native_id)
    if event.from_me:
        needs.sends(conversation_id)
        needs.parked_statuses(event.session_id, event.native_id)
    if event.client_message_id is not None:
        needs.row(MessageRow, event.client_message_id)


def _needs_status(needs: Needs, event: StatusUpdate) -> None:
    if event.native_id is not None:
        needs.native(event.session_id, event.native_id)
        needs.parked_statuses(event.session_id, event.native_id)
    if event.client_message_id is not None:
        needs.row(MessageRow, event.client_message_id)
        needs.row(OutboxRow, event.client_message_id)


# --- messages ------------------------------------------------------------------------------------


def _take_message(unit: Unit, tenant_id: str, event: IncomingMessage) -> bool:
    if unit.by_native(event.session_id, event.native_id) is not None:
        return False
    if event.from_me and (own := _own_send(unit, tenant_id, event)) is not None:
        bind(unit, own, event.native_id)
        report(unit, own, MessageStatus.ACCEPTED, at=optional_ms(event.at))
        log_update(unit, own)
        return False
    contact = _contact(unit, tenant_id, event)
    conversation, visible = _conversation(unit, tenant_id, event, contact)
    message = _message_row(unit, tenant_id, event, conversation, contact)
    message.seq = unit.log(tenant_id, "message.created", conversation_id=conversation.id, message_id=message.id)
    unit.put(message)
    visible |= _count_in(conversation, message)
    unit.put(conversation)
    if event.from_me:
        for parked in unit.take_parked(event.session_id, event.native_id):
            report(unit, message, MessageStatus(parked.status), at=parked.at)
    if visible:
        unit.log(tenant_id, "conversation.updated", conversation_id=conversation.id)
    return True


def _own_send(unit: Unit, tenant_id: str, event: IncomingMessage) -> MessageRow | None:
    """Return the message of ours that this is the echo of, or None.

    By our id where the service repeats it; else a send of this chat that is in flight now, or whose outcome is
    not known, with the same text: a person types the same text on the phone in these seconds hardly ever, and
    a second row for one message would be wrong every time.
    """
    if event.client_message_id is not None:
        row = unit.get(MessageRow, event.client_message_id)
        if row is not None and row.session_id == event.session_id and row.direction == "outgoing":
            return row
    conversation_id = addresses.conversation_id(tenant_id, event.session_id, event.chat_id)
    for send in unit.sends_of(conversation_id):
        row = unit.get(MessageRow, send.message_id)
        if send.state == "sending" and row is not None and row.native_id is None and row.text == event.text:
            return row
    return None


def _contact(unit: Unit, tenant_id: str, event: IncomingMessage) -> ContactRow:
    """Return who is behind the message (for one typed on the phone: whom it went to), with the newest name."""
    address = event.chat_id if event.from_me else event.sender
    name = None if event.from_me else event.sender_name
    key = addresses.contact_id(tenant_id, address)
    contact = unit.get(ContactRow, key)
    if contact is None:
        contact = ContactRow(key, tenant_id, name, addresses.phone(address), unit.now, unit.now)
        if not addresses.is_group(address):
            unit.put(contact)
            unit.put(AliasRow(tenant_id, addresses.key(address), address, key, unit.now))
    elif name and name != contact.name:
        contact.name, contact.updated_at = name, unit.now
        unit.put(contact)
    return contact


def _conversation(
    unit: Unit, tenant_id: str, event: IncomingMessage, contact: ContactRow
) -> tuple[ConversationRow, bool]:
    """Return the chat's conversation and whether browsers must see it anew: it is new, or its title changed."""
    group = addresses.is_group(event.chat_id)
    name = event.group_name if group else contact.name
    key = addresses.conversation_id(tenant_id, event.session_id, event.chat_id)
    row = unit.get(ConversationRow, key)
    if row is None:
        row = new_conversation(tenant_id, event.session_id, event.chat_id, unit.now)
        row.contact_id = None if group else contact.id
        retitle(row, name or row.title)
        return row, True
    row.chat_id = event.chat_id  # the spelling that WhatsApp used last is the one to send to
    if name and row.title != name and (group or not event.from_me):
        retitle(row, name)
        return row, True
    return row, False


def new_conversation(tenant_id: str, session_id: str, chat_id: str, now: int) -> ConversationRow:
    """Make the row of a conversation that has no message yet."""
    title = addresses.phone(chat_id)
    row = ConversationRow(
        id=addresses.conversation_id(tenant_id, session_id, chat_id),
        tenant_id=tenant_id,
        session_id=session_id,
        chat_id=chat_id,
        contact_id=None,
        title="",
        search_title="",
        is_group=addresses.is_group(chat_id),
        status="open",
        snoozed_until=None,
        unread_count=0,
        last_message_id=None,
        activity_seq=0,
        read_seq=0,
        read_up_to=None,
        assignee_id=None,
        labels="[]",
        waiting_since=None,
        answered_by="bot",
        paused_until=None,
        created_at=now,
    )
    retitle(row, f"+{title}" if title else chat_id)
    return row


def retitle(row: ConversationRow, title: str) -> None:
    """Give a conversation a title; it is found by its title and its phone."""
    row.title = title
    row.search_title = fold(f"{title} {addresses.phone(row.chat_id) or ''}")


def _message_row(
    unit: Unit, tenant_id: str, event: IncomingMessage, conversation: ConversationRow, contact: ContactRow
) -> MessageRow:
    quoted = unit.by_native(event.session_id, event.quoted_native_id) if event.quoted_native_id else None
    at = optional_ms(event.at)
    mine = event.from_me
    return MessageRow(
        id=new_id(),
        tenant_id=tenant_id,
        session_id=event.session_id,
        conversation_id=conversation.id,
        native_id=event.native_id,
        seq=0,
        direction="outgoing" if mine else "incoming",
        kind=event.kind.value,
        status=MessageStatus.SENT.value if mine else MessageStatus.RECEIVED.value,
        text=event.text,
        author_kind="phone" if mine else "contact",
        author_id=None if mine else contact.id,
        author_name=None if mine else event.sender_name or contact.name,
        media=media_text(event.media),
        quoted_message_id=None if quoted is None else quoted.id,
        quoted_native_id=event.quoted_native_id,
        retry_of=None,
        error_code=None,
        error_detail=None,
        at=unit.now if at is None else at,
        received_at=unit.now,
    )


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


# --- statuses and sessions -------------------------------------------------------------------------


def _take_status(unit: Unit, tenant_id: str, event: StatusUpdate) -> None:
    message = _message_of(unit, event)
    at = optional_ms(event.at)
    if message is None:
        if event.native_id is not None:
            code, detail = (event.error.code, event.error.detail) if event.error else (None, None)
            unit.park(
                ParkedStatusRow(
                    event.session_id, event.native_id, event.status.value, tenant_id, at, unit.now, code, detail
                )
            )
        return
    if message.direction != "outgoing":
        return
    changed = bind(unit, message, event.native_id) if event.native_id is not None else False
    changed |= report(unit, message, event.status, at=at, error=event.error)
    # A send that is known to have gone out is not made again.
    send = unit.get(OutboxRow, message.id)
    if send is not None and send.state == "queued":
        unit.delete(send)
    if changed:
        log_update(unit, message)


def _message_of(unit: Unit, event: StatusUpdate) -> MessageRow | None:
    if event.client_message_id is not None:
        row = unit.get(MessageRow, event.client_message_id)
        if row is not None and row.session_id == event.session_id:
            return row
    return unit.by_native(event.session_id, event.native_id) if event.native_id is not None else None


def _take_session(unit: Unit, event: SessionUpdate) -> None:
    row = unit.get(SessionRow, event.session_id)
    if row is None or row.deleted:
        return
    before = session(row)
    after = apply_update(before, event, to_datetime(unit.now))
    unit.put(session_row(after))
    log_session(unit, before, after)
