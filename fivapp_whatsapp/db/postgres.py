"""PostgreSQL: an engine with one pool for reads and one for writes, whose connections always come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

import asyncpg
from piccolo.engine import postgres as piccolo_postgres
from piccolo.querystring import QueryString
from piccolo.table import Table

from fivapp_whatsapp.errors import StoreUnavailable

from .failures import translate_connecting, translate_errors

READ_POOL = (1, 8)
WRITE_POOL = (1, 4)
READ_TIMEOUT_MS = 2_000
WRITE_TIMEOUT_MS = 10_000
CONNECT_SECONDS = 5.0
ACQUIRE_SECONDS = 5.0
# Writes find rows by their keys. A statement's plan is kept, and one that was made while a table was empty would
# read it whole for as long as nothing analyses it: a batch then cost the more the more messages there were.
_BY_INDEX = {"enable_seqscan": "off"}
_DRIFT = "SELECT extract(epoch FROM clock_timestamp())::float8 - $1::float8"


async def _no_reset(_: Any) -> None:
    """Do nothing: nothing of ours changes a connection's state, and asyncpg's reset is a round trip."""


def _where(dsn: str) -> str:
    """Return host and port of a URL, in words that may be shown."""
    parts = urlsplit(dsn)
    if parts.hostname is None:
        return "this machine's PostgreSQL"
    return f"PostgreSQL at {parts.hostname}, port {parts.port or 5432},"


class PostgresEngine(piccolo_postgres.PostgresEngine):
    """Piccolo's engine; its own pool is for reads, so that they never keep a write waiting.

    While the pools are not started (migrations, commands) a query opens a connection of its own.
    """

    def __init__(self, dsn: str) -> None:
        self.bound_tables: dict[type[Table], type[Table]] = {}
        self.write_pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._where = _where(dsn)
        super().__init__(config={"dsn": dsn, "timeout": CONNECT_SECONDS})

    async def check_version(self) -> None:
        """Do nothing: Piccolo connects here, and an engine must be made while its server is away."""

    async def start_connection_pool(self, **_: Any) -> None:
        """Open both pools. Raises StoreUnavailable."""
        if self.pool is not None:
            return
        with translate_errors():
            write_pool = await self._make_pool(WRITE_POOL, WRITE_TIMEOUT_MS, **_BY_INDEX)
            try:
                self.pool = await self._make_pool(READ_POOL, READ_TIMEOUT_MS)
            except BaseException:
                write_pool.terminate()
                raise
            self.write_pool = write_pool

    async def _make_pool(self, sizes: tuple[int, int], timeout_ms: int, **more: str) -> asyncpg.Pool[asyncpg.Record]:
        settings = {"application_name": "fivapp_whatsapp", "statement_timeout": str(timeout_ms), "jit": "off", **more}
        pool = asyncpg.create_pool(
            **self.config, min_size=sizes[0], max_size=sizes[1], reset=_no_reset, server_settings=settings
        )
        try:
            with translate_connecting(self._where):
                await pool
        except BaseException:
            pool.terminate()
            raise
        return pool

    async def close_connection_pool(self) -> None:
        """Close both pools, waiting a few seconds for what is under way."""
        pools = (self.pool, self.write_pool)
        self.pool = self.write_pool = None
        for pool in pools:
            if pool is not None:
                try:
                    await asyncio.wait_for(pool.close(), ACQUIRE_SECONDS)
                except TimeoutError:
                    pool.terminate()

    async def get_new_connection(self) -> asyncpg.Connection[asyncpg.Record]:
        """Open a connection outside of the pools; the caller closes it. Raises StoreUnavailable."""
        with translate_connecting(self._where):
            return await asyncpg.connect(**self.config)

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Open a connection outside of the pools, without a limit of time (LISTEN, migrations); the caller closes it.

        Raises StoreUnavailable.
        """
        with translate_errors():
            connection: asyncpg.Connection[asyncpg.Record] = await self.get_new_connection()
            return connection

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:
        """Run one of Piccolo's queries. Raises StoreUnavailable."""
        with translate_errors():
            return await super().run_querystring(querystring, in_pool)

    async def run_by_index(self, querystring: QueryString) -> list[asyncpg.Record]:
        """Run a query that reads no whole table where an index will do, whatever the planner guesses.

        Raises StoreUnavailable, also when it takes longer than a read may.
        """
        if self.pool is None:
            raise StoreUnavailable("The database is closed.")
        query, values = querystring.compile_string()
        with translate_errors():
            async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection, connection.transaction(readonly=True):
                await connection.execute("SET LOCAL enable_seqscan = off")
                return list(await connection.fetch(query, *values))

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        """Run a statement that takes no values. Raises StoreUnavailable."""
        with translate_errors():
            return await super().run_ddl(ddl, in_pool)

    async def _run_in_pool(self, query: str, args: Any = None) -> Any:
        started = time.monotonic()
        try:
            return await self._fetch(query, args or ())
        except asyncpg.QueryCanceledError:
            # PostgreSQL takes a cancel on a way of its own: one that was meant for what the connection did before
            # can arrive late and end this. What was ended so did nothing.
            if time.monotonic() - started >= READ_TIMEOUT_MS / 1000:
                raise
            return await self._fetch(query, args or ())

    async def _fetch(self, query: str, args: Sequence[Any]) -> list[asyncpg.Record]:
        if self.pool is None:
            raise StoreUnavailable("The database is closed.")
        async with self.pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
            return list(await connection.fetch(query, *args))

    async def _run_in_new_connection(self, query: str, args: Any = None) -> Any:
        connection = await self.get_new_connection()
        try:
            return await connection.fetch(query, *(args or ()))
        finally:
            await _close(connection)

    def transaction(self, allow_nested: bool = True) -> piccolo_postgres.PostgresTransaction:
        """Start a transaction on a connection for writes."""
        return _Transaction(self, allow_nested)


class _Transaction(piccolo_postgres.PostgresTransaction):
    """Piccolo's transaction, whose connection comes back and whose context is reset however it ends."""

    async def __aenter__(self) -> piccolo_postgres.PostgresTransaction:
        if self._parent is not None:
            parent: piccolo_postgres.PostgresTransaction = self._parent
            return parent
        self._lease = pg_connection(cast(PostgresEngine, self.engine))
        self.connection = await self._lease.__aenter__()
        self.transaction = self.connection.transaction()
        try:
            with translate_errors():
                await self.transaction.start()
        except BaseException as exc:
            await self._lease.__aexit__(type(exc), exc, exc.__traceback__)
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self._parent is not None:
            return False
        self.engine.current_transaction.reset(self.context)
        try:
            if not self._committed and not self._rolled_back:
                with translate_errors():
                    await (self.transaction.commit() if exception is None else self.transaction.rollback())
        except BaseException as exc:
            await self._lease.__aexit__(type(exc), exc, exc.__traceback__)
            if exception is None:
                raise
        else:
            await self._lease.__aexit__(None, None, None)
        return False


@asynccontextmanager
async def pg_connection(engine: PostgresEngine) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Lend a raw connection for writes, and take it back however the block ends, also when it is cancelled.

    A connection that is left inside a transaction, or in the middle of a statement, is thrown away, so the
    server rolls back. Raises StoreUnavailable.
    """
    pool = engine.write_pool
    with translate_errors():
        connection = await (pool.acquire(timeout=ACQUIRE_SECONDS) if pool is not None else engine.get_new_connection())
    clean = False
    try:
        with translate_errors():
            yield connection
        clean = True
    except Exception:
        clean = True
        raise
    finally:
        _discard_if_spoiled(connection, clean=clean)
        if pool is not None:
            # What fails here fails after the work is done: the connection is thrown away, its outcome stands.
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
                await asyncio.shield(pool.release(connection))
        else:
            await _close(connection)


def _discard_if_spoiled(connection: Any, *, clean: bool) -> None:
    # A connection that died has left the pool by itself, and its proxy answers nothing more.
    with suppress(asyncpg.InterfaceError):
        if not clean or connection.is_in_transaction():
            connection.terminate()


async def _close(connection: Any) -> None:
    try:
        await asyncio.shield(connection.close(timeout=CONNECT_SECONDS))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()


async def postgres_durability(engine: PostgresEngine) -> list[str]:
    """Return what stands in the way of keeping commits, and of telling the time as the server does."""
    problems = []
    async with pg_connection(engine) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            if await connection.fetchval("SELECT current_setting($1)", name) == "off":
                problems.append(f"PostgreSQL runs with {name}=off: a crash loses what was acknowledged.")
        drift = await connection.fetchval(_DRIFT, time.time())
    if abs(drift) > 60:
        problems.append(f"The clock of PostgreSQL is {drift:+.0f} s off ours: synchronise both machines.")
    return problems
