"""Messages found by their texts: what a search costs follows what it shows, not what is stored.

SQLite walks its index backwards, in which the tenant's messages can be told from others, and stops when the page
is full. PostgreSQL's index has no order: there the newest stretches of the tenant's log are searched first, then
more of them, then all. A word that many messages hold fills its page from the first; one that few hold is cheap to
look up in all of them. What still takes too long ends with the engine's limit for reads (StoreUnavailable).
"""

from __future__ import annotations

from piccolo.querystring import QueryString

from .engine import Engine, PostgresEngine
from .rows import MessageRow
from .search import sqlite_match, stretch, text_matches

# A seq that no log reaches.
_END = 2**63 - 1
# How many stretches of the log PostgreSQL searches: first, then when those do not fill the page, then all.
_STRETCHES = (2, 32, None)
_FOUND = f"""
SELECT {", ".join(f"m.{name}" for name in MessageRow.__struct_fields__)} FROM %s
AND m.tenant_id = {{}} AND m.seq < {{}} AND m.kind <> 'system' ORDER BY %s DESC LIMIT {{}}
"""  # noqa: S608  # our own names
# Rows are numbered as they come, so that within a tenant the order of rows is the order of seqs.
_IN_SQLITE = _FOUND % (
    "fivapp_message_search AS s CROSS JOIN fivapp_message AS m ON m.search_row = s.rowid"
    " WHERE s.fivapp_message_search MATCH {}",
    "s.rowid",
)
_IN_POSTGRESQL = _FOUND % ("fivapp_message AS m WHERE {text}", "m.seq")


async def found_messages(
    engine: Engine, tenant_id: str, query: str, before: int | None, limit: int, head: int
) -> list[MessageRow]:
    """Read a page of a tenant's messages whose texts hold what was typed, newest first; `head` is its log's.

    `before` is the seq of the last message of the page before. System lines are not looked for.
    """
    before = _END if before is None else before
    if isinstance(engine, PostgresEngine):
        return await _found_in_postgresql(engine, tenant_id, query, min(before, head + 1), limit)
    matching = sqlite_match(query, tenant_id)
    if matching is None:
        return []
    found = await engine.run_querystring(QueryString(_IN_SQLITE, matching, tenant_id, before, limit))
    return [MessageRow(**row) for row in found]


async def _found_in_postgresql(
    engine: PostgresEngine, tenant_id: str, query: str, before: int, limit: int
) -> list[MessageRow]:
    newest = stretch(max(0, before - 1))
    rows: list[MessageRow] = []
    for count in _STRETCHES:
        stretches = None if count is None or count > newest else range(newest - count + 1, newest + 1)
        text = text_matches(query, tenant_id, engine.engine_type, table="m", stretches=stretches)
        if text is None:
            return []
        sql = _IN_POSTGRESQL.replace("{text}", text.sql)
        found = await engine.run_by_index(QueryString(sql, *text.values, tenant_id, before, limit))
        rows = [MessageRow.of(row) for row in found]
        if len(rows) >= limit or stretches is None:
            break
    return rows
