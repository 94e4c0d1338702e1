"""What DatabaseStore keeps of conversations and their messages."""

from __future__ import annotations

from fivapp_whatsapp.errors import ConversationNotFound, MessageNotFound
from fivapp_whatsapp.models import (
    Author,
    Contact,
    Conversation,
    ConversationPatch,
    FoundPage,
    Media,
    Message,
    MessageStatus,
    Page,
    StatusChange,
    now_ms,
    to_datetime,
)
from fivapp_whatsapp.ports import ConversationFilter

from . import convert
from .listing import order_of
from .log_store import LogTables
from .operations import conversations as conversation_ops
from .operations.media import SetMedia
from .refusals import translate_refusals
from .rows import ConversationRow

_WAKE_AT_ONCE = 200


class ConversationTables(LogTables):
    """Conversations, contacts, messages."""

    async def open_conversation(
        self, tenant_id: str, session_id: str, chat_id: str, title: str | None = None
    ) -> Conversation:
        """Return the conversation with a chat, made when it is not there. Raises SessionNotFound."""
        with translate_refusals():
            operation = conversation_ops.OpenConversation(tenant_id, session_id, chat_id, title)
        return await self._required_conversation(tenant_id, await self._writer.submit(operation))

    async def conversation(
        self, tenant_id: str, conversation_id: str, *, last_message: bool = True
    ) -> Conversation | None:
        """Return a conversation, or None; without its last message where nobody looks at that."""
        row = await self._read.conversation(tenant_id, conversation_id)
        if row is None:
            return None
        return (await self._conversations([row]))[0] if last_message else convert.conversation(row, None)

    async def conversations(self, tenant_id: str, where: ConversationFilter, before: str | None, limit: int) -> Page:
        """List conversations by their last activity, newest first; those to answer by their wait, the longest first."""
        seq = (await self.log_state(tenant_id)).head
        order = order_of(where)
        rows = await self._read.conversations(tenant_id, where, order.read(before), limit + 1, now_ms())
        cursor = order.write(rows[limit - 1]) if len(rows) > limit else None
        return Page(items=await self._conversations(rows[:limit]), next_cursor=cursor, seq=seq)

    async def labels(self, tenant_id: str, limit: int) -> list[str]:
        """List the labels that conversations have, in the order of their letters."""
        return await self._read.labels(tenant_id, limit)

    async def change_conversation(
        self, tenant_id: str, conversation_id: str, patch: ConversationPatch, by: Author, *, line: str | None = None
    ) -> Conversation:
        """Change a conversation, with a system line when who answers changed.

        Raises ConversationNotFound, MessageNotFound.
        """
        read = None
        if isinstance(patch.read_up_to, str) and (row := await self._read.message(tenant_id, patch.read_up_to)):
            read = (row.conversation_id, row.seq)
        said = None if line is None else (line, by)
        operation = conversation_ops.ChangeConversation(tenant_id, conversation_id, patch, read, said)
        await self._writer.submit(operation)
        return await self._required_conversation(tenant_id, conversation_id)

    async def wake_snoozed(self) -> int:
        """Open snoozed conversations whose time has come."""
        due = await self._read.snoozed(now_ms(), _WAKE_AT_ONCE)
        return await self._writer.submit(conversation_ops.WakeConversations(due)) if due else 0

    async def contact(self, tenant_id: str, contact_id: str) -> Contact | None:
        """Return a contact with its addresses, or None."""
        found = await self._read.contact(tenant_id, contact_id)
        return None if found is None else convert.contact(*found)

    async def add_note(
        self,
        tenant_id: str,
        conversation_id: str,
        text: str,
        author: Author,
        *,
        system: bool = False,
        idempotency_key: tuple[str, str] | None = None,
    ) -> Message:
        """Add a note or a system line; a key that is known gives the first one. Raises ConversationNotFound."""
        operation = conversation_ops.AddNote(
            tenant_id, conversation_id, text, author, system=system, key=idempotency_key
        )
        added = await self._writer.submit(operation)
        found = await self.message(tenant_id, added) if isinstance(added, str) else added
        if found is None:
            raise MessageNotFound
        return found

    async def message(self, tenant_id: str, message_id: str) -> Message | None:
        """Return a message, or None."""
        row = await self._read.message(tenant_id, message_id)
        return None if row is None else convert.message(row)

    async def set_media(self, tenant_id: str, message_id: str, media: Media) -> Message:
        """Replace what is kept of a message's file. Raises MessageNotFound."""
        return await self._writer.submit(SetMedia(tenant_id, message_id, media))

    async def messages(self, tenant_id: str, conversation_id: str, before: int | None, limit: int) -> Page:
        """List a conversation's messages, newest first. Raises ConversationNotFound."""
        seq = (await self.log_state(tenant_id)).head
        if await self._read.conversation(tenant_id, conversation_id) is None:
            raise ConversationNotFound
        rows = await self._read.messages(conversation_id, before, limit + 1)
        cursor = str(rows[limit - 1].seq) if len(rows) > limit else None
        return Page(items=[convert.message(row) for row in rows[:limit]], next_cursor=cursor, seq=seq)

    async def search_messages(self, tenant_id: str, query: str, before: int | None, limit: int) -> FoundPage:
        """List a tenant's messages whose texts hold every word of a query, newest first."""
        seq = (await self.log_state(tenant_id)).head
        with translate_refusals():
            rows = await self._read.found_messages(tenant_id, query, before, limit + 1, seq)
        cursor = str(rows[limit - 1].seq) if len(rows) > limit else None
        rows = rows[:limit]
        around = await self._read.by_ids(ConversationRow, {row.conversation_id for row in rows})
        return FoundPage(
            items=[convert.message(row) for row in rows],
            conversations=await self._conversations(list(around.values())),
            next_cursor=cursor,
            seq=seq,
        )

    async def timeline(self, tenant_id: str, message_id: str) -> list[StatusChange]:
        """List what happened to a message, oldest first. Raises MessageNotFound."""
        row = await self._read.message(tenant_id, message_id)
        if row is None:
            raise MessageNotFound
        steps = [convert.status_change(step) for step in await self._read.statuses(message_id)]
        if row.status == MessageStatus.RECEIVED:
            # No row of its own is kept for the one step that every message has that we never sent.
            at, received_at = to_datetime(row.at), to_datetime(row.received_at)
            steps.insert(0, StatusChange(status=MessageStatus.RECEIVED, at=at, received_at=received_at))
        return sorted(steps, key=lambda step: (step.received_at, step.status.rank))

    async def _required_conversation(self, tenant_id: str, conversation_id: str) -> Conversation:
        found = await self.conversation(tenant_id, conversation_id)
        if found is None:
            raise ConversationNotFound
        return found
