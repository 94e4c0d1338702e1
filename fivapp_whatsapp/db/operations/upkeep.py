"""Notifications, and dropping what is out of its time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.rows import CursorRow
from fivapp_whatsapp.db.statements import Sql, Work
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.errors import TenantNotFound
from fivapp_whatsapp.models import now_ms

from .arrivals import ECHO_MS
from .people import SEEN_MS
from .statuses import UNBOUND

_PARKED_MS = 7 * 24 * 3600 * 1000
_FAILURE_MS = 30 * 24 * 3600 * 1000
_PART = 1_000


class LogNotification:
    """Tells people something: an event of type `notification`."""

    def __init__(self, tenant_id: str, notification: Mapping[str, Any]) -> None:
        self._tenant_id = tenant_id
        self._notification = notification

    def needs(self, needs: Needs) -> None:
        """Need the tenant."""
        needs.tenant(self._tenant_id)

    def apply(self, unit: Unit) -> None:
        """Append the event. Raises TenantNotFound."""
        if unit.get(CursorRow, self._tenant_id) is None:
            raise TenantNotFound
        session_id = self._notification.get("sessionId")
        unit.log(self._tenant_id, "notification", session_id=session_id, data=dict(self._notification))


class Forget:
    """Drops what is out of its time, a part in each transaction, so that nobody waits long for the database."""

    def __init__(self, events_before: int, webhooks_before: int) -> None:
        self._events_before = events_before
        self._webhooks_before = webhooks_before

    def tenants(self) -> Work[list[str]]:
        """List the tenants whose logs are to be looked at."""
        rows = yield Sql("SELECT tenant_id FROM fivapp_tenant_cursor ORDER BY tenant_id")
        return [row[0] for row in rows]

    def events(self, tenant_id: str) -> Work[tuple[int, bool]]:
        """Drop a part of a tenant's oldest events; returns how many went, and whether there may be more."""
        gone = yield Sql(_OLD_EVENTS, (tenant_id, self._events_before, _PART))
        return len(gone), len(gone) == _PART

    def rest(self) -> Work[bool]:
        """Drop a part of what else is old, and return whether there may be more.

        Expired keys and tokens, failed logins, users who come no more, statuses whose message never came, sends that
        wait for no echo, settled quarantine, webhooks as they came; and of plugins: marks as old as events, expired
        state, presence and health whose time is over, failures that nobody tried again.
        """
        now = now_ms()
        more = False
        for statement, before in (
            (_OLD_KEYS, now),
            (_OLD_TOKENS, now),
            (_OLD_FAILED_LOGINS, now),
            (_OLD_USERS, now - SEEN_MS),
            (_OLD_PARKED, now - _PARKED_MS),
            (_OLD_SENDS, now - ECHO_MS),
            (_OLD_QUARANTINE, self._events_before),
            # Ids begin with their time: the primary key finds old ones.
            (_OLD_WEBHOOKS, f"{max(0, self._webhooks_before):012x}"),
            (_OLD_ANSWERS, f"{max(0, self._events_before):012x}"),
            (_OLD_STATE, now),
            (_OLD_PRESENCE, now),
            (_OLD_HEALTH, now),
            (_OLD_FAILURES, now - _FAILURE_MS),
        ):
            gone = yield Sql(statement, (before, _PART))
            more |= len(gone) == _PART
        return more


def _old(table: str, key: str, condition: str) -> str:
    part = f"SELECT {key} FROM {table} WHERE {condition} < $1 LIMIT $2"  # noqa: S608  # our own names
    return f"DELETE FROM {table} WHERE ({key}) IN ({part}) RETURNING 1"  # noqa: S608  # our own names


_OLD_KEYS = _old("fivapp_idempotency_key", "tenant_id, principal, route, key", "expires_at")
_OLD_TOKENS = _old("fivapp_spent_token", "mark", "until")
_OLD_FAILED_LOGINS = _old("fivapp_failed_login", "address", "full_at")
_OLD_USERS = _old("fivapp_seen_user", "tenant_id, user_id", "seen_at")
_OLD_PARKED = _old("fivapp_parked_status", "session_id, native_id, status", "received_at")
_OLD_SENDS = _old("fivapp_outbox", "message_id", f"state = '{UNBOUND}' AND not_before")
_OLD_QUARANTINE = _old("fivapp_quarantine", "id", "state = 'processed' AND received_at")
_OLD_WEBHOOKS = _old("fivapp_webhook_batch", "id", "id")
_OLD_ANSWERS = _old("fivapp_plugin_answer", "message_id", "message_id")
_OLD_STATE = _old("fivapp_plugin_state", "tenant_id, plugin, conversation_id, key", "expires_at")
_OLD_PRESENCE = _old("fivapp_plugin_presence", "tenant_id, user_id, process", "until")
_OLD_HEALTH = _old("fivapp_plugin_health", "process, tenant_id, plugin", "until")
_OLD_FAILURES = _old("fivapp_plugin_failure", "id", "state = 'dead' AND at")
# The seqs of a log are in the order of time, so its old events are its first: the primary key finds them.
_OLD_EVENTS = """
DELETE FROM fivapp_event WHERE tenant_id = $1 AND at < $2
AND seq IN (SELECT seq FROM fivapp_event WHERE tenant_id = $1 ORDER BY seq LIMIT $3) RETURNING seq
"""


def purge(plugin: str) -> Work[int]:
    """Delete a part of what is kept for a plugin, of all tenants, and return how many rows went."""
    count = 0
    for table, key in _OF_PLUGINS.items():
        part = f"SELECT {key} FROM {table} WHERE plugin = $1 LIMIT $2"  # noqa: S608  # our own names
        gone = yield Sql(f"DELETE FROM {table} WHERE ({key}) IN ({part}) RETURNING 1", (plugin, _PART))  # noqa: S608
        count += len(gone)
    return count


_OF_PLUGINS = {
    "fivapp_plugin_lane": "tenant_id, plugin",
    "fivapp_plugin_setting": "tenant_id, plugin",
    "fivapp_plugin_state": "tenant_id, plugin, conversation_id, key",
    "fivapp_plugin_failure": "id",
    "fivapp_plugin_timer": "tenant_id, plugin, conversation_id, key",
}
