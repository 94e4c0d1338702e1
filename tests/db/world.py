"""Words for the store's tests: what a webhook tells, what a person sends, and what is seen of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from fivapp_whatsapp.db.engine import PostgresEngine, make_engine, pg_connection
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import (
    Author,
    Conversation,
    ConversationPatch,
    Event,
    IncomingMessage,
    Message,
    MessageError,
    MessageStatus,
    OutgoingMessage,
    SessionStatus,
    SessionUpdate,
    StatusUpdate,
    WebhookEvent,
)
from fivapp_whatsapp.ports import ConversationFilter, OutboxItem, Outcome, Queued, Receipt

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANA = "5511988887777@c.us"
BIA = "5521977776666@c.us"
GROUP = "120363020000000000@g.us"
AGENT = Author(kind="agent", id="u1", name="Bea")
OWNER = "process-1"


async def add_connected(store: DatabaseStore, tenant_id: str = "acme", session_id: str | None = None) -> None:
    """Give a tenant a session that is connected."""
    session_id = session_id or tenant_id
    if await store.tenant(tenant_id) is None:
        await store.add_tenant(tenant_id, tenant_id.title())
    await store.add_session(tenant_id, session_id, "Sales", "connection_service")
    await store.change_session(
        tenant_id,
        session_id,
        desired="running",
        update=SessionUpdate(session_id=session_id, status=SessionStatus.CONNECTED, phone="5511900000000"),
    )


def incoming(
    native_id: str, text: str | None = "Oi", *, chat: str = ANA, session: str = "acme", **more: Any
) -> IncomingMessage:
    """Make a message of a contact."""
    return IncomingMessage(
        **{
            "session_id": session,
            "native_id": native_id,
            "chat_id": chat,
            "sender": chat,
            "sender_name": "Ana",
            "text": text,
            "at": AT,
        }
        | more
    )


def echo(native_id: str, text: str | None, **more: Any) -> IncomingMessage:
    """Make the event of a message that went out from the paired phone's account."""
    return incoming(native_id, text, from_me=True, sender_name=None, **{"sender": "5511900000000@c.us"} | more)


def status(value: MessageStatus, native_id: str | None = None, *, session: str = "acme", **more: Any) -> StatusUpdate:
    """Make a message's status."""
    return StatusUpdate(**{"session_id": session, "status": value, "native_id": native_id, "at": AT} | more)


def news(value: SessionStatus, *, session: str = "acme", **more: Any) -> SessionUpdate:
    """Make a session's status."""
    return SessionUpdate(session_id=session, status=value, **more)


def problem(code: str = "131026", detail: str = "not on WhatsApp") -> MessageError:
    """Make an error of a send."""
    return MessageError(code=code, detail=detail)


async def receive(store: DatabaseStore, *events: WebhookEvent, raw: bytes = b"{}") -> Receipt:
    """Let a webhook tell these events."""
    return await store.receive("connection_service", events, raw)


async def send(
    store: DatabaseStore,
    conversation: Conversation,
    text: str = "Olá",
    *,
    tenant: str = "acme",
    key: tuple[str, str] | None = None,
    fingerprint: str = "f",
    expires_in: float = 600,
    lease: float = 30,
    owner: str | None = OWNER,
    **content: Any,
) -> Queued:
    """Queue a message to a conversation."""
    return await store.queue_message(
        tenant,
        conversation,
        OutgoingMessage(text=text, **content),
        AGENT,
        owner=owner,
        lease_seconds=lease,
        expires_at=datetime.now(UTC) + timedelta(seconds=expires_in),
        idempotency_key=key,
        fingerprint=fingerprint,
    )


async def sent(store: DatabaseStore, conversation: Conversation, native_id: str, text: str = "Olá") -> Message:
    """Send a message that the connection service accepts."""
    return await accept(store, (await send(store, conversation, text)).item, native_id)


async def accept(store: DatabaseStore, item: OutboxItem | None, native_id: str | None = None) -> Message:
    """Let the connection service accept a send."""
    return await outcome(store, item, "accepted", native_id=native_id, at=AT)


async def outcome(store: DatabaseStore, item: OutboxItem | None, kind: str, **more: Any) -> Message:
    """Let a send end."""
    assert item is not None
    return (await store.record_outcome(item, OWNER, Outcome(kind=kind, **more))).message


async def claim(
    store: DatabaseStore, *, owner: str = OWNER, limit: int = 10, lease: float = 30, **more: Any
) -> list[OutboxItem]:
    """Take what is due."""
    return list((await store.claim_sends(owner, limit, lease, **more)).items)


async def chat(
    store: DatabaseStore, address: str = ANA, *, tenant: str = "acme", session: str | None = None
) -> Conversation:
    """Return the conversation with an address."""
    return await store.open_conversation(tenant, session or tenant, address)


async def chats(store: DatabaseStore, tenant: str = "acme", **where: Any) -> list[Conversation]:
    """List conversations."""
    return list((await store.conversations(tenant, ConversationFilter(**where), None, 200)).items)


async def thread(store: DatabaseStore, conversation: Conversation, tenant: str = "acme") -> list[Message]:
    """List a conversation's messages, newest first."""
    return list((await store.messages(tenant, conversation.id, None, 200)).items)


async def change(store: DatabaseStore, conversation: Conversation, **patch: Any) -> Conversation:
    """Change a conversation."""
    return await store.change_conversation("acme", conversation.id, ConversationPatch(**patch), AGENT)


async def log(store: DatabaseStore, after: int = 0, tenant: str = "acme") -> list[Event]:
    """Read a tenant's log."""
    return list((await store.events(tenant, after, 1000)).events)


async def head(store: DatabaseStore, tenant: str = "acme") -> int:
    """Return the head of a tenant's log."""
    return (await store.log_state(tenant)).head


async def run_sql(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement from outside of the store."""
    engine = make_engine(url)
    if isinstance(engine, PostgresEngine):
        async with pg_connection(engine) as connection:
            return [tuple(row) for row in await connection.fetch(sql)]
    with closing(sqlite3.connect(engine.path, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)
