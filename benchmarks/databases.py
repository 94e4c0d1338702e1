"""Databases of a run: PostgreSQL from the wheel with fsync on, SQLite files; each with a tenant and a session."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import msgspec

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import SessionStatus, SessionUpdate
from fivapp_whatsapp.testing.postgres import create_database

from .machine import children

TENANT = "bench"
_COUNTS = (
    "SELECT count(*), count(DISTINCT native_id) FROM fivapp_message WHERE direction = 'incoming'",
    "SELECT coalesce(sum(unread_count), 0), count(*) FROM fivapp_conversation",
    "SELECT count(*), 0 FROM fivapp_message WHERE direction = 'outgoing' AND status = 'accepted'",
)


class Kept(msgspec.Struct, frozen=True):
    """What a database has in the end."""

    received: int
    distinct: int
    unread: int
    conversations: int
    accepted: int


class Databases:
    """Makes databases; `postgres_url` is a server on which they may be made."""

    def __init__(self, postgres_url: str, folder: Path) -> None:
        self._postgres_url = postgres_url
        self._folder = folder

    async def new(
        self,
        kind: str,
        name: str,
        *,
        conversations: int = 0,
        connector: str = "connection_service",
        tenants: Sequence[str] = (TENANT,),
    ) -> tuple[str, list[str]]:
        """Return the URL of a new database, of kind `postgresql` or `sqlite`, and the ids of its conversations."""
        url = f"sqlite:///{self._folder}/{name}.db" if kind == "sqlite" else await create_database(self._postgres_url)
        return url, await _prepare(url, conversations, connector, tenants)

    async def empty(self) -> str:
        """Return the URL of a new database on the PostgreSQL server, without a table."""
        return await create_database(self._postgres_url)

    def server_pids(self) -> list[int]:
        """Return the processes of the PostgreSQL server as they are now."""
        [folder] = parse_qs(urlsplit(self._postgres_url).query)["host"]
        return children(int(Path(folder, "data", "postmaster.pid").read_text().split()[0]))


async def _prepare(url: str, conversations: int, connector: str, tenants: Sequence[str]) -> list[str]:
    store = DatabaseStore(url, server=False)
    await store.start()
    try:
        for tenant in tenants:
            await store.add_tenant(tenant, "Bench")
            await store.add_session(tenant, tenant, "Bench", connector)
            update = SessionUpdate(session_id=tenant, status=SessionStatus.CONNECTED, phone="5511999990000")
            await store.change_session(tenant, tenant, desired="running", update=update)
        opening = (
            store.open_conversation(TENANT, TENANT, f"5511{900000000 + number}@s.whatsapp.net")
            for number in range(conversations)
        )
        return [each.id for each in await asyncio.gather(*opening)]
    finally:
        await store.close()


async def kept(url: str) -> Kept:
    """Count what a database has."""
    rows = [(await fetch(url, sql))[0] for sql in _COUNTS]
    return Kept(*map(int, (*rows[0], *rows[1], rows[2][0])))


async def fetch(url: str, sql: str) -> list[Sequence[Any]]:
    """Return the rows of a query, asked beside the gateway."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return connection.execute(sql).fetchall()
    postgres = await asyncpg.connect(url)
    try:
        return list(await postgres.fetch(sql))
    finally:
        await postgres.close()
