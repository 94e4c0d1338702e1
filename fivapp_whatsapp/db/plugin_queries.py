"""What is read for plugins; like all queries each names its tenant, but for the operator's list of failures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from piccolo.columns import Or

from fivapp_whatsapp.together import Together

from .plugin_rows import AnswerRow, AutomationRow, FailureRow, HealthRow, PluginSettingRow, PresenceRow, StateRow
from .queries import Condition, Queries
from .rows import MessageRow
from .statements import Sql

# In the words of its index, for both databases use one with a condition only where they find it again.
_OUTGOING = """
SELECT {columns} FROM fivapp_message AS m
WHERE m.conversation_id = {conversation} AND m.received_at >= {since}
  AND m.direction = 'outgoing' AND m.kind NOT IN ('note', 'system')
ORDER BY m.received_at DESC, m.seq DESC LIMIT $3
"""
_COLUMNS = ", ".join(f'm."{name}"' for name in MessageRow.__struct_fields__)
_OUTGOING_SQLITE = _OUTGOING.format(columns=f"$2, {_COLUMNS}", conversation="$1", since="$2")
_OUTGOING_POSTGRESQL = (
    "SELECT k.since, m.* FROM unnest($1::text[], $2::bigint[]) AS k(conversation_id, since) CROSS JOIN LATERAL ("  # noqa: S608
    + _OUTGOING.format(columns=_COLUMNS, conversation="k.conversation_id", since="k.since")
    + ") AS m"
)
# Stands after every character that a key may hold.
_LAST = "\U0010ffff"


class PluginQueries:
    """Reads through the store's queries."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._outgoing: dict[int, Together[tuple[str, int], list[MessageRow]]] = {}

    async def answers(self, tenant_id: str, message_ids: Sequence[str]) -> list[AnswerRow]:
        """Read marks of messages."""
        found = await self._queries.by_keys(AnswerRow, ((message_id,) for message_id in message_ids))
        return [row for row in found if row.tenant_id == tenant_id]

    async def outgoing(self, conversation_id: str, since: int, limit: int) -> list[MessageRow]:
        """Read what went out in a conversation since a time, newest first, notes and system lines left out."""
        together = self._outgoing.get(limit)
        if together is None:
            together = self._outgoing[limit] = Together(partial(self._load_outgoing, limit))
        return await together.get((conversation_id, since)) or []

    async def _load_outgoing(
        self, limit: int, keys: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], list[MessageRow]]:
        found: dict[tuple[str, int], list[MessageRow]] = {}
        for since, *values in await self._queries.lookups.run(self._outgoing_statements(limit, keys)):
            row = MessageRow.of(values)
            found.setdefault((row.conversation_id, since), []).append(row)
        return found

    def _outgoing_statements(self, limit: int, keys: Sequence[tuple[str, int]]) -> list[Sql]:
        if self._queries.sqlite:
            return [Sql(_OUTGOING_SQLITE, (conversation_id, since, limit)) for conversation_id, since in keys]
        conversations, times = zip(*keys, strict=True)
        return [Sql(_OUTGOING_POSTGRESQL, (conversations, times, limit))]

    async def failures(
        self, tenant_id: str | None, plugin: str | None, state: str | None, after: str | None, limit: int
    ) -> list[FailureRow]:
        """Read a page of failures, newest first."""
        given = {"tenant_id": tenant_id, "plugin": plugin, "state": state}
        where = {name: value for name, value in given.items() if value is not None}
        conditions: list[Condition] = [self._queries.equal(FailureRow, **where)] if where else []
        if after is not None:
            conditions.append(self._queries.column(FailureRow, "id") < after)
        return await self._queries.rows(FailureRow, *conditions, order="id", ascending=False, limit=limit)

    async def automation(self, tenant_id: str) -> AutomationRow | None:
        """Read what a tenant decided about all bots."""
        return await self._queries.by_key(AutomationRow, tenant_id)

    async def settings(self, tenant_id: str) -> list[PluginSettingRow]:
        """Read what a tenant decided about plugins."""
        where = self._queries.equal(PluginSettingRow, tenant_id=tenant_id)
        return await self._queries.rows(PluginSettingRow, where, order="plugin")

    async def state(self, key: tuple[str, str, str, str], now: int) -> StateRow | None:
        """Read a value whose time is not over."""
        row = await self._queries.by_key(StateRow, *key)
        return row if row is not None and (row.expires_at is None or row.expires_at > now) else None

    async def states(self, owner: tuple[str, str, str], prefix: str, now: int, limit: int) -> list[StateRow]:
        """Read the values whose keys begin with a prefix, in the order of keys."""
        names = dict(zip(StateRow.primary_key, owner, strict=False))
        key = self._queries.column(StateRow, "key")
        conditions: list[Condition] = [self._queries.equal(StateRow, **names), self._alive(now)]
        if prefix:
            conditions += [key >= prefix, key < prefix + _LAST]
        return await self._queries.rows(StateRow, *conditions, order="key", limit=limit)

    def _alive(self, now: int) -> Any:
        expires_at = self._queries.column(StateRow, "expires_at")
        return Or(expires_at.is_null(), expires_at > now)

    async def is_watching(self, tenant_id: str, user_id: str, now: int) -> bool:
        """Tell whether a user watches through any process."""
        until = self._queries.column(PresenceRow, "until") > now
        where = self._queries.equal(PresenceRow, tenant_id=tenant_id, user_id=user_id)
        return await self._queries.row(PresenceRow, where, until) is not None

    async def healths(self, tenant_id: str | None, now: int) -> list[HealthRow]:
        """Read what processes told of plugins, for a tenant and for all, or all of it."""
        conditions: list[Condition] = [self._queries.column(HealthRow, "until") > now]
        if tenant_id is not None:
            conditions.append(self._queries.column(HealthRow, "tenant_id").is_in(["", tenant_id]))
        return await self._queries.rows(HealthRow, *conditions, order="process")
