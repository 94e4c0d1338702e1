"""Who writes, and where: the contact and the conversation that a message belongs to."""

from __future__ import annotations

from fivapp_whatsapp import addresses
from fivapp_whatsapp.db.rows import AliasRow, ContactRow, ConversationRow
from fivapp_whatsapp.db.search import fold
from fivapp_whatsapp.db.unit import Unit


def contact_of(unit: Unit, tenant_id: str, contact_id: str, address: str, name: str | None) -> ContactRow:
    """Return the contact with an address, made when it is not there, with the newest name."""
    contact = unit.get(ContactRow, contact_id)
    if contact is None:
        contact = ContactRow(contact_id, tenant_id, name, addresses.phone(address), unit.now, unit.now)
        unit.put(contact)
        unit.put(AliasRow(tenant_id, addresses.key(address), address, contact_id, unit.now))
    elif name and name != contact.name:
        contact.name, contact.updated_at = name, unit.now
        unit.put(contact)
    return contact


def new_conversation(tenant_id: str, session_id: str, chat_id: str, key: str, now: int) -> ConversationRow:
    """Make the row of a conversation that has no message yet; `key` is its id."""
    row = ConversationRow(
        id=key,
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
    phone = addresses.phone(chat_id)
    retitle(row, f"+{phone}" if phone else chat_id)
    return row


def retitle(row: ConversationRow, title: str) -> None:
    """Give a conversation a title; it is found by its title and its phone."""
    row.title = title
    row.search_title = fold(f"{title} {addresses.phone(row.chat_id) or ''}")
