"""Opening, changing, waking and annotating conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from fivapp_whatsapp import addresses
from fivapp_whatsapp.db.convert import message, optional_ms
from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import ContactRow, ConversationRow, IdempotencyRow, MessageRow, SessionRow
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import ConversationNotFound, MessageNotFound, SessionNotFound
from fivapp_whatsapp.models import Author, ConversationPatch, Message, MessageKind, MessageStatus, new_id

from .chats import contact_of, new_conversation, retitle

_encode = msgspec.json.Encoder().encode
# What a hook did is known for longer than its failure can be played again.
PLUGIN_KEYS_MS = 31 * 24 * 3600 * 1000


class OpenConversation:
    """Makes a conversation with a chat that may not have written yet."""

    def __init__(self, tenant_id: str, session_id: str, chat_id: str, title: str | None) -> None:
        self._tenant_id = tenant_id
        self._session_id = session_id
        self._chat_id = chat_id
        self._title = title
        self._id = addresses.conversation_id(tenant_id, session_id, chat_id)
        self._contact_id = addresses.contact_id(tenant_id, chat_id)

    def needs(self, needs: Needs) -> None:
        """Need the session, the conversation and the contact."""
        needs.tenant(self._tenant_id)
        needs.row(SessionRow, self._session_id)
        needs.row(ConversationRow, self._id)
        needs.row(ContactRow, self._contact_id)

    def apply(self, unit: Unit) -> str:
        """Add the row where it is missing and return its id. Raises SessionNotFound."""
        session = unit.get(SessionRow, self._session_id)
        if session is None or session.deleted or session.tenant_id != self._tenant_id:
            raise SessionNotFound
        if unit.get(ConversationRow, self._id) is not None:
            return self._id
        row = new_conversation(self._tenant_id, self._session_id, self._chat_id, self._id, unit.now)
        name = None
        if not row.is_group:
            row.contact_id = self._contact_id
            name = contact_of(unit, self._tenant_id, self._contact_id, self._chat_id, None).name
        retitle(row, self._title or name or row.title)
        row.activity_seq = unit.log(self._tenant_id, "conversation.updated", conversation_id=self._id)
        unit.put(row)
        return self._id


class ChangeConversation:
    """Changes what people decide about a conversation.

    `read_seq` is the seq of the message that `patch.read_up_to` names; it never changes, so it may be read
    before. `line` is what a system line says when who answers changed, and by whose word.
    """

    def __init__(
        self,
        tenant_id: str,
        conversation_id: str,
        patch: ConversationPatch,
        read: tuple[str, int] | None,
        line: tuple[str, Author] | None = None,
    ) -> None:
        self._tenant_id = tenant_id
        self._id = conversation_id
        self._patch = patch
        self._line = line
        self._read_seq = 0 if read is None or read[0] != conversation_id else read[1]
        self._read_known = read is not None and read[0] == conversation_id

    def needs(self, needs: Needs) -> None:
        """Need the conversation and a count of its unread messages."""
        needs.tenant(self._tenant_id)
        needs.row(ConversationRow, self._id)
        if self._patch.read_up_to is not msgspec.UNSET:
            needs.unread_after(self._id, self._read_seq)

    def apply(self, unit: Unit) -> None:
        """Change the row. Raises ConversationNotFound, MessageNotFound."""
        row = unit.get(ConversationRow, self._id)
        if row is None or row.tenant_id != self._tenant_id:
            raise ConversationNotFound
        if isinstance(self._patch.read_up_to, str) and not self._read_known:
            raise MessageNotFound("readUpTo names no message of this conversation.")
        before, answered = msgspec.structs.astuple(row), (row.answered_by, row.paused_until)
        for name, value in self._values(unit, row).items():
            setattr(row, name, value)
        if msgspec.structs.astuple(row) != before:
            unit.put(row)
            unit.log(self._tenant_id, "conversation.updated", conversation_id=self._id)
        if self._line is not None and answered != (row.answered_by, row.paused_until):
            add_line(unit, row, *self._line, MessageKind.SYSTEM)

    def _values(self, unit: Unit, row: ConversationRow) -> dict[str, Any]:
        patch, values = self._patch, {}
        for name in ("answered_by", "status", "assignee_id", "group_bots"):
            if (value := getattr(patch, name)) is not msgspec.UNSET:
                values[name] = value
        status = row.status if patch.status is msgspec.UNSET else patch.status
        if status != "snoozed":
            values["snoozed_until"] = None
        elif patch.snoozed_until is not msgspec.UNSET:
            values["snoozed_until"] = optional_ms(patch.snoozed_until)
        if patch.answered_by is not msgspec.UNSET or patch.paused_until is not msgspec.UNSET:
            paused = None if patch.paused_until is msgspec.UNSET else patch.paused_until
            values["paused_until"] = optional_ms(paused)
        if patch.labels is not msgspec.UNSET:
            values["labels"] = _encode(sorted(set(patch.labels))).decode()
        if patch.read_up_to is not msgspec.UNSET:
            values["read_up_to"] = patch.read_up_to
            values["read_seq"] = self._read_seq
            values["unread_count"] = unit.unread_after(self._id, self._read_seq)
        return values


class WakeConversations:
    """Opens snoozed conversations whose time has come; `due` are the tenant and id of those that looked so."""

    def __init__(self, due: Sequence[tuple[str, str]]) -> None:
        self._due = due

    def needs(self, needs: Needs) -> None:
        """Need the conversations."""
        for tenant_id, conversation_id in self._due:
            needs.tenant(tenant_id)
            needs.row(ConversationRow, conversation_id)

    def apply(self, unit: Unit) -> int:
        """Open them and return how many; one that was changed meanwhile stays."""
        woken = 0
        for tenant_id, conversation_id in self._due:
            row = unit.get(ConversationRow, conversation_id)
            if row is None or row.status != "snoozed" or row.snoozed_until is None or row.snoozed_until > unit.now:
                continue
            row.status, row.snoozed_until = "open", None
            unit.put(row)
            unit.log(tenant_id, "conversation.updated", conversation_id=conversation_id)
            woken += 1
        return woken


class AddNote:
    """Adds a line that is never sent: a private note, or a system line that says what happened."""

    def __init__(
        self,
        tenant_id: str,
        conversation_id: str,
        text: str,
        author: Author,
        *,
        system: bool,
        key: tuple[str, str] | None = None,
    ) -> None:
        self._tenant_id = tenant_id
        self._key = None if key is None else (tenant_id, key[0], "note", key[1])
        self._conversation_id = conversation_id
        self._text = text
        self._author = author
        self._kind = MessageKind.SYSTEM if system else MessageKind.NOTE

    def needs(self, needs: Needs) -> None:
        """Need the conversation and the key."""
        needs.tenant(self._tenant_id)
        needs.row(ConversationRow, self._conversation_id)
        if self._key is not None:
            needs.row(IdempotencyRow, *self._key)

    def apply(self, unit: Unit) -> Message | str:
        """Add the row; the conversation's last message stays. A known key gives the id of its first note.

        Raises ConversationNotFound.
        """
        conversation = unit.get(ConversationRow, self._conversation_id)
        if conversation is None or conversation.tenant_id != self._tenant_id:
            raise ConversationNotFound
        known = None if self._key is None else unit.get(IdempotencyRow, *self._key)
        if known is not None and known.expires_at > unit.now:
            return known.message_id
        row = add_line(unit, conversation, self._text, self._author, self._kind, said_key(self._key))
        if self._key is not None:
            unit.put(IdempotencyRow(*self._key, "", row.id, unit.now, unit.now + PLUGIN_KEYS_MS))
        return message(row)


def said_key(key: tuple[str, str, str, str] | None) -> str | None:
    """Return the key that a user's request gave; those of plugins and of retries are our own."""
    return key[3] if key is not None and key[1].startswith("user:") else None


def add_line(
    unit: Unit,
    conversation: ConversationRow,
    text: str,
    author: Author,
    kind: MessageKind,
    idempotency_key: str | None = None,
) -> MessageRow:
    """Add a line to a conversation that is never sent."""
    row = MessageRow(
        id=new_id(),
        tenant_id=conversation.tenant_id,
        session_id=conversation.session_id,
        conversation_id=conversation.id,
        native_id=None,
        seq=0,
        direction="outgoing",
        kind=kind.value,
        status=MessageStatus.RECEIVED.value,
        text=text,
        author_kind=author.kind,
        author_id=author.id,
        author_name=author.name,
        media=None,
        quoted_message_id=None,
        quoted_native_id=None,
        retry_of=None,
        error_code=None,
        error_detail=None,
        at=unit.now,
        received_at=unit.now,
        idempotency_key=idempotency_key,
    )
    row.seq = unit.log(row.tenant_id, "message.created", conversation_id=conversation.id, message_id=row.id)
    unit.put(row)
    return row
