"""The tables, as Piccolo classes: the one source of what is kept, for SQLite and PostgreSQL alike.

Times are whole milliseconds since 1970, UTC; ids are text; JSON is text that we encode ourselves: so every
value passes unchanged through both drivers. Where the database has a key of several columns, Piccolo is told
of the first one that it needs; the true keys and indexes stand in migrations/, and a test compares the two.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, TypeVar, cast

from piccolo.columns import BigInt, Boolean, Bytea, Integer, Text
from piccolo.table import TABLE_REGISTRY, Table

from .columns import key_column, optional_text, optional_time, text_column, time_column
from .plugin_tables import PLUGIN_TABLES

if TYPE_CHECKING:
    from .engine import Engine

T = TypeVar("T", bound=Table)


class Tenants(Table, tablename="fivapp_tenant"):
    """Companies."""

    id = key_column()
    name = text_column()
    suspended = Boolean(default=False)
    created_at = time_column()


class TenantCursors(Table, tablename="fivapp_tenant_cursor"):
    """The head of each tenant's event log; its update is the last write of a transaction."""

    tenant_id = key_column()
    seq = BigInt(default=0)
    epoch = BigInt(default=None)


class Accounts(Table, tablename="fivapp_account"):
    """Local accounts."""

    id = key_column()
    tenant_id = text_column()
    login = text_column()
    name = text_column()
    role = text_column()
    password_hash = text_column()
    disabled = Boolean(default=False)
    created_at = time_column()


class Sessions(Table, tablename="fivapp_session"):
    """WhatsApp logins."""

    id = key_column()
    tenant_id = text_column()
    name = text_column()
    connector = text_column()
    desired = text_column()
    status = text_column()
    problem = optional_text()
    phone = optional_text()
    profile_name = optional_text()
    epoch = Integer(default=0)
    error = optional_text()
    status_at = time_column()
    last_seen_at = optional_time()
    created_at = time_column()
    deleted = Boolean(default=False)
    restricted_until = optional_time()


class Contacts(Table, tablename="fivapp_contact"):
    """People behind addresses."""

    id = key_column()
    tenant_id = text_column()
    name = optional_text()
    phone = optional_text()
    created_at = time_column()
    updated_at = time_column()


class ContactAliases(Table, tablename="fivapp_contact_alias"):
    """Addresses of contacts; key (tenant_id, address_key)."""

    tenant_id = text_column()
    address_key = key_column()
    address = text_column()
    contact_id = text_column()
    created_at = time_column()


class Conversations(Table, tablename="fivapp_conversation"):
    """What is kept about each chat; `labels` is a JSON list."""

    id = key_column()
    tenant_id = text_column()
    session_id = text_column()
    chat_id = text_column()
    contact_id = optional_text()
    title = text_column()
    search_title = text_column()
    is_group = Boolean(default=False)
    status = text_column()
    snoozed_until = optional_time()
    unread_count = Integer(default=0)
    last_message_id = optional_text()
    activity_seq = BigInt(default=0)
    read_seq = BigInt(default=0)
    read_up_to = optional_text()
    assignee_id = optional_text()
    labels = Text(default="[]")
    waiting_since = optional_time()
    answered_by = text_column()
    paused_until = optional_time()
    created_at = time_column()
    group_bots = optional_text()


class Messages(Table, tablename="fivapp_message"):
    """Messages; (session_id, native_id) is unique where WhatsApp's id is known; `media`, `choices` are JSON."""

    id = key_column()
    tenant_id = text_column()
    session_id = text_column()
    conversation_id = text_column()
    native_id = optional_text()
    seq = BigInt(default=None)
    direction = text_column()
    kind = text_column()
    status = text_column()
    text = optional_text()
    author_kind = text_column()
    author_id = optional_text()
    author_name = optional_text()
    media = optional_text()
    quoted_message_id = optional_text()
    quoted_native_id = optional_text()
    retry_of = optional_text()
    error_code = optional_text()
    error_detail = optional_text()
    at = time_column()
    received_at = time_column()
    choices = optional_text()
    choice = optional_text()
    idempotency_key = optional_text()


class MessageStatuses(Table, tablename="fivapp_message_status"):
    """Steps in the life of messages; key (message_id, status)."""

    message_id = key_column()
    status = text_column()
    tenant_id = text_column()
    at = time_column()
    received_at = time_column()
    error_code = optional_text()
    error_detail = optional_text()


class ParkedStatuses(Table, tablename="fivapp_parked_status"):
    """Statuses of messages that we do not know yet; key (session_id, native_id, status)."""

    session_id = text_column()
    native_id = key_column()
    status = text_column()
    tenant_id = text_column()
    at = optional_time()
    received_at = time_column()
    error_code = optional_text()
    error_detail = optional_text()


class Events(Table, tablename="fivapp_event"):
    """The event log; key (tenant_id, seq); `data` is a JSON object of small facts, never a text."""

    tenant_id = text_column()
    seq = BigInt(default=None, primary_key=True)
    type = text_column()
    conversation_id = optional_text()
    message_id = optional_text()
    session_id = optional_text()
    data = optional_text()
    at = time_column()
    was = optional_text()
    reached = optional_text()


class Quarantine(Table, tablename="fivapp_quarantine"):
    """Webhook bodies that were not understood; the column of `raw_body` is `raw`."""

    id = key_column()
    connector = text_column()
    session_id = optional_text()
    reason = text_column()
    raw_body = Bytea(default=b"", db_column_name="raw")
    state = text_column()
    attempts = Integer(default=0)
    received_at = time_column()


class WebhookBatches(Table, tablename="fivapp_webhook_batch"):
    """Bodies of webhooks as they came, those of one commit in a row."""

    id = key_column()
    received_at = time_column()
    size = Integer(default=0, db_column_name="count")
    bodies = Bytea(default=b"")


class Outbox(Table, tablename="fivapp_outbox"):
    """Messages to be sent."""

    message_id = key_column()
    tenant_id = text_column()
    session_id = text_column()
    conversation_id = text_column()
    seq = BigInt(default=None)
    state = text_column()
    attempt = Integer(default=0)
    not_before = time_column()
    expires_at = time_column()
    lease_owner = optional_text()
    lease_until = optional_time()
    created_at = time_column()
    in_doubt = Boolean(default=False)


class SendGates(Table, tablename="fivapp_send_gate"):
    """When each session may send next, and whether the connection service answers its sends."""

    session_id = key_column()
    tenant_id = text_column()
    paced_until = time_column()
    held_until = time_column()
    failures = Integer(default=0)
    failing_since = optional_time()


class SessionPulses(Table, tablename="fivapp_session_pulse"):
    """When each session was last heard of, and what it sent since."""

    session_id = key_column()
    tenant_id = text_column()
    heard_at = time_column()
    told_at = time_column()
    sent_at = time_column()


class IdempotencyKeys(Table, tablename="fivapp_idempotency_key"):
    """Requests that were made before; key (tenant_id, principal, route, key)."""

    tenant_id = text_column()
    principal = text_column()
    route = text_column()
    key = key_column()
    fingerprint = text_column()
    message_id = text_column()
    created_at = time_column()
    expires_at = time_column()
    answer = optional_text()


class SpentTokens(Table, tablename="fivapp_spent_token"):
    """Tickets that were used, and logins that were ended, before their time."""

    mark = key_column()
    until = time_column()


class FailedLogins(Table, tablename="fivapp_failed_login"):
    """When each address has all its tries to log in again."""

    address = key_column()
    full_at = time_column()


class QuickReplies(Table, tablename="fivapp_quick_replies"):
    """Each tenant's quick replies, in one row."""

    tenant_id = key_column()
    items = text_column()
    updated_at = time_column()


class SeenUsers(Table, tablename="fivapp_seen_user"):
    """Users of the main application who came by."""

    tenant_id = key_column()
    user_id = text_column()
    name = text_column()
    role = text_column()
    seen_at = time_column()


class Migrations(Table, tablename="fivapp_migration"):
    """Migrations that were applied."""

    name = key_column()
    applied_at = time_column()


TABLES: tuple[type[Table], ...] = (
    Tenants,
    TenantCursors,
    Accounts,
    Sessions,
    Contacts,
    ContactAliases,
    Conversations,
    Messages,
    MessageStatuses,
    ParkedStatuses,
    Events,
    Quarantine,
    WebhookBatches,
    Outbox,
    SendGates,
    SessionPulses,
    IdempotencyKeys,
    SpentTokens,
    FailedLogins,
    QuickReplies,
    SeenUsers,
    *PLUGIN_TABLES,
    Migrations,
)


def bound(table: type[T], engine: Engine) -> type[T]:
    """Return the table bound to one engine, so that no PICCOLO_CONF is ever asked which database is meant."""
    known = engine.bound_tables.get(table)
    if known is None:
        settings = {"tablename": table._meta.tablename, "db": engine}
        known = types.new_class(table.__name__, (table,), settings)
        # Piccolo keeps every class for ever; this one shall go when its engine goes.
        TABLE_REGISTRY[:] = [other for other in TABLE_REGISTRY if other is not known]
        engine.bound_tables[table] = known
    return cast(type[T], known)


def column_names(table: type[Table]) -> tuple[str, ...]:
    """Return the names of a table's columns as the database has them, in the order of the class."""
    return tuple(column._meta.db_column_name for column in table._meta.columns)
