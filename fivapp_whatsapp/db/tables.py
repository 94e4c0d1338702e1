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

if TYPE_CHECKING:
    from .engine import Engine

T = TypeVar("T", bound=Table)


def _key() -> Text:
    return Text(default=None, primary_key=True)


def _text() -> Text:
    return Text(default=None)


def _optional() -> Text:
    return Text(default=None, null=True)


def _time() -> BigInt:
    return BigInt(default=None)


def _optional_time() -> BigInt:
    return BigInt(default=None, null=True)


class Tenants(Table, tablename="fivapp_tenant"):
    """Companies."""

    id = _key()
    name = _text()
    suspended = Boolean(default=False)
    created_at = _time()


class TenantCursors(Table, tablename="fivapp_tenant_cursor"):
    """The head of each tenant's event log; its update is the last write of a transaction."""

    tenant_id = _key()
    seq = BigInt(default=0)
    epoch = BigInt(default=None)


class Accounts(Table, tablename="fivapp_account"):
    """Local accounts."""

    id = _key()
    tenant_id = _text()
    login = _text()
    name = _text()
    role = _text()
    password_hash = _text()
    disabled = Boolean(default=False)
    created_at = _time()


class Sessions(Table, tablename="fivapp_session"):
    """WhatsApp logins."""

    id = _key()
    tenant_id = _text()
    name = _text()
    connector = _text()
    desired = _text()
    status = _text()
    problem = _optional()
    phone = _optional()
    profile_name = _optional()
    epoch = Integer(default=0)
    error = _optional()
    status_at = _time()
    last_seen_at = _optional_time()
    created_at = _time()
    deleted = Boolean(default=False)


class Contacts(Table, tablename="fivapp_contact"):
    """People behind addresses."""

    id = _key()
    tenant_id = _text()
    name = _optional()
    phone = _optional()
    created_at = _time()
    updated_at = _time()


class ContactAliases(Table, tablename="fivapp_contact_alias"):
    """Addresses of contacts; key (tenant_id, address_key)."""

    tenant_id = _text()
    address_key = _key()
    address = _text()
    contact_id = _text()
    created_at = _time()


class Conversations(Table, tablename="fivapp_conversation"):
    """What is kept about each chat; `labels` is a JSON list."""

    id = _key()
    tenant_id = _text()
    session_id = _text()
    chat_id = _text()
    contact_id = _optional()
    title = _text()
    search_title = _text()
    is_group = Boolean(default=False)
    status = _text()
    snoozed_until = _optional_time()
    unread_count = Integer(default=0)
    last_message_id = _optional()
    activity_seq = BigInt(default=0)
    read_seq = BigInt(default=0)
    read_up_to = _optional()
    assignee_id = _optional()
    labels = Text(default="[]")
    waiting_since = _optional_time()
    answered_by = _text()
    paused_until = _optional_time()
    created_at = _time()
    group_bots = _optional()


class Messages(Table, tablename="fivapp_message"):
    """Messages; (session_id, native_id) is unique where WhatsApp's id is known; `media`, `choices` are JSON."""

    id = _key()
    tenant_id = _text()
    session_id = _text()
    conversation_id = _text()
    native_id = _optional()
    seq = BigInt(default=None)
    direction = _text()
    kind = _text()
    status = _text()
    text = _optional()
    author_kind = _text()
    author_id = _optional()
    author_name = _optional()
    media = _optional()
    quoted_message_id = _optional()
    quoted_native_id = _optional()
    retry_of = _optional()
    error_code = _optional()
    error_detail = _optional()
    at = _time()
    received_at = _time()
    choices = _optional()
    choice = _optional()


class MessageStatuses(Table, tablename="fivapp_message_status"):
    """Steps in the life of messages; key (message_id, status)."""

    message_id = _key()
    status = _text()
    tenant_id = _text()
    at = _time()
    received_at = _time()
    error_code = _optional()
    error_detail = _optional()


class ParkedStatuses(Table, tablename="fivapp_parked_status"):
    """Statuses of messages that we do not know yet; key (session_id, native_id, status)."""

    session_id = _text()
    native_id = _key()
    status = _text()
    tenant_id = _text()
    at = _optional_time()
    received_at = _time()
    error_code = _optional()
    error_detail = _optional()


class Events(Table, tablename="fivapp_event"):
    """The event log; key (tenant_id, seq); `data` is a JSON object of small facts, never a text."""

    tenant_id = _text()
    seq = BigInt(default=None, primary_key=True)
    type = _text()
    conversation_id = _optional()
    message_id = _optional()
    session_id = _optional()
    data = _optional()
    at = _time()
    was = _optional()
    reached = _optional()


class Quarantine(Table, tablename="fivapp_quarantine"):
    """Webhook bodies that were not understood; the column of `raw_body` is `raw`."""

    id = _key()
    connector = _text()
    session_id = _optional()
    reason = _text()
    raw_body = Bytea(default=b"", db_column_name="raw")
    state = _text()
    attempts = Integer(default=0)
    received_at = _time()


class Outbox(Table, tablename="fivapp_outbox"):
    """Messages to be sent."""

    message_id = _key()
    tenant_id = _text()
    session_id = _text()
    conversation_id = _text()
    seq = BigInt(default=None)
    state = _text()
    attempt = Integer(default=0)
    not_before = _time()
    expires_at = _time()
    lease_owner = _optional()
    lease_until = _optional_time()
    created_at = _time()
    in_doubt = Boolean(default=False)


class IdempotencyKeys(Table, tablename="fivapp_idempotency_key"):
    """Requests that were made before; key (tenant_id, principal, route, key)."""

    tenant_id = _text()
    principal = _text()
    route = _text()
    key = _key()
    fingerprint = _text()
    message_id = _text()
    created_at = _time()
    expires_at = _time()


class QuickReplies(Table, tablename="fivapp_quick_replies"):
    """Each tenant's quick replies, in one row."""

    tenant_id = _key()
    items = _text()
    updated_at = _time()


class PluginLanes(Table, tablename="fivapp_plugin_lane"):
    """Places of plugins in the logs; key (tenant_id, plugin). A tenant "" says that the plugin has its lanes."""

    tenant_id = _key()
    plugin = _text()
    seq = BigInt(default=None)
    owner = _optional()
    lease_until = _time()


class PluginAnswers(Table, tablename="fivapp_plugin_answer"):
    """The mark "answered" of messages, with its trail: a JSON object without texts."""

    message_id = _key()
    tenant_id = _text()
    at = _time()
    trail = _text()


class PluginFailures(Table, tablename="fivapp_plugin_failure"):
    """Hooks that failed; (tenant_id, plugin, hook, subject) is unique; `event` and `timer` are JSON objects."""

    id = _key()
    tenant_id = _text()
    plugin = _text()
    hook = _text()
    subject = _text()
    state = _text()
    attempts = Integer(default=0)
    error = _text()
    at = _time()
    next_at = _optional_time()
    conversation_id = _optional()
    event = _optional()
    timer = _optional()
    owner = _optional()
    lease_until = _time()


class PluginSettings(Table, tablename="fivapp_plugin_setting"):
    """What tenants decided about plugins; key (tenant_id, plugin); `config` is a JSON object."""

    tenant_id = _key()
    plugin = _text()
    enabled = Boolean(default=None, null=True)
    config = _optional()
    position = Integer(default=None, null=True)


class PluginAutomations(Table, tablename="fivapp_plugin_automation"):
    """What tenants decided about all bots: a JSON object."""

    tenant_id = _key()
    settings = _text()


class PluginStates(Table, tablename="fivapp_plugin_state"):
    """The memory of plugins; key (tenant_id, plugin, conversation_id, key); `value` is JSON."""

    tenant_id = _text()
    plugin = _text()
    conversation_id = _text()
    key = _key()
    value = _text()
    expires_at = _optional_time()


class PluginTimers(Table, tablename="fivapp_plugin_timer"):
    """Timers of plugins; key (tenant_id, plugin, conversation_id, key); `data` is JSON."""

    tenant_id = _text()
    plugin = _text()
    conversation_id = _text()
    key = _key()
    id = _text()
    due_at = _time()
    data = _optional()
    attempt = Integer(default=0)
    owner = _optional()
    lease_until = _time()


class PluginPresences(Table, tablename="fivapp_plugin_presence"):
    """Which users watch through which process, until when; key (tenant_id, user_id, process)."""

    tenant_id = _text()
    user_id = _key()
    process = _text()
    until = _time()


class Migrations(Table, tablename="fivapp_migration"):
    """Migrations that were applied."""

    name = _key()
    applied_at = _time()


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
    Outbox,
    IdempotencyKeys,
    QuickReplies,
    PluginLanes,
    PluginAnswers,
    PluginFailures,
    PluginSettings,
    PluginAutomations,
    PluginStates,
    PluginTimers,
    PluginPresences,
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
