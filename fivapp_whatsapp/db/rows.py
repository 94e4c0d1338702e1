"""The tables' rows, in the order of their columns in tables.py (a test holds the two together).

What is seldom there stands last with None as its default, and is left out of what PostgreSQL is sent.
"""

from __future__ import annotations

from typing import ClassVar

from .plugin_rows import PLUGIN_ROWS
from .row import Row


class TenantRow(Row):
    """A company."""

    table: ClassVar[str] = "fivapp_tenant"
    primary_key: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    name: str
    suspended: bool
    created_at: int


class CursorRow(Row):
    """The head of a tenant's event log; its lock is what makes `seq` gap-free."""

    table: ClassVar[str] = "fivapp_tenant_cursor"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id",)

    tenant_id: str
    seq: int
    epoch: int


class AccountRow(Row):
    """A local account."""

    table: ClassVar[str] = "fivapp_account"
    primary_key: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    tenant_id: str
    login: str
    name: str
    role: str
    password_hash: str
    disabled: bool
    created_at: int


class SessionRow(Row, omit_defaults=True):
    """One WhatsApp login."""

    table: ClassVar[str] = "fivapp_session"
    primary_key: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    tenant_id: str
    name: str
    connector: str
    desired: str
    status: str
    problem: str | None
    phone: str | None
    profile_name: str | None
    epoch: int
    error: str | None
    status_at: int
    last_seen_at: int | None
    created_at: int
    deleted: bool
    restricted_until: int | None = None


class ContactRow(Row):
    """A person."""

    table: ClassVar[str] = "fivapp_contact"
    primary_key: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    tenant_id: str
    name: str | None
    phone: str | None
    created_at: int
    updated_at: int


class AliasRow(Row):
    """One address of a person."""

    table: ClassVar[str] = "fivapp_contact_alias"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id", "address_key")

    tenant_id: str
    address_key: str
    address: str
    contact_id: str
    created_at: int


class ConversationRow(Row, omit_defaults=True):
    """What is kept about one chat in one session."""

    table: ClassVar[str] = "fivapp_conversation"
    primary_key: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    tenant_id: str
    session_id: str
    chat_id: str
    contact_id: str | None
    title: str
    search_title: str
    is_group: bool
    status: str
    snoozed_until: int | None
    unread_count: int
    last_message_id: str | None
    activity_seq: int
    read_seq: int
    read_up_to: str | None
    assignee_id: str | None
    labels: str
    waiting_since: int | None
    answered_by: str
    paused_until: int | None
    created_at: int
    group_bots: str | None = None


class MessageRow(Row, omit_defaults=True):
    """One message."""

    table: ClassVar[str] = "fivapp_message"
    primary_key: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    tenant_id: str
    session_id: str
    conversation_id: str
    native_id: str | None
    seq: int
    direction: str
    kind: str
    status: str
    text: str | None
    author_kind: str
    author_id: str | None
    author_name: str | None
    media: str | None
    quoted_message_id: str | None
    quoted_native_id: str | None
    retry_of: str | None
    error_code: str | None
    error_detail: str | None
    at: int
    received_at: int
    choices: str | None = None
    choice: str | None = None
    idempotency_key: str | None = None


class MessageStatusRow(Row):
    """One step in a message's life."""

    table: ClassVar[str] = "fivapp_message_status"
    primary_key: ClassVar[tuple[str, ...]] = ("message_id", "status")

    message_id: str
    status: str
    tenant_id: str
    at: int
    received_at: int
    error_code: str | None
    error_detail: str | None


class ParkedStatusRow(Row):
    """A status that came before its message's native id was known."""

    table: ClassVar[str] = "fivapp_parked_status"
    primary_key: ClassVar[tuple[str, ...]] = ("session_id", "native_id", "status")

    session_id: str
    native_id: str
    status: str
    tenant_id: str
    at: int | None
    received_at: int
    error_code: str | None
    error_detail: str | None


class EventRow(Row, omit_defaults=True):
    """One thing that happened: ids and small facts, never texts."""

    table: ClassVar[str] = "fivapp_event"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id", "seq")

    tenant_id: str
    seq: int
    type: str
    conversation_id: str | None
    message_id: str | None
    session_id: str | None
    data: str | None
    at: int
    was: str | None = None
    reached: str | None = None


class QuarantineRow(Row):
    """A webhook's body that was not understood."""

    table: ClassVar[str] = "fivapp_quarantine"
    primary_key: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    connector: str
    session_id: str | None
    reason: str
    raw: bytes
    state: str
    attempts: int
    received_at: int


class WebhookBatchRow(Row):
    """The bodies of the webhooks that shared a commit, packed as vault.py does."""

    table: ClassVar[str] = "fivapp_webhook_batch"
    primary_key: ClassVar[tuple[str, ...]] = ("id",)

    id: str
    received_at: int
    count: int
    bodies: bytes


class OutboxRow(Row):
    """A send that has not ended."""

    table: ClassVar[str] = "fivapp_outbox"
    primary_key: ClassVar[tuple[str, ...]] = ("message_id",)

    message_id: str
    tenant_id: str
    session_id: str
    conversation_id: str
    seq: int
    state: str
    attempt: int
    not_before: int
    expires_at: int
    lease_owner: str | None
    lease_until: int | None
    created_at: int
    in_doubt: bool = False


class SendGateRow(Row, omit_defaults=True):
    """When a session may send next, and how many of its sends in a row the connection service did not answer."""

    table: ClassVar[str] = "fivapp_send_gate"
    primary_key: ClassVar[tuple[str, ...]] = ("session_id",)

    session_id: str
    tenant_id: str
    paced_until: int
    held_until: int
    failures: int
    failing_since: int | None = None


class SessionPulseRow(Row):
    """When a session was last heard of and what it sent since; 0 where that never was."""

    table: ClassVar[str] = "fivapp_session_pulse"
    primary_key: ClassVar[tuple[str, ...]] = ("session_id",)

    session_id: str
    tenant_id: str
    heard_at: int
    told_at: int
    sent_at: int


class IdempotencyRow(Row, omit_defaults=True):
    """What an Idempotency-Key was used for: a send's message, or another request's answer in JSON once it has one."""

    table: ClassVar[str] = "fivapp_idempotency_key"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id", "principal", "route", "key")

    tenant_id: str
    principal: str
    route: str
    key: str
    fingerprint: str
    message_id: str
    created_at: int
    expires_at: int
    answer: str | None = None


class SpentTokenRow(Row):
    """A ticket that was used, or a login that was ended, before its time."""

    table: ClassVar[str] = "fivapp_spent_token"
    primary_key: ClassVar[tuple[str, ...]] = ("mark",)

    mark: str
    until: int


class FailedLoginRow(Row):
    """When an address has all its tries to log in again: each failure puts that off."""

    table: ClassVar[str] = "fivapp_failed_login"
    primary_key: ClassVar[tuple[str, ...]] = ("address",)

    address: str
    full_at: int


class QuickRepliesRow(Row):
    """A tenant's quick replies; `items` is a JSON list."""

    table: ClassVar[str] = "fivapp_quick_replies"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id",)

    tenant_id: str
    items: str
    updated_at: int


class SeenUserRow(Row):
    """A user of the main application who came by."""

    table: ClassVar[str] = "fivapp_seen_user"
    primary_key: ClassVar[tuple[str, ...]] = ("tenant_id", "user_id")

    tenant_id: str
    user_id: str
    name: str
    role: str
    seen_at: int


ROWS: tuple[type[Row], ...] = (
    TenantRow,
    CursorRow,
    AccountRow,
    SessionRow,
    ContactRow,
    AliasRow,
    ConversationRow,
    MessageRow,
    MessageStatusRow,
    ParkedStatusRow,
    EventRow,
    QuarantineRow,
    WebhookBatchRow,
    OutboxRow,
    SendGateRow,
    SessionPulseRow,
    IdempotencyRow,
    SpentTokenRow,
    FailedLoginRow,
    QuickRepliesRow,
    SeenUserRow,
    *PLUGIN_ROWS,
)
