"""SQLite: connections with our settings, an engine with a few persistent readers, the lock of the one server."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import aiosqlite
from piccolo.engine import sqlite as piccolo_sqlite
from piccolo.querystring import QueryString
from piccolo.table import Table

from fivapp_whatsapp.errors import StoreError, StoreLocked

from .failures import translate_errors

BUSY_SECONDS = 5.0
READERS = 4
_ONE_SERVER = "end it, name another file in DATABASE_URL (the demo: another --data folder), or use PostgreSQL."
DETECT_TYPES = sqlite3.PARSE_DECLTYPES | sqlite3.PARSE_COLNAMES
# What a PRAGMA must answer after it was set; busy_timeout comes first, so that the others wait for a lock.
_PRAGMAS: dict[str, tuple[str | int, str | int]] = {
    "busy_timeout": (int(BUSY_SECONDS * 1000), int(BUSY_SECONDS * 1000)),
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "foreign_keys": ("ON", 1),
}


def connect_sqlite(path: str | Path, *, read_only: bool = False, detect_types: int = 0) -> sqlite3.Connection:
    """Open one connection in autocommit mode: WAL, every commit synced to the disk, 5 s of patience for locks.

    The connection may be used from any thread, by one at a time. Raises StoreUnavailable when the file
    cannot be opened, StoreError when the file system does not allow our settings.
    """
    with translate_errors():
        # Conversations and password hashes are for the gateway's user alone; -wal and -shm follow the file.
        if str(path) != ":memory:":
            # Only a new file: closing one that is in use would drop SQLite's locks on it in this process
            # (https://sqlite.org/howtocorrupt.html, 2.2). What else is wrong, sqlite3 says better.
            with contextlib.suppress(OSError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path, BUSY_SECONDS, detect_types=detect_types, isolation_level=None, check_same_thread=False
        )
        try:
            for name, (value, answer) in _PRAGMAS.items():
                _set_pragma(connection, name, value, answer)
            if read_only:
                connection.execute("PRAGMA query_only=ON")
        except BaseException:
            connection.close()
            raise
    return connection


def _set_pragma(connection: sqlite3.Connection, name: str, value: str | int, answer: str | int) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute(f"PRAGMA {name}={value}").fetchall()
            break
        except sqlite3.OperationalError as exc:
            # Two processes that turn a new file to WAL at once: SQLite refuses one without waiting.
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    found = connection.execute(f"PRAGMA {name}").fetchone()[0]
    if found != answer:
        raise StoreError(
            f"SQLite cannot use {name}={value} here ({found}): keep the file on a local disk, or use PostgreSQL."
        )


class SQLiteEngine(piccolo_sqlite.SQLiteEngine):
    """Piccolo's engine for reads: persistent readers while the pool is started, else one connection per query.

    The readers refuse to write: the running server writes through its one writer. Outside of the pool
    (migrations, commands) a query may write, and `transaction()` takes the write lock at once.
    """

    def __init__(self, path: str) -> None:
        self.bound_tables: dict[type[Table], type[Table]] = {}
        self._idle: asyncio.LifoQueue[aiosqlite.Connection] | None = None
        self._readers = 0
        super().__init__(path=path, timeout=BUSY_SECONDS)

    async def start_connection_pool(self, *, readers: int = READERS) -> None:
        """Open the readers. Raises StoreUnavailable."""
        if self._idle is not None:
            return
        idle: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        try:
            for _ in range(readers):
                idle.put_nowait(await self._connect(read_only=True))
        except BaseException:
            while not idle.empty():
                await idle.get_nowait().close()
            raise
        self._idle, self._readers = idle, readers

    async def close_connection_pool(self) -> None:
        """Close the readers, each once its query has ended."""
        idle, self._idle = self._idle, None
        if idle is not None:
            for _ in range(self._readers):
                await (await idle.get()).close()

    async def get_connection(self) -> aiosqlite.Connection:
        """Open a connection of its own, for a transaction or a batch; the caller closes it."""
        return await self._connect()

    async def _connect(self, *, read_only: bool = False) -> aiosqlite.Connection:
        def connect() -> sqlite3.Connection:
            connection = connect_sqlite(self.path, read_only=read_only, detect_types=DETECT_TYPES)
            connection.row_factory = piccolo_sqlite.dict_factory
            return connection

        # Opened here, since a failure inside of aiosqlite leaves its thread to end whenever it likes.
        opened = await asyncio.to_thread(connect)
        return await aiosqlite.Connection(lambda: opened, iter_chunk_size=64)

    @asynccontextmanager
    async def _borrow(self) -> AsyncIterator[aiosqlite.Connection]:
        idle = self._idle
        connection = await idle.get() if idle is not None else await self._connect()
        try:
            yield connection
        finally:
            # A cancelled query may still run in the connection's thread; the next one waits behind it.
            if idle is not None:
                idle.put_nowait(connection)
            else:
                await asyncio.shield(connection.close())

    async def _run_in_new_connection(
        self,
        query: str,
        args: list[Any] | None = None,
        query_type: str = "generic",
        table: type[Table] | None = None,
    ) -> list[Any]:
        async with self._borrow() as connection:
            return list(await connection.execute_fetchall(query, args or []))

    async def _run_in_existing_connection(
        self,
        connection: aiosqlite.Connection,
        query: str,
        args: list[Any] | None = None,
        query_type: str = "generic",
        table: type[Table] | None = None,
    ) -> list[Any]:
        return list(await connection.execute_fetchall(query, args or []))

    async def run_querystring(self, querystring: QueryString, in_pool: bool = False) -> Any:
        """Run one of Piccolo's queries. Raises StoreUnavailable."""
        with translate_errors():
            return await super().run_querystring(querystring, in_pool)

    async def run_ddl(self, ddl: str, in_pool: bool = False) -> Any:
        """Run a statement that takes no values. Raises StoreUnavailable."""
        with translate_errors():
            return await super().run_ddl(ddl, in_pool)

    def transaction(
        self,
        transaction_type: piccolo_sqlite.TransactionType = piccolo_sqlite.TransactionType.immediate,
        allow_nested: bool = True,
    ) -> piccolo_sqlite.SQLiteTransaction:
        """Start a transaction that holds the write lock from its beginning, on a connection of its own."""
        return _Transaction(self, transaction_type, allow_nested)


class _Transaction(piccolo_sqlite.SQLiteTransaction):
    """Piccolo's transaction, whose connection is closed and whose context is reset however it ends."""

    async def __aenter__(self) -> piccolo_sqlite.SQLiteTransaction:
        if self._parent is not None:
            parent: piccolo_sqlite.SQLiteTransaction = self._parent
            return parent
        with translate_errors():
            self.connection = await cast(SQLiteEngine, self.engine).get_connection()
            try:
                await self.connection.execute(f"BEGIN {self.transaction_type.value}")
            except BaseException:
                await asyncio.shield(self.connection.close())
                raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self._parent is not None:
            return False
        self.engine.current_transaction.reset(self.context)
        # A cancel must lose neither the commit that has begun nor the connection's thread.
        await asyncio.shield(self._end(commit=exception is None))
        return False

    async def _end(self, *, commit: bool) -> None:
        try:
            if commit and not self._committed and not self._rolled_back:
                with translate_errors():
                    await self.connection.execute("COMMIT")
        finally:
            await self.connection.close()  # which rolls back what was not committed


class ServerLock:
    """Says that one server uses a database file: a lock on `<file>.lock`, gone when the process is."""

    def __init__(self, path: str | Path) -> None:
        self.path = f"{os.path.realpath(path)}.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises StoreLocked while another server holds it, StoreUnavailable without access."""
        with translate_errors():
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                os.close(descriptor)
                file = self.path.removesuffix(".lock")
                raise StoreLocked(f"Another server uses {file}: {_ONE_SERVER}") from exc
            except BaseException:
                os.close(descriptor)
                raise
        self._descriptor = descriptor

    def close(self) -> None:
        """Give the lock back; the file stays, since another server may be waiting for it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> ServerLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sqlite_durability(path: str | Path, *, deep: bool = False) -> Sequence[str]:
    """Return what stands in the way of keeping commits; `deep` reads the whole file for damage."""
    connection = connect_sqlite(path)  # which verifies the settings themselves
    try:
        with translate_errors():
            if deep and (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                return [f"The database file is damaged ({found}): restore it from a backup."]
    finally:
        connection.close()
    return []
