"""DatabaseStore: the Store port over SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from fivapp_whatsapp.errors import ConversationNotFound, MessageNotFound, TenantNotFound
from fivapp_whatsapp.models import (
    Account,
    Author,
    Contact,
    Conversation,
    ConversationPatch,
    Event,
    Group,
    Media,
    Message,
    MessageStatus,
    OutgoingMessage,
    Page,
    QuickReply,
    Role,
    Session,
    SessionUpdate,
    StatusChange,
    Tenant,
    WebhookEvent,
    now_ms,
    to_datetime,
)
from fivapp_whatsapp.ports import (
    Claimed,
    ConversationFilter,
    EventPage,
    LogState,
    Metrics,
    NoMetrics,
    OutboxItem,
    Outcome,
    Quarantined,
    Queued,
    Receipt,
    StoreCheck,
    UnknownSend,
)

from . import convert
from .changes import LOOK_SECONDS, Changes
from .claims import Claims
from .engine import PostgresEngine, ServerLock, check_durability, make_engine
from .migrate import migrate, pending
from .operations import conversations as conversation_ops
from .operations import outcomes, receiving, sending, tenants
from .operations import sessions as session_ops
from .operations.claiming import ClaimSends
from .operations.groups import GROUP
from .operations.media import SetMedia
from .operations.quick_replies import SetQuickReplies
from .operations.upkeep import Forget, LogNotification
from .plugin_queries import PluginQueries
from .plugin_store import PluginTables
from .postgres_writer import PostgresWriterDatabase
from .queries import Queries
from .refusals import translate_refusals
from .rows import ConversationRow, EventRow, MessageRow, QuickRepliesRow, SessionRow
from .sqlite import BUSY_SECONDS
from .sqlite_writer import SQLiteWriterDatabase
from .writer import Writer

_decode = msgspec.json.decode
_QUARANTINED = "SELECT count(*) AS n FROM fivapp_quarantine WHERE state = 'waiting'"
_OUTBOX = "SELECT count(*) AS n FROM fivapp_outbox WHERE state IN ('queued', 'sending')"
_UNKNOWN = "SELECT count(*) AS n FROM fivapp_outbox WHERE state = 'lost'"
_WAKE_AT_ONCE = 200


class DatabaseStore(PluginTables):
    """Keeps everything in one database. `server` takes the lock that refuses a second server on one SQLite file.

    Short commands use `server=False`: they write beside a running server, which notices within a second.
    `busy_seconds` is how long a write waits for another process that writes to the SQLite file, `look_seconds`
    how long a change of another process that was not told may stay unseen.
    """

    def __init__(
        self,
        url: str,
        *,
        metrics: Metrics | None = None,
        pending_limit: int = 10_000,
        server: bool = True,
        busy_seconds: float = BUSY_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._engine = make_engine(url)
        self._metrics = metrics or NoMetrics()
        self._read = Queries(self._engine)
        self._plugins = PluginQueries(self._read)
        self._claims = Claims(postgresql=isinstance(self._engine, PostgresEngine))
        self._changes = Changes(self._read.heads, look_seconds=look_seconds)
        self._lock: ServerLock | None = None
        if isinstance(self._engine, PostgresEngine):
            self._database = PostgresWriterDatabase(self._engine)
        else:
            self._database = SQLiteWriterDatabase(self._engine.path, busy_seconds=busy_seconds)
            self._lock = ServerLock(self._engine.path) if server else None
        self._writer = Writer(
            self._database, metrics=self._metrics, pending_limit=pending_limit, on_commit=self._changes.publish
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._tenants_of_sessions: dict[str, str] = {}

    # --- running -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the database, migrate it, start the writer. Raises StoreLocked, StoreUnavailable."""
        if self._lock is not None:
            self._lock.acquire()
        try:
            await migrate(self._engine)
            await self._engine.start_connection_pool()
            if isinstance(self._database, SQLiteWriterDatabase):
                await self._database.start()
            self._changes.publish(await self._read.heads())
            self._tenants_of_sessions = {row.id: row.tenant_id for row in await self._read.sessions()}
        except BaseException:
            await self._close_database()
            raise
        self._tasks.append(asyncio.create_task(self._changes.watch(), name="changes"))
        if isinstance(self._engine, PostgresEngine):
            self._tasks.append(asyncio.create_task(self._changes.hear_postgres(self._engine), name="listen"))

    async def close(self) -> None:
        """Finish what was submitted, end all listening, and close; may be called twice, and after a failed start."""
        await self._writer.close()
        self._changes.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._close_database()

    async def _close_database(self) -> None:
        if isinstance(self._database, SQLiteWriterDatabase):
            await self._database.close()
        await self._engine.close_connection_pool()
        if self._lock is not None:
            self._lock.close()

    async def check(self) -> StoreCheck:
        """Tell how the database is. Raises StoreUnavailable."""
        durability = await check_durability(self._engine)
        missing = await pending(self._engine)
        counts = [0, 0, 0] if missing else [await self._read.count(sql) for sql in (_QUARANTINED, _OUTBOX, _UNKNOWN)]
        return StoreCheck(
            database=self._engine.engine_type,
            durable=durability.durable,
            detail=" ".join(durability.problems),
            migrations_pending=len(missing),
            quarantined=counts[0],
            outbox_waiting=counts[1],
            outbox_unknown=counts[2],
        )

    def changes(self) -> AsyncIterator[tuple[str, int]]:
        """Yield (tenant, head) after commits of any process."""
        return self._changes.listen()

    @property
    def waiting(self) -> int:
        """Return how many writes wait for a commit."""
        return self._writer.waiting

    # --- tenants and accounts ----------------------------------------------------------------------

    async def add_tenant(self, tenant_id: str, name: str) -> Tenant:
        """Add a tenant. Raises AlreadyExists."""
        return await self._writer.submit(tenants.AddTenant(tenant_id, name))

    async def tenants(self) -> list[Tenant]:
        """List all tenants by id."""
        return [convert.tenant(row) for row in await self._read.tenants()]

    async def tenant(self, tenant_id: str) -> Tenant | None:
        """Return a tenant, or None."""
        row = await self._read.tenant(tenant_id)
        return None if row is None else convert.tenant(row)

    async def suspend_tenant(self, tenant_id: str, suspended: bool) -> Tenant:
        """Suspend a tenant or lift it. Raises TenantNotFound."""
        return await self._writer.submit(tenants.SuspendTenant(tenant_id, suspended))

    async def add_account(self, tenant_id: str, login: str, name: str, role: Role, password_hash: str) -> Account:
        """Add a local account. Raises TenantNotFound, AlreadyExists."""
        return await self._writer.submit(tenants.AddAccount(tenant_id, login, name, role, password_hash))

    async def change_account(
        self,
        tenant_id: str,
        login: str,
        *,
        password_hash: str | None = None,
        role: Role | None = None,
        disabled: bool | None = None,
    ) -> Account:
        """Change a local account. Raises AccountNotFound."""
        operation = tenants.ChangeAccount(tenant_id, login, password_hash=password_hash, role=role, disabled=disabled)
        return await self._writer.submit(operation)

    async def account(self, tenant_id: str, login: str) -> tuple[Account, str] | None:
        """Return an account and its password hash, or None."""
        return await self._account(tenant_id, login=login)

    async def account_by_id(self, tenant_id: str, account_id: str) -> tuple[Account, str] | None:
        """Return an account by its id and its password hash, or None."""
        return await self._account(tenant_id, id=account_id)

    async def _account(self, tenant_id: str, **where: str) -> tuple[Account, str] | None:
        found = await self._read.accounts(tenant_id, **where)
        return (convert.account(found[0]), found[0].password_hash) if found else None

    async def quick_replies(self, tenant_id: str) -> list[QuickReply]:
        """List a tenant's quick replies, as they were set."""
        row = await self._read.row(QuickRepliesRow, self._read.equal(QuickRepliesRow, tenant_id=tenant_id))
        return [] if row is None else msgspec.json.decode(row.items, type=list[QuickReply])

    async def set_quick_replies(self, tenant_id: str, items: Sequence[QuickReply]) -> None:
        """Replace a tenant's quick replies. Raises TenantNotFound."""
        await self._writer.submit(SetQuickReplies(tenant_id, items))

    async def accounts(self, tenant_id: str) -> list[Account]:
        """List a tenant's accounts by login."""
        return [convert.account(row) for row in await self._read.accounts(tenant_id)]

    # --- sessions ----------------------------------------------------------------------------------

    async def add_session(
        self, tenant_id: str, session_id: str, name: str, connector: str, *, exists_ok: bool = True
    ) -> Session:
        """Return the session of this id, made when it is not there. Raises TenantNotFound, AlreadyExists."""
        operation = session_ops.AddSession(tenant_id, session_id, name, connector, exists_ok=exists_ok)
        session = await self._writer.submit(operation)
        self._tenants_of_sessions[session_id] = tenant_id
        return session

    async def session(self, tenant_id: str, session_id: str) -> Session | None:
        """Return a session of this tenant, or None."""
        row = await self._read.session(session_id)
        return None if row is None or row.tenant_id != tenant_id else convert.session(row)

    async def sessions(self, tenant_id: str) -> list[Session]:
        """List a tenant's sessions by id."""
        return [convert.session(row) for row in await self._read.sessions(tenant_id=tenant_id)]

    async def running_sessions(self) -> list[Session]:
        """List the sessions of all tenants whose desired state is running."""
        return [convert.session(row) for row in await self._read.sessions(desired="running")]

    async def change_session(
        self,
        tenant_id: str,
        session_id: str,
        *,
        desired: str | None = None,
        name: str | None = None,
        update: SessionUpdate | None = None,
        problem: str | msgspec.UnsetType | None = msgspec.UNSET,
        error: str | msgspec.UnsetType | None = msgspec.UNSET,
        new_epoch: bool = False,
        deleted: bool = False,
    ) -> Session:
        """Change a session. Raises SessionNotFound."""
        operation = session_ops.ChangeSession(
            tenant_id,
            session_id,
            desired=desired,
            name=name,
            update=update,
            problem=problem,
            error=error,
            new_epoch=new_epoch,
            deleted=deleted,
        )
        return await self._writer.submit(operation)

    # --- receiving -----------------------------------------------------------------------------------

    async def receive(
        self, connector: str, events: Sequence[WebhookEvent], raw: bytes, *, quarantine_id: str | None = None
    ) -> Receipt:
        """Store what one webhook tells; what names no session of ours is quarantined."""
        if not events and quarantine_id is None:
            return Receipt()
        known: list[tuple[str, WebhookEvent]] = []
        unknown: list[str] = []
        for event in events:
            tenant_id = self._tenants_of_sessions.get(event.session_id) or await self._tenant_of(event.session_id)
            if tenant_id is None:
                unknown.append(event.session_id)
            else:
                known.append((tenant_id, event))
        with translate_refusals():
            operation = receiving.Receive(connector, raw, known, unknown, settles=quarantine_id)
        return await self._writer.submit(operation)

    async def _tenant_of(self, session_id: str) -> str | None:
        row = await self._read.session(session_id)
        if row is None:
            return None
        # Whose a session is never changes; whether it is still there, the operation looks for itself.
        self._tenants_of_sessions[session_id] = row.tenant_id
        return row.tenant_id

    async def quarantine(self, connector: str, raw: bytes, reason: str) -> None:
        """Keep a body that could not be read."""
        await self._writer.submit(receiving.Quarantine(connector, raw, reason))

    async def quarantined(
        self, session_id: str | None = None, limit: int = 100, *, after: str | None = None
    ) -> list[Quarantined]:
        """List waiting quarantined bodies, oldest first."""
        return [
            Quarantined(row.id, row.connector, row.reason, row.session_id, row.raw, to_datetime(row.received_at))
            for row in await self._read.quarantined(session_id, after, limit)
        ]

    async def unknown_sends(self, limit: int = 100) -> list[UnknownSend]:
        """List sends whose outcome is not known, oldest first."""
        return [
            UnknownSend(row.tenant_id, row.session_id, row.conversation_id, row.message_id, to_datetime(row.created_at))
            for row in await self._read.lost(limit)
        ]

    # --- conversations and messages --------------------------------------------------------------------

    async def open_conversation(
        self, tenant_id: str, session_id: str, chat_id: str, title: str | None = None
    ) -> Conversation:
        """Return the conversation with a chat, made when it is not there. Raises SessionNotFound."""
        with translate_refusals():
            operation = conversation_ops.OpenConversation(tenant_id, session_id, chat_id, title)
        return await self._required_conversation(tenant_id, await self._writer.submit(operation))

    async def conversation(self, tenant_id: str, conversation_id: str) -> Conversation | None:
        """Return a conversation, or None."""
        row = await self._read.conversation(tenant_id, conversation_id)
        return None if row is None else (await self._conversations([row]))[0]

    async def conversations(self, tenant_id: str, where: ConversationFilter, before: int | None, limit: int) -> Page:
        """List conversations by their last activity, newest first."""
        seq = (await self.log_state(tenant_id)).head
        rows = await self._read.conversations(tenant_id, where, before, limit + 1, now_ms())
        cursor = str(rows[limit - 1].activity_seq) if len(rows) > limit else None
        return Page(items=await self._conversations(rows[:limit]), next_cursor=cursor, seq=seq)

    async def change_conversation(
        self, tenant_id: str, conversation_id: str, patch: ConversationPatch, by: Author
    ) -> Conversation:
        """Change a conversation. Raises ConversationNotFound, MessageNotFound."""
        read = None
        if isinstance(patch.read_up_to, str) and (row := await self._read.message(tenant_id, patch.read_up_to)):
            read = (row.conversation_id, row.seq)
        await self._writer.submit(conversation_ops.ChangeConversation(tenant_id, conversation_id, patch, read))
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
        self, tenant_id: str, conversation_id: str, text: str, author: Author, *, system: bool = False
    ) -> Message:
        """Add a note or a system line. Raises ConversationNotFound."""
        operation = conversation_ops.AddNote(tenant_id, conversation_id, text, author, system=system)
        return await self._writer.submit(operation)

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

    async def _conversations(self, rows: Sequence[ConversationRow]) -> list[Conversation]:
        last = await self._read.last_messages(rows)
        return [convert.conversation(row, last.get(row.last_message_id or "")) for row in rows]

    async def _required_conversation(self, tenant_id: str, conversation_id: str) -> Conversation:
        found = await self.conversation(tenant_id, conversation_id)
        if found is None:
            raise ConversationNotFound
        return found

    # --- sending ---------------------------------------------------------------------------------------

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

    # --- the event log -----------------------------------------------------------------------------------

    async def log_state(self, tenant_id: str) -> LogState:
        """Return where a tenant's log stands. Raises TenantNotFound."""
        state = await self._read.log_state(tenant_id)
        if state is None:
            raise TenantNotFound
        cursor, oldest = state
        return LogState(epoch=str(cursor.epoch), head=cursor.seq, oldest=oldest)

    async def events(self, tenant_id: str, after: int, limit: int) -> EventPage:
        """Return events after a seq, oldest first, with the objects as they are now."""
        rows = await self._read.events(tenant_id, after, limit)
        contents = await self._contents(rows)
        events = [
            Event(
                seq=row.seq,
                type=row.type,
                at=to_datetime(row.at),
                conversation_id=row.conversation_id,
                data=_data(row, contents.get(_subject(row))),
            )
            for row in rows
        ]
        # A page that is not full ends at the head.
        head = rows[-1].seq if rows and len(rows) < limit else await self._read.head(tenant_id)
        return EventPage(events, head)

    async def _contents(self, rows: Sequence[EventRow]) -> dict[tuple[str, str], Any]:
        """Read the objects that events are about, each once."""
        subjects = {_subject(row) for row in rows}
        ids = {kind: [key for k, key in subjects if k == kind] for kind in ("message", "conversation", "session")}
        contents: dict[tuple[str, str], Any] = {}
        for key, message in (await self._read.by_ids(MessageRow, ids["message"])).items():
            contents["message", key] = convert.message(message)
        conversations = list((await self._read.by_ids(ConversationRow, ids["conversation"])).values())
        for conversation in await self._conversations(conversations):
            contents["conversation", conversation.id] = conversation
        for key, session in (await self._read.by_ids(SessionRow, ids["session"])).items():
            contents["session", key] = convert.session(session)
        return contents

    async def notify(self, tenant_id: str, notification: Mapping[str, Any]) -> None:
        """Log a `notification` event."""
        await self._writer.submit(LogNotification(tenant_id, notification))

    async def forget_old(self, events_before: datetime) -> int:
        """Drop what is out of its time."""
        forget, count = Forget(convert.to_ms(events_before)), 0
        for tenant_id in await self._database.transact(forget.tenants):
            more = True
            while more:
                gone, more = await self._database.transact(partial(forget.events, tenant_id))
                count += gone
        while await self._database.transact(forget.rest):
            pass
        return count


def _subject(row: EventRow) -> tuple[str, str]:
    kind = "conversation" if row.type == GROUP else row.type.partition(".")[0]
    key = {"message": row.message_id, "conversation": row.conversation_id, "session": row.session_id}.get(kind)
    return kind, key or ""


def _data(row: EventRow, subject: Any) -> Any:
    """Return what browsers get of an event: the object as it is now, or the facts that the event itself keeps."""
    if row.data is None:
        return subject
    facts = _decode(row.data)
    if row.type == GROUP and isinstance(subject, Conversation):
        facts = Group(chat_id=subject.chat_id, conversation_id=subject.id, subject=subject.title, **facts)
    return facts
