"""What DatabaseStore keeps of sends, from the pending message to how it ended, and of keyed requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from fivapp_whatsapp.errors import MessageNotFound
from fivapp_whatsapp.models import Author, Conversation, Message, OutgoingMessage, SendResult, now_ms, to_datetime
from fivapp_whatsapp.ports import Claimed, KeptAnswer, OutboxItem, Outcome, Queued, Recorded, UnknownSend
from fivapp_whatsapp.ports.plugins import Limits

from .conversation_store import ConversationTables
from .convert import to_ms
from .operations import outcomes, requests, sending
from .operations.claiming import ClaimSends
from .rows import IdempotencyRow, SessionRow


class SendTables(ConversationTables):
    """The outbox, and the keys of requests."""

    async def queue_message(
        self,
        tenant_id: str,
        conversation: Conversation,
        message: OutgoingMessage,
        author: Author,
        *,
        owner: str | None,
        lease_seconds: float,
        expires_at: datetime,
        idempotency_key: tuple[str, str] | None = None,
        fingerprint: str = "",
        budget: Limits | None = None,
    ) -> Queued:
        """Commit a pending message and its outbox row. Raises IdempotencyMismatch, OverBudget, …NotFound."""
        operation = sending.QueueMessage(
            tenant_id,
            conversation.id,
            conversation.session_id,
            message,
            author,
            owner=owner,
            lease_seconds=lease_seconds,
            expires_at=expires_at,
            pace=self._pace,
            key=idempotency_key,
            fingerprint=fingerprint,
            budget=budget,
        )
        queued = await self._writer.submit(operation)
        if isinstance(queued, Queued):
            return queued
        first = await self.message(tenant_id, queued)
        if first is None:
            raise MessageNotFound
        return Queued(tenant_id, first, False)

    async def begin_request(self, tenant_id: str, principal: str, key: str, fingerprint: str) -> KeptAnswer | None:
        """Take a key for a request that begins, or return the first answer."""
        return await self._writer.submit(requests.BeginRequest(tenant_id, principal, key, fingerprint))

    async def end_request(self, tenant_id: str, principal: str, key: str, answer: KeptAnswer | None) -> None:
        """Keep the answer of a request, or free its key."""
        await self._writer.submit(requests.EndRequest(tenant_id, principal, key, answer))

    async def known_send(
        self, tenant_id: str, idempotency_key: tuple[str, str], fingerprint: str = ""
    ) -> Message | None:
        """Return the message that was queued under a key, None for a new one. Raises IdempotencyMismatch."""
        row = await self._read.by_key(IdempotencyRow, *sending.send_key(tenant_id, idempotency_key))
        first = sending.first_of(row, fingerprint, now_ms())
        return None if first is None else await self.message(tenant_id, first)

    async def claim_sends(
        self,
        owner: str,
        limit: int,
        lease_seconds: float,
        *,
        resend: frozenset[str] = frozenset(),
        share: int | None = None,
        taken: Mapping[str, int] | None = None,
    ) -> Claimed:
        """Take up to `limit` sends that are due, the oldest of each tenant in turn."""
        taken = taken or {}
        # Those of tenants that have their share already are passed over, so that many more are read.
        due = await self._read.due(now_ms(), limit + sum(taken.values()))
        if share is not None:
            due = [each for each in due if each.turn + taken.get(each.tenant_id, 0) <= share]
        if not (due := due[:limit]):
            return Claimed()
        return await self._writer.submit(ClaimSends(due, owner, lease_seconds, resend=resend, pace=self._pace))

    async def record_outcome(self, item: OutboxItem, owner: str, outcome: Outcome) -> Recorded:
        """Store how a send went."""
        return await self._writer.submit(outcomes.RecordOutcome(item, owner, outcome))

    async def resolve_message(self, tenant_id: str, message_id: str, status: str) -> Message:
        """Settle a message by a person's word. Raises MessageNotFound, Conflict."""
        return await self._writer.submit(outcomes.ResolveMessage(tenant_id, message_id, status))

    async def unknown_sends(self, limit: int = 100, *, ended_after: datetime | None = None) -> list[UnknownSend]:
        """List sends whose outcome is not known, oldest first."""
        rows = await self._read.lost(limit, None if ended_after is None else to_ms(ended_after))
        sessions = await self._read.by_ids(SessionRow, (row.session_id for row in rows))
        return [
            UnknownSend(
                tenant_id=row.tenant_id,
                session_id=row.session_id,
                connector=sessions[row.session_id].connector,
                conversation_id=row.conversation_id,
                message_id=row.message_id,
                queued_at=to_datetime(row.created_at),
                ended_at=to_datetime(row.not_before),
            )
            for row in rows
            if row.session_id in sessions
        ]

    async def record_found(self, send: UnknownSend, found: SendResult) -> Message:
        """Settle a send that a look-up proved to have gone out. Raises MessageNotFound."""
        return await self._writer.submit(outcomes.RecordFound(send, found))
