"""What DatabaseStore keeps of sends, from the pending message to how it ended."""

from __future__ import annotations

from datetime import datetime

from fivapp_whatsapp.errors import MessageNotFound
from fivapp_whatsapp.models import Author, Conversation, Message, OutgoingMessage, now_ms, to_datetime
from fivapp_whatsapp.ports import Claimed, OutboxItem, Outcome, Queued, UnknownSend

from .conversation_store import ConversationTables
from .operations import outcomes, sending
from .operations.claiming import ClaimSends


class SendTables(ConversationTables):
    """The outbox."""

    async def queue_message(
        self,
        tenant_id: str,
        conversation: Conversation,
        message: OutgoingMessage,
        author: Author,
        *,
        owner: str,
        lease_seconds: float,
        expires_at: datetime,
        idempotency_key: tuple[str, str] | None = None,
        fingerprint: str = "",
    ) -> Queued:
        """Commit a pending message and its outbox row."""
        operation = sending.QueueMessage(
            tenant_id,
            conversation.id,
            conversation.session_id,
            message,
            author,
            owner=owner,
            lease_seconds=lease_seconds,
            expires_at=expires_at,
            key=idempotency_key,
            fingerprint=fingerprint,
        )
        queued = await self._writer.submit(operation)
        if isinstance(queued, Queued):
            return queued
        first = await self.message(tenant_id, queued)
        if first is None:
            raise MessageNotFound
        return Queued(tenant_id, first, False)

    async def claim_sends(
        self, owner: str, limit: int, lease_seconds: float, *, resend: frozenset[str] = frozenset()
    ) -> Claimed:
        """Take up to `limit` sends that are due."""
        due = await self._read.due(now_ms(), limit)
        return await self._writer.submit(ClaimSends(due, owner, lease_seconds, resend)) if due else Claimed()

    async def record_outcome(self, item: OutboxItem, owner: str, outcome: Outcome) -> Message:
        """Store how a send went."""
        return await self._writer.submit(outcomes.RecordOutcome(item, owner, outcome))

    async def resolve_message(self, tenant_id: str, message_id: str, status: str) -> Message:
        """Settle a message by a person's word. Raises MessageNotFound, Conflict."""
        return await self._writer.submit(outcomes.ResolveMessage(tenant_id, message_id, status))

    async def unknown_sends(self, limit: int = 100) -> list[UnknownSend]:
        """List sends whose outcome is not known, oldest first."""
        return [
            UnknownSend(row.tenant_id, row.session_id, row.conversation_id, row.message_id, to_datetime(row.created_at))
            for row in await self._read.lost(limit)
        ]
