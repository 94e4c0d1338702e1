"""The seams: what the gateway needs of a connection service, a database, a clock and a counter.

Bridges in connectors/, db/ and metrics.py implement these; the core knows nothing else of them. Times at
these seams are datetimes with zone UTC, ids are text.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from .models import (
    Account,
    Author,
    Contact,
    Conversation,
    ConversationPatch,
    Event,
    FoundPage,
    Group,
    Media,
    Message,
    OutgoingMessage,
    Page,
    QuickReply,
    Role,
    SendResult,
    Session,
    SessionUpdate,
    StatusChange,
    Tenant,
    WebhookEvent,
)
from .plugin_ports import Limits, PluginStore


class Clock(Protocol):
    """Tells the time where time decides."""

    def now(self) -> datetime:
        """Return the UTC time."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so long, by this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the UTC time."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait so long."""
        await asyncio.sleep(seconds)


# --- the connection service ----------------------------------------------------------------------


class OutgoingSend(msgspec.Struct, frozen=True, kw_only=True):
    """What a connector is asked to send: one stored message to one address."""

    session_id: str
    to: str
    client_message_id: str
    message: OutgoingMessage
    quoted_native_id: str | None = None


class MediaStream(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it comes: what its sender says of it, and its bytes in pieces."""

    mime_type: str | None
    size: int | None
    pieces: AsyncIterator[bytes]


class Connector(Protocol):
    """Our adapter to one kind of connection service.

    Every call ends within its deadline and raises only ConnectorError: ConnectorUnavailable when nothing
    was done, ConnectorRejected for a final no, OutcomeUnknown when a send may have taken effect.
    """

    name: str

    async def capabilities(self) -> frozenset[str]:
        """Return what the service can do beyond text.

        Of: `media`, `quote`, `idempotent_send`, `lookup`, `typing`, `groups`, `pairing_code`, `buttons`, `list`.
        """
        ...

    async def start_session(self, session_id: str, name: str) -> SessionUpdate:
        """Start a session; the QR may come with the answer or only later, by `session_status`."""
        ...

    async def session_status(self, session_id: str) -> SessionUpdate:
        """Ask for a session's status; an unknown session is `disconnected`. `qr_code` is a data URL."""
        ...

    async def stop_session(self, session_id: str) -> None:
        """End a session; one that is not there is no error."""
        ...

    async def pairing_code(self, session_id: str, phone: str) -> str:
        """Ask for a code to type on the phone, where `pairing_code` is a capability; `phone` is an address."""
        ...

    async def send(self, send: OutgoingSend) -> SendResult:
        """Send one message."""
        ...

    async def find_sent(self, session_id: str, client_message_id: str) -> SendResult | None:
        """Look up a send by our id, where `lookup` is a capability; None when it never arrived."""
        ...

    async def typing(self, session_id: str, to: str, on: bool) -> None:
        """Show or hide "typing…" in a chat, where `typing` is a capability."""
        ...

    async def groups(self, session_id: str) -> list[Group]:
        """List the groups that a session is in, where `groups` is a capability; members may be missing."""
        ...

    async def group(self, session_id: str, chat_id: str) -> Group | None:
        """Return one group with its members, where `groups` is a capability; None when the session is not in it."""
        ...

    def fetch_media(self, url: str) -> AbstractAsyncContextManager[MediaStream]:
        """Open the file of an incoming message: `async with connector.fetch_media(url) as file:`.

        A path, or an address of the service itself, is asked with our key; any other is fetched as from the public
        internet, by the guarded client. Raises ConnectorUnavailable (try again later), ConnectorRejected with the
        reason `gone` or `address_refused`.
        """
        ...

    def verify_webhook(self, key: str | None, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell, in constant time, whether a webhook is from our service; `key` is what its header or URL gave."""
        ...

    def decode_webhook(self, body: bytes) -> list[WebhookEvent]:
        """Read a webhook's body. Raises UnreadableWebhook for a body that says nothing we know."""
        ...

    async def check(self) -> None:
        """Raise ConnectorError unless the service answers and takes our key."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


# --- the database --------------------------------------------------------------------------------


class Receipt(msgspec.Struct, frozen=True):
    """What became of one webhook: counts of its events."""

    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    statuses: int = 0


class Quarantined(msgspec.Struct, frozen=True):
    """A webhook's body that waits until it can be read, or until its session is known."""

    id: str
    connector: str
    reason: str
    session_id: str | None
    raw: bytes
    received_at: datetime


class KeptWebhooks(msgspec.Struct, frozen=True):
    """Bodies of webhooks as they came, but for secrets, each with its connector's name: those of one commit."""

    id: str
    received_at: datetime
    bodies: Sequence[tuple[str, bytes]]


class VaultState(msgspec.Struct, frozen=True):
    """How many webhooks are kept as they came, in how many bytes, and since when."""

    bodies: int
    size: int
    oldest: datetime | None


class UnknownSend(msgspec.Struct, frozen=True):
    """A message that may have gone out or not, in doubt since `ended_at`: unless it is proved, a person decides."""

    tenant_id: str
    session_id: str
    connector: str
    conversation_id: str
    message_id: str
    queued_at: datetime
    ended_at: datetime


class PulseNote(msgspec.Struct, frozen=True):
    """What is new of a session: when it was heard of by webhook, told of a send by one, and when it sent."""

    session_id: str
    heard_at: datetime | None = None
    told_at: datetime | None = None
    sent_at: datetime | None = None


class SessionHealth(msgspec.Struct, frozen=True):
    """What is known of a session beside its status.

    `heard_at` is its last webhook, `told_at` the last one about a send of ours, `sent_at` the first send that was
    accepted since it was heard of. `failing_since` is set while the service answers none of its sends.
    """

    heard_at: datetime | None = None
    told_at: datetime | None = None
    sent_at: datetime | None = None
    failing_since: datetime | None = None


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


class KeptAnswer(msgspec.Struct, frozen=True):
    """How a request with an Idempotency-Key was answered: its HTTP status, headers that matter, and body."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


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


class EventPage(msgspec.Struct, frozen=True):
    """Events after a cursor, oldest first, and the head of the log when they were read."""

    events: Sequence[Event]
    head: int


class LogState(msgspec.Struct, frozen=True):
    """A tenant's event log: its epoch changes when the log was replaced; `oldest` is the first seq still kept."""

    epoch: str
    head: int
    oldest: int


class StoreCheck(msgspec.Struct, frozen=True):
    """What `doctor` and readiness want to know of the database."""

    database: str
    durable: bool
    detail: str
    migrations_pending: int
    quarantined: int
    outbox_waiting: int
    outbox_unknown: int


class Store(PluginStore, Protocol):
    """Everything that is kept. All writes go through one group commit; an answer means it is on disk.

    Raises StoreUnavailable when the database does not answer (nothing was stored), Overloaded when too
    many writes wait. A tenant only ever sees its own objects: others do not exist.
    """

    async def start(self) -> None:
        """Open the database, migrate it, start the writer."""
        ...

    async def close(self) -> None:
        """Finish what was submitted and close."""
        ...

    async def check(self) -> StoreCheck:
        """Tell how the database is."""
        ...

    def changes(self) -> AsyncIterator[tuple[str, int]]:
        """Yield (tenant, head) after each commit of any process; a wake-up may be late by a second, none is lost."""
        ...

    async def pass_on(self, tenant_id: str, text: str) -> None:
        """Tell all processes a few words that are kept nowhere, 4,000 bytes at most; who does not hear missed them."""
        ...

    def hear(self, listener: Callable[[str, str], None]) -> None:
        """Call a listener with the tenant and the words that any process passes on."""
        ...

    # tenants and accounts
    async def add_tenant(self, tenant_id: str, name: str) -> Tenant:
        """Add a tenant. Raises AlreadyExists."""
        ...

    async def tenants(self) -> list[Tenant]:
        """List all tenants by id."""
        ...

    async def tenant(self, tenant_id: str) -> Tenant | None:
        """Return a tenant, or None."""
        ...

    async def suspend_tenant(self, tenant_id: str, suspended: bool) -> Tenant:
        """Suspend a tenant or lift it. Raises TenantNotFound."""
        ...

    async def add_account(self, tenant_id: str, login: str, name: str, role: Role, password_hash: str) -> Account:
        """Add a local account. Raises TenantNotFound, AlreadyExists."""
        ...

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
        ...

    async def account(self, tenant_id: str, login: str) -> tuple[Account, str] | None:
        """Return an account and its password hash, or None."""
        ...

    async def account_by_id(self, tenant_id: str, account_id: str) -> tuple[Account, str] | None:
        """Return an account by its id and its password hash, or None."""
        ...

    async def accounts(self, tenant_id: str) -> list[Account]:
        """List a tenant's accounts by login."""
        ...

    # logins, for all processes
    async def spend_token(self, mark: str, until: datetime) -> bool:
        """Use a token up for good, by a mark that stands for it; False when it was used up before.

        The mark is kept until the token's own end.
        """
        ...

    async def is_spent(self, mark: str) -> bool:
        """Tell whether a token was used up."""
        ...

    async def note_failed_login(self, address: str, now: datetime, interval: timedelta) -> datetime:
        """Count a failed login of an address: it has all its tries again one `interval` later; returns when."""
        ...

    async def logins_full_at(self, address: str) -> datetime | None:
        """Return when an address has all its tries to log in again; None when nothing is known against it."""
        ...

    async def quick_replies(self, tenant_id: str) -> list[QuickReply]:
        """List a tenant's quick replies, as they were set."""
        ...

    async def set_quick_replies(self, tenant_id: str, items: Sequence[QuickReply]) -> None:
        """Replace a tenant's quick replies. Raises TenantNotFound."""
        ...

    # sessions
    async def add_session(
        self, tenant_id: str, session_id: str, name: str, connector: str, *, exists_ok: bool = True
    ) -> Session:
        """Return the session of this id, made when it is not there. Emits session.updated when made.

        Raises TenantNotFound, and AlreadyExists unless `exists_ok`.
        """
        ...

    async def session(self, tenant_id: str, session_id: str) -> Session | None:
        """Return a session of this tenant, or None."""
        ...

    async def sessions(self, tenant_id: str) -> list[Session]:
        """List a tenant's sessions by id."""
        ...

    async def running_sessions(self) -> list[Session]:
        """List the sessions of all tenants whose desired state is running."""
        ...

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
        """Change a session; emits session.updated only when something that a browser sees changed.

        `update` of a session whose desired state is stopped cannot bring it back to life. Raises
        SessionNotFound.
        """
        ...

    async def note_pulses(self, notes: Sequence[PulseNote]) -> None:
        """Keep when sessions were heard of and sent, where that is newer than what is known."""
        ...

    async def session_health(self, session_id: str) -> SessionHealth:
        """Return what is known of a session beside its status."""
        ...

    # receiving
    async def receive(
        self,
        connector: str,
        events: Sequence[WebhookEvent],
        raw: bytes,
        *,
        quarantine_id: str | None = None,
        replay: bool = False,
    ) -> Receipt:
        """Store what one webhook tells, in one transaction with its dedupe marks and events; answers after the commit.

        Events that name no session of ours are quarantined (the raw body, once), never an error. With
        `quarantine_id` the body comes out of quarantine: it is marked as processed when every session is known.
        A `replay` is of a body that was kept: it is neither kept again nor quarantined.
        """
        ...

    async def quarantine(self, connector: str, raw: bytes, reason: str) -> None:
        """Keep a body that could not be read."""
        ...

    async def quarantined(
        self, session_id: str | None = None, limit: int = 100, *, after: str | None = None
    ) -> list[Quarantined]:
        """List waiting quarantined bodies, oldest first; with `session_id` those that may name it.

        `after` is the id of the last one that was seen.
        """
        ...

    async def kept_webhooks(
        self, since: datetime, until: datetime, limit: int = 50, *, after: str | None = None
    ) -> list[KeptWebhooks]:
        """List bodies that were kept as they came, oldest first; `after` is the id of the last that was seen."""
        ...

    async def vault_state(self) -> VaultState:
        """Tell how much is kept of webhooks as they came."""
        ...

    # conversations and messages
    async def open_conversation(
        self, tenant_id: str, session_id: str, chat_id: str, title: str | None = None
    ) -> Conversation:
        """Return the conversation with a chat, made when it is not there. Raises SessionNotFound."""
        ...

    async def conversation(self, tenant_id: str, conversation_id: str) -> Conversation | None:
        """Return a conversation, or None."""
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

    # sending
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

    async def record_outcome(self, item: OutboxItem, owner: str, outcome: Outcome) -> Message:
        """Store how a send went: the status moves up only, parked statuses of its native id are applied.

        Does nothing but return the message when the lease is no longer `owner`'s. What it says of the service
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

    # the event log
    async def log_state(self, tenant_id: str) -> LogState:
        """Return where a tenant's log stands."""
        ...

    async def events(self, tenant_id: str, after: int, limit: int) -> EventPage:
        """Return events with seq above `after`, oldest first, contents read from the rows as they are now."""
        ...

    async def notify(self, tenant_id: str, notification: Mapping[str, Any]) -> None:
        """Log a `notification` event: `{code, detail, sessionId?}`, small facts for people."""
        ...

    async def forget_old(self, events_before: datetime, *, webhooks_before: datetime | None = None) -> int:
        """Drop events, keys, parked statuses, marks, state and failures out of their time; returns how many events.

        `webhooks_before` is the same for webhooks kept as they came, unless it is given.
        """
        ...


# --- counters --------------------------------------------------------------------------------------


class Metrics(Protocol):
    """Where counts and times go; a name here is a metric in docs/metrics.md."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add a value (seconds, or a size) to a histogram."""
        ...

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        ...

    def declare(self, name: str, kind: Literal["counter", "histogram"]) -> bool:
        """Make a metric of a plugin's own, without labels; False when it cannot be counted."""
        ...


class NoMetrics:
    """Counts nothing."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Do nothing."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Do nothing."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Do nothing."""

    def declare(self, name: str, kind: Literal["counter", "histogram"]) -> bool:
        """Do nothing."""
        return True
