"""Runs the writer's kind of statements for reading: outside of any transaction, on connections of their own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from fivapp_whatsapp.errors import StoreUnavailable

from .failures import translate_errors
from .postgres import ACQUIRE_SECONDS, PostgresEngine
from .postgres_writer import run_on_postgres
from .refusals import translate_refusals
from .sqlite import DETECT_TYPES, SQLiteEngine, connect_sqlite
from .sqlite_writer import run_on_sqlite
from .statements import Statement


class Lookups(Protocol):
    """Reads from one database."""

    async def run(self, statements: Sequence[Statement]) -> list[Any]:
        """Return the rows of statements that only read. Raises StoreUnavailable, InvalidInput."""
        ...

    def start(self) -> None:
        """Let reads begin."""
        ...

    async def close(self) -> None:
        """Close what was opened; may be called twice."""
        ...


def make_lookups(engine: SQLiteEngine | PostgresEngine) -> Lookups:
    """Return the lookups of an engine; nothing is connected yet."""
    return _PostgresLookups(engine) if isinstance(engine, PostgresEngine) else _SQLiteLookups(engine.path)


class _PostgresLookups:
    """Reads through the engine's pool for reads."""

    def __init__(self, engine: PostgresEngine) -> None:
        self._engine = engine

    async def run(self, statements: Sequence[Statement]) -> list[Any]:
        pool = self._engine.pool
        if pool is None:
            raise StoreUnavailable("The database is closed.")
        with translate_refusals(), translate_errors():
            async with pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                return [row for each in statements for row in await run_on_postgres(connection, each)]

    def start(self) -> None:
        """Do nothing: the pool is the engine's."""

    async def close(self) -> None:
        """Do nothing either."""


class _SQLiteLookups:
    """Reads through a connection in a thread of its own, opened by the first read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def run(self, statements: Sequence[Statement]) -> list[Any]:
        if self._thread is None:
            raise StoreUnavailable("The database is closed.")
        loop = asyncio.get_running_loop()
        found: list[Any] = await asyncio.shield(loop.run_in_executor(self._thread, self._run, statements))
        return found

    def _run(self, statements: Sequence[Statement]) -> list[Any]:
        with translate_refusals(), translate_errors():
            if self._connection is None:
                self._connection = connect_sqlite(self._path, read_only=True, detect_types=DETECT_TYPES)
            connection = self._connection
            return [row for each in statements for row in run_on_sqlite(connection, each)]

    def start(self) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-lookups")

    async def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._disconnect)
            thread.shutdown(wait=True)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
