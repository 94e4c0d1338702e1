"""Conversations and their messages."""

from __future__ import annotations

from typing import Protocol

import msgspec

from fivapp_whatsapp.models import (
    Author,
    Contact,
    Conversation,
    ConversationPatch,
    FoundPage,
    Media,
    Message,
    Page,
    StatusChange,
)


class ConversationFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations a list holds.

    `view`: to_answer, mine, unassigned, groups, bots, closed, label, or None for all that are not closed. `query` is
    looked for in titles, phones and texts, with `names_only` in titles and phones.
    """

    view: str | None = None
    user_id: str | None = None
    label: str | None = None
    query: str | None = None
    names_only: bool = False
    session_id: str | None = None


class ConversationStore(Protocol):
    """Keeps conversations and their messages."""

    async def open_conversation(
        self, tenant_id: str, session_id: str, chat_id: str, title: str | None = None
    ) -> Conversation:
        """Return the conversation with a chat, made when it is not there. Raises SessionNotFound."""
        ...

    async def conversation(
        self, tenant_id: str, conversation_id: str, *, last_message: bool = True
    ) -> Conversation | None:
        """Return a conversation, or None; without its last message where nobody looks at that."""
        ...

    async def conversations(self, tenant_id: str, where: ConversationFilter, before: str | None, limit: int) -> Page:
        """List conversations by their last activity, newest first; those to answer by their wait, the longest first.

        `before` is the `next_cursor` of the page before. Raises InvalidInput.
        """
        ...

    async def labels(self, tenant_id: str, limit: int) -> list[str]:
        """List the labels that conversations have, in the order of their letters."""
        ...

    async def change_conversation(
        self, tenant_id: str, conversation_id: str, patch: ConversationPatch, by: Author, *, line: str | None = None
    ) -> Conversation:
        """Change a conversation and emit conversation.updated when something changed.

        When who answers changed, `line` is left as a system line by `by` in the same transaction.
        Raises ConversationNotFound, MessageNotFound.
        """
        ...

    async def wake_snoozed(self) -> int:
        """Open conversations that were snoozed until now, with conversation.updated; returns how many."""
        ...

    async def contact(self, tenant_id: str, contact_id: str) -> Contact | None:
        """Return a contact with its addresses, or None."""
        ...

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
        """Add a note (never sent) or a system line; a key that is known gives the first one again.

        Raises ConversationNotFound.
        """
        ...

    async def message(self, tenant_id: str, message_id: str) -> Message | None:
        """Return a message, or None."""
        ...

    async def set_media(self, tenant_id: str, message_id: str, media: Media) -> Message:
        """Replace what is kept of a message's file; emits message.updated when it changed. Raises MessageNotFound."""
        ...

    async def messages(self, tenant_id: str, conversation_id: str, before: int | None, limit: int) -> Page:
        """List a conversation's messages, newest first. Raises ConversationNotFound."""
        ...

    async def search_messages(self, tenant_id: str, query: str, before: int | None, limit: int) -> FoundPage:
        """List a tenant's messages whose texts hold every word of a query, the last one as a beginning, newest first.

        What it costs follows what it shows, not what is stored. A query without a word finds nothing.
        """
        ...

    async def timeline(self, tenant_id: str, message_id: str) -> list[StatusChange]:
        """List what happened to a message, oldest first. Raises MessageNotFound."""
        ...
