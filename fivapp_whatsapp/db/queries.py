"""What is read: every query names its tenant, pages by position, and gives rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import msgspec
from piccolo.columns import And, Column, Or, Where
from piccolo.columns.combination import WhereRaw
from piccolo.querystring import QueryString
from piccolo.table import Table

from fivapp_whatsapp.ports import ConversationFilter
from fivapp_whatsapp.together import Together

from . import tables
from .engine import Engine
from .found import found_messages
from .listing import Order, Place, order_of
from .lookups import make_lookups
from .operations.claiming import Due
from .refusals import translate_refusals
from .row import Row
from .rows import (
    AccountRow,
    AliasRow,
    ContactRow,
    ConversationRow,
    CursorRow,
    EventRow,
    MessageRow,
    MessageStatusRow,
    OutboxRow,
    QuarantineRow,
    SessionRow,
    TenantRow,
    WebhookBatchRow,
)
from .search import phone_patterns, text_matches, title_matches
from .statements import Lookup, Sql
from .tables import bound
from .waits import LONGEST_WAIT_MS

R = TypeVar("R", bound=Row)
Condition: TypeAlias = And | Or | Where | WhereRaw
_CLASSES: dict[str, type[Table]] = {table._meta.tablename: table for table in tables.TABLES}


class Queries:
    """Reads through Piccolo, bound to one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.sqlite = engine.engine_type == "sqlite"
        self.lookups = make_lookups(engine)
        self._together: dict[type[Row], Together[tuple[Any, ...], Any]] = {}

    def _table(self, kind: type[Row]) -> type[Table]:
        return bound(_CLASSES[kind.table], self._engine)

    async def rows(
        self,
        kind: type[R],
        *conditions: Condition,
        order: str | tuple[str, ...] | None = None,
        ascending: bool = True,
        limit: int | None = None,
    ) -> list[R]:
        """Read rows of one table; the columns are named by `column`."""
        table = self._table(kind)
        query = table.select(*(_aliased(column) for column in table._meta.columns))
        for condition in conditions:
            query = query.where(condition)
        if order is not None:
            names = (order,) if isinstance(order, str) else order
            query = query.order_by(*(self.column(kind, name) for name in names), ascending=ascending)
        if limit is not None:
            query = query.limit(limit)
        with translate_refusals():
            return [kind(**values) for values in await query]

    async def row(self, kind: type[R], *conditions: Condition) -> R | None:
        """Read one row, or None."""
        found = await self.rows(kind, *conditions, limit=1)
        return found[0] if found else None

    async def by_key(self, kind: type[R], *key: Any) -> R | None:
        """Read a row by its primary key, in one statement with all that are wanted of its table at this moment."""
        together = self._together.get(kind)
        if together is None:
            together = self._together[kind] = Together(partial(self._load, kind))
        found: R | None = await together.get(key)
        return found

    async def by_keys(self, kind: type[R], keys: Iterable[tuple[Any, ...]]) -> list[R]:
        """Read rows by their primary keys, those that are there."""
        wanted = sorted(set(keys))
        if len(wanted) == 1:
            row = await self.by_key(kind, *wanted[0])
            return [] if row is None else [row]
        return list((await self._load(kind, wanted)).values()) if wanted else []

    async def by_ids(self, kind: type[R], ids: Iterable[str]) -> dict[str, R]:
        """Read rows of a table whose key is `id`, by it."""
        found = await self.by_keys(kind, ((id,) for id in ids))
        return {row.id: row for row in found}  # type: ignore[attr-defined]  # all tables asked here have an id

    async def _load(self, kind: type[R], keys: Sequence[tuple[Any, ...]]) -> dict[tuple[Any, ...], R]:
        rows = await self.lookups.run([Lookup(kind, kind.primary_key, sorted(keys))])
        return {row.identity: row for row in rows}

    def column(self, kind: type[Row], name: str) -> Column:
        """Return a column of a table, for conditions."""
        return next(c for c in self._table(kind)._meta.columns if c._meta.db_column_name == name)

    def equal(self, kind: type[Row], **values: Any) -> Condition:
        """Return the condition that columns have these values."""
        conditions: list[Condition] = [self.column(kind, name) == value for name, value in values.items()]
        result = conditions[0]
        for condition in conditions[1:]:
            result = And(result, condition)
        return result

    async def _raw(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with translate_refusals():
            found = await self._engine.run_querystring(QueryString(sql, *values))
        return [dict(row) for row in found or ()]

    # --- tenants, accounts, sessions, contacts ---------------------------------------------------

    async def tenants(self) -> list[TenantRow]:
        """Read all tenants."""
        return await self.rows(TenantRow, order="id")

    async def tenant(self, tenant_id: str) -> TenantRow | None:
        """Read a tenant."""
        return await self.by_key(TenantRow, tenant_id)

    async def heads(self) -> dict[str, int]:
        """Read the heads of all logs."""
        found = await self._raw("SELECT tenant_id, seq FROM fivapp_tenant_cursor WHERE seq > 0")
        return {row["tenant_id"]: row["seq"] for row in found}

    async def accounts(self, tenant_id: str, **where: Any) -> list[AccountRow]:
        """Read a tenant's accounts."""
        return await self.rows(AccountRow, self.equal(AccountRow, tenant_id=tenant_id, **where), order="login")

    async def session(self, session_id: str) -> SessionRow | None:
        """Read a session that was not deleted, of any tenant."""
        row = await self.by_key(SessionRow, session_id)
        return None if row is None or row.deleted else row

    async def sessions(self, **where: Any) -> list[SessionRow]:
        """Read sessions that were not deleted."""
        return await self.rows(SessionRow, self.equal(SessionRow, deleted=False, **where), order="id")

    async def contact(self, tenant_id: str, contact_id: str) -> tuple[ContactRow, list[str]] | None:
        """Read a contact and its addresses."""
        row = await self.by_key(ContactRow, contact_id)
        if row is None or row.tenant_id != tenant_id:
            return None
        aliases = await self.rows(AliasRow, self.equal(AliasRow, tenant_id=tenant_id, contact_id=contact_id))
        return row, sorted(alias.address for alias in aliases)

    # --- conversations and messages --------------------------------------------------------------

    async def conversation(self, tenant_id: str, conversation_id: str) -> ConversationRow | None:
        """Read a conversation."""
        row = await self.by_key(ConversationRow, conversation_id)
        return None if row is None or row.tenant_id != tenant_id else row

    async def conversations(
        self, tenant_id: str, where: ConversationFilter, before: Place | None, limit: int, now: int
    ) -> list[ConversationRow]:
        """Read a page of conversations in the order of their list."""
        order = order_of(where)
        conditions: list[Condition] = [self.equal(ConversationRow, tenant_id=tenant_id)]
        with translate_refusals():
            conditions += self._view(where, now)
        if before is not None:
            conditions.append(self._behind(order, before))
        if where.session_id is not None:
            conditions.append(self.equal(ConversationRow, session_id=where.session_id))
        if where.query is not None:
            conditions.append(self._matching(tenant_id, where.query, where.names_only))
        return await self.rows(
            ConversationRow, *conditions, order=order.columns, ascending=order.ascending, limit=limit
        )

    def _behind(self, order: Order, place: Place) -> Condition:
        first = self.column(ConversationRow, order.columns[0])
        if not order.ascending:
            return first < place[0]
        return Or(first > place[0], And(first == place[0], self.column(ConversationRow, order.columns[1]) > place[1]))

    async def labels(self, tenant_id: str, limit: int) -> list[str]:
        """Read the labels that a tenant's conversations have, in the order of their letters."""
        each = "json_each(labels)" if self.sqlite else "jsonb_array_elements_text(labels::jsonb) AS each(value)"
        sql = (
            f"SELECT DISTINCT value FROM fivapp_conversation, {each}"  # noqa: S608  # our own names
            " WHERE tenant_id = {} AND labels <> '[]' ORDER BY value LIMIT {}"
        )
        return [row["value"] for row in await self._raw(sql, tenant_id, limit)]

    def _view(self, where: ConversationFilter, now: int) -> list[Condition]:
        status = self.column(ConversationRow, "status")
        if where.view == "closed":
            return [status == "closed"]
        found: list[Condition] = [] if where.query else [status != "closed"]
        match where.view:
            case "to_answer":
                found.append(self.column(ConversationRow, "waiting_since").is_not_null())
                found.append(status == "open")
            case "mine":
                found.append(self.equal(ConversationRow, assignee_id=where.user_id))
            case "unassigned":
                found.append(self.column(ConversationRow, "assignee_id").is_null())
            case "groups":
                found.append(self.equal(ConversationRow, is_group=True))
            case "bots":
                # A human's turn that is over is a bot's again.
                paused = self.column(ConversationRow, "paused_until")
                unpaused = And(self.equal(ConversationRow, answered_by="bot"), paused.is_null())
                found.append(Or(unpaused, paused <= now))
        if where.label is not None:
            holds = "instr(labels, {}) > 0" if self.sqlite else "strpos(labels, {}) > 0"
            found.append(WhereRaw(holds, _json(where.label)))
        return found

    def _matching(self, tenant_id: str, query: str, names_only: bool) -> Condition:
        title = title_matches(query)
        text = text_matches(query, tenant_id, self._engine.engine_type, table="m")
        if title is None or text is None:
            return WhereRaw("1 = 0")
        phones = phone_patterns(query)
        named = f"{title.sql}{''.join(' OR chat_id LIKE {}' for _ in phones)}"
        if names_only:
            return WhereRaw(f"({named})", *title.values, *phones)
        texts = f"SELECT m.conversation_id FROM fivapp_message AS m WHERE {text.sql}"  # noqa: S608  # our own names
        return WhereRaw(f"({named} OR id IN ({texts}))", *title.values, *phones, *text.values)

    async def message(self, tenant_id: str, message_id: str) -> MessageRow | None:
        """Read a message."""
        row = await self.by_key(MessageRow, message_id)
        return None if row is None or row.tenant_id != tenant_id else row

    async def messages(self, conversation_id: str, before: int | None, limit: int) -> list[MessageRow]:
        """Read a page of a conversation's messages, newest first."""
        conditions: list[Condition] = [self.equal(MessageRow, conversation_id=conversation_id)]
        if before is not None:
            conditions.append(self.column(MessageRow, "seq") < before)
        return await self.rows(MessageRow, *conditions, order="seq", ascending=False, limit=limit)

    async def found_messages(
        self, tenant_id: str, query: str, before: int | None, limit: int, head: int
    ) -> list[MessageRow]:
        """Read a page of a tenant's messages whose texts hold what was typed, newest first."""
        with translate_refusals():
            return await found_messages(self._engine, tenant_id, query, before, limit, head)

    async def last_messages(self, conversations: Sequence[ConversationRow]) -> dict[str, MessageRow]:
        """Read the last message of each conversation, by its id."""
        return await self.by_ids(MessageRow, (row.last_message_id for row in conversations if row.last_message_id))

    async def statuses(self, message_id: str) -> list[MessageStatusRow]:
        """Read the steps of a message."""
        return await self.rows(MessageStatusRow, self.equal(MessageStatusRow, message_id=message_id), order="at")

    # --- the log, the outbox, the quarantine -------------------------------------------------------

    async def log_state(self, tenant_id: str) -> tuple[CursorRow, int] | None:
        """Read a tenant's head and the first seq that is kept."""
        cursor = await self.row(CursorRow, self.equal(CursorRow, tenant_id=tenant_id))
        if cursor is None:
            return None
        first = await self.rows(EventRow, self.equal(EventRow, tenant_id=tenant_id), order="seq", limit=1)
        return cursor, first[0].seq if first else cursor.seq + 1

    async def events(
        self, tenant_id: str, after: int, limit: int, types: Collection[str] | None = None
    ) -> list[EventRow]:
        """Read events after a seq, oldest first, of some types or of all."""
        if types is not None and not types:
            return []
        names = sorted(types or ())
        marks = ", ".join(f"${number}" for number, _ in enumerate(names, 4))
        sql = _EVENTS.format(types=f" AND type IN ({marks})" if names else "")
        return [EventRow.of(row) for row in await self.lookups.run([Sql(sql, (tenant_id, after, limit, *names))])]

    async def head(self, tenant_id: str) -> int:
        """Read the head of a tenant's log; 0 for a tenant that is not there."""
        cursor = await self.row(CursorRow, self.equal(CursorRow, tenant_id=tenant_id))
        return 0 if cursor is None else cursor.seq

    async def due(self, now: int, limit: int) -> list[Due]:
        """Read sends that look due: the first of each conversation in a connected session, and what has ended.

        Each tenant's oldest come first, then their second ones: many of one do not hide another's.
        """
        far = now + LONGEST_WAIT_MS
        return [Due(**row) for row in await self._raw(_DUE, *[now] * 3, far, now, far, now, far, limit)]

    async def snoozed(self, now: int, limit: int) -> list[tuple[str, str]]:
        """Read the tenant and id of snoozed conversations whose time has come."""
        sql = (
            "SELECT tenant_id, id FROM fivapp_conversation"
            " WHERE snoozed_until IS NOT NULL AND snoozed_until <= {} LIMIT {}"
        )
        return [(row["tenant_id"], row["id"]) for row in await self._raw(sql, now, limit)]

    async def quarantined(self, session_id: str | None, after: str | None, limit: int) -> list[QuarantineRow]:
        """Read waiting bodies, oldest first; those that name several sessions wait for each of them."""
        conditions: list[Condition] = [self.equal(QuarantineRow, state="waiting")]
        if session_id is not None:
            column = self.column(QuarantineRow, "session_id")
            several = And(column.is_null(), self.column(QuarantineRow, "reason") == "unknown_session")
            conditions.append(Or(column == session_id, several))
        if after is not None:
            conditions.append(self.column(QuarantineRow, "id") > after)
        return await self.rows(QuarantineRow, *conditions, order="id", limit=limit)

    async def webhook_batches(self, since: int, until: int, after: str | None, limit: int) -> list[WebhookBatchRow]:
        """Read kept bodies by the time of their commits, oldest first."""
        received = self.column(WebhookBatchRow, "received_at")
        conditions: list[Condition] = [received >= since, received < until]
        if after is not None:
            conditions.append(self.column(WebhookBatchRow, "id") > after)
        return await self.rows(WebhookBatchRow, *conditions, order="id", limit=limit)

    async def vault_state(self) -> tuple[int, int, int | None]:
        """Count kept bodies and their bytes as packed, and read when the oldest came."""
        [row] = await self._raw(_VAULT)
        return int(row["bodies"] or 0), int(row["size"] or 0), row["oldest"]

    async def lost(self, limit: int, ended_after: int | None = None) -> list[OutboxRow]:
        """Read sends whose outcome is not known, oldest first."""
        conditions: list[Condition] = [self.equal(OutboxRow, state="lost")]
        if ended_after is not None:
            conditions.append(self.column(OutboxRow, "not_before") > ended_after)
        return await self.rows(OutboxRow, *conditions, order="created_at", limit=limit)

    async def count(self, sql: str) -> int:
        """Count by one of our own statements."""
        [row] = await self._raw(sql)
        return int(next(iter(row.values())))


def _aliased(column: Column) -> Column:
    name = column._meta.db_column_name
    return column if column._meta.name == name else column.as_alias(name)


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()


_EVENTS = (
    f"SELECT {', '.join(EventRow.__struct_fields__)} FROM fivapp_event"  # noqa: S608  # our own names
    " WHERE tenant_id = $1 AND seq > $2{types} ORDER BY seq LIMIT $3"
)
_VAULT = (
    "SELECT sum(count) AS bodies, sum(length(bodies)) AS size, min(received_at) AS oldest FROM fivapp_webhook_batch"
)
_DUE = """
SELECT message_id, tenant_id, conversation_id, session_id, turn FROM (
  SELECT o.message_id, o.tenant_id, o.conversation_id, o.session_id, o.created_at, o.seq,
    row_number() OVER (PARTITION BY o.tenant_id ORDER BY o.created_at, o.seq) AS turn
  FROM fivapp_outbox AS o JOIN fivapp_session AS s ON s.id = o.session_id
  LEFT JOIN fivapp_send_gate AS g ON g.session_id = o.session_id
  WHERE ((o.state = 'sending' AND o.lease_until <= {})
    OR (o.state = 'queued' AND o.expires_at <= {})
    OR (o.state = 'queued' AND (o.not_before <= {} OR o.not_before > {}) AND s.status = 'connected'
      AND (g.session_id IS NULL
        OR ((g.paced_until <= {} OR g.paced_until > {}) AND (g.held_until <= {} OR g.held_until > {})))
      AND NOT EXISTS (
        SELECT 1 FROM fivapp_outbox AS older WHERE older.conversation_id = o.conversation_id AND older.seq < o.seq
        AND older.state IN ('queued', 'sending'))))
) AS due ORDER BY turn, created_at, seq LIMIT {}
"""
