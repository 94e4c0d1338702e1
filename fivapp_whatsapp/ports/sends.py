"""Messages on their way out, and requests that are made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from fivapp_whatsapp.models import Author, Conversation, Message, OutgoingMessage, SendResult

from .connector import OutgoingSend
from .plugins import Limits


class UnknownSend(msgspec.Struct, frozen=True):
    """A message that may have gone out or not, in doubt since `ended_at`: unless it is proved, a person decides."""

    tenant_id: str
    session_id: str
    connector: str
    conversation_id: str
    message_id: str
    queued_at: datetime
    ended_at: datetime


class Pace(msgspec.Struct, frozen=True):
    """How fast a session sends: `burst` messages at once, then `rate` a second; a rate of 0 knows no limit."""

    rate: float = 0.0
    burst: int = 1


class OutboxItem(msgspec.Struct, frozen=True):
    """A send that this process may make now: it holds the lease until it says how it went.

    One that is `in_doubt` may have gone out before: it is made only where the service does not send one id twice.
    """

    tenant_id: str
    connector: str
    message_id: str
    conversation_id: str
    attempt: int
    expires_at: datetime
    send: OutgoingSend
    in_doubt: bool = False


class Queued(msgspec.Struct, frozen=True):
    """A send that was committed: the pending message, and the send itself when this process may make it at once.

    `created` is False when the Idempotency-Key was known: then `message` is the first one. `paused` says that the
    session's sends wait for the connection service, which does not answer them or asked for a pause.
    """

    tenant_id: str
    message: Message
    created: bool
    item: OutboxItem | None = None
    paused: bool = False


class Claimed(msgspec.Struct, frozen=True):
    """The sends that a process took, and how many it found at their end: too late, or left by a process that died."""

    items: Sequence[OutboxItem] = ()
    expired: int = 0
    unknown: int = 0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a send went. `kind`: accepted, failed, unknown, or retry after `retry_after` seconds.

    A retry was provably not sent, unless it is `in_doubt`: then the service does not send one id twice. `fault` tells
    whether the service failed, None where that cannot be said; `hold` is for how many seconds it wants no send of
    this session.
    """

    kind: str
    native_id: str | None = None
    at: datetime | None = None
    code: str | None = None
    detail: str | None = None
    retry_after: float | None = None
    in_doubt: bool = False
    fault: bool | None = None
    hold: float | None = None


class Recorded(msgspec.Struct, frozen=True):
    """A message after the outcome of its send was stored; `frees` tells that other sends may have waited for it."""

    message: Message
    frees: bool


class KeptAnswer(msgspec.Struct, frozen=True):
    """How a request with an Idempotency-Key was answered: its HTTP status, headers that matter, and body."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class SendStore(Protocol):
    """Keeps messages on their way out, and the answers to requests that have a key."""

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
        """Commit a pending message and its outbox row.

        `idempotency_key` is (principal, key): the same key gives the first message again; with another
        `fingerprint` it raises IdempotencyMismatch. The row is claimed for `owner`, if there is one, at once unless
        an older send of this conversation waits, its session is not connected, or is at its pace or paused. `budget` is
        for automatic messages: beyond it raises OverBudget. Raises ConversationNotFound, MessageNotFound (the quoted
        one).
        """
        ...

    async def known_send(
        self, tenant_id: str, idempotency_key: tuple[str, str], fingerprint: str = ""
    ) -> Message | None:
        """Return the message that was queued under a key, None for a new one. Raises IdempotencyMismatch."""
        ...

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
        """Take up to `limit` sends that are due, at most one per conversation: the oldest of each tenant in turn.

        With `share` a tenant has no more than so many, those counted in that are `taken` already.

        Sends whose time is over become `expired`; sends whose lease ran out while they were in flight become
        `unknown`, for whether they went out is not known. `resend` names the connectors whose service sends
        nothing a second time that has the same client message id: theirs are made again instead, in time.
        """
        ...

    async def record_outcome(self, item: OutboxItem, owner: str, outcome: Outcome) -> Recorded:
        """Store how a send went: the status moves up only, parked statuses of its native id are applied.

        Does nothing but read the message when the lease is no longer `owner`'s. What it says of the service
        pauses the session's sends, or opens them again.
        """
        ...

    async def unknown_sends(self, limit: int = 100, *, ended_after: datetime | None = None) -> list[UnknownSend]:
        """List sends whose outcome is not known, oldest first."""
        ...

    async def record_found(self, send: UnknownSend, found: SendResult) -> Message:
        """Settle a send that a look-up proved to have gone out. Raises MessageNotFound."""
        ...

    async def resolve_message(self, tenant_id: str, message_id: str, status: str) -> Message:
        """Settle an `unknown` message as `sent` by a person's word, or cancel a queued one as `cancelled`.

        Raises MessageNotFound, Conflict.
        """
        ...

    # requests with an Idempotency-Key
    async def begin_request(self, tenant_id: str, principal: str, key: str, fingerprint: str) -> KeptAnswer | None:
        """Take a key for a request that begins; returns the first answer where it was answered before.

        Raises IdempotencyMismatch when the key was used for another request, RequestInProgress while the first one
        runs: until it ends, at most for 90 s, after which its process must have died.
        """
        ...

    async def end_request(self, tenant_id: str, principal: str, key: str, answer: KeptAnswer | None) -> None:
        """Keep the answer of a request for 24 hours; without one the key is free again."""
        ...
