"""A look at every row of every table, beside the server."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import asyncpg

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_HASH = """
    SELECT '{0}', count(*) || ' rows ' || md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM "{0}" t
"""


# Kept about who asks and about sessions while nobody asks, not of what a request brings.
_BESIDE = {"fivapp_failed_login", "fivapp_session_pulse"}


class Rows:
    """Tells whether any row of any table has changed."""

    def __init__(self, database: Any) -> None:
        self._database = database

    async def look(self) -> dict[str, str]:
        """Return for each table its number of rows and a hash of them all."""
        if isinstance(self._database, sqlite3.Connection):
            return _look_at_sqlite(self._database)
        names = [name for (name,) in await self._database.fetch(_TABLES) if name not in _BESIDE]
        each = [_HASH.format(name) for name in names]
        return dict(await self._database.fetch(" UNION ALL ".join(each)))

    async def all(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        if isinstance(self._database, sqlite3.Connection):
            return self._database.execute(query).fetchall()
        return [tuple(row) for row in await self._database.fetch(query)]


def _look_at_sqlite(database: sqlite3.Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if table in _BESIDE:
            continue
        rows = sorted(map(repr, database.execute(f'SELECT * FROM "{table}"')))
        found[table] = f"{len(rows)} rows {hashlib.md5(''.join(rows).encode()).hexdigest()}"
    return found


@asynccontextmanager
async def rows_of(url: str) -> AsyncIterator[Rows]:
    """Look into a database."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            yield Rows(database)
        return
    connection = await asyncpg.connect(url)
    try:
        yield Rows(connection)
    finally:
        await connection.close()
