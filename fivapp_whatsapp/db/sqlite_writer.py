"""Runs the writer's transactions on SQLite: one connection, one thread, one batch after the other."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from fivapp_whatsapp.errors import StoreUnavailable

from .failures import translate_errors
from .refusals import check_texts, translate_refusals
from .row import Row
from .sqlite import BUSY_SECONDS, connect_sqlite
from .statements import Delete, Lock, Lookup, MakeWork, Many, Notify, Sql, Statement, Write, on_conflict

T = TypeVar("T")
_values = msgspec.structs.astuple


class SQLiteWriterDatabase:
    """The writing side of an SQLite file; commits are synced to the disk before `transact` returns.

    A file that another process writes to is waited for, `busy_seconds` at most.
    """

    def __init__(self, path: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._path = path
        self._busy_ms = round(busy_seconds * 1000)
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def start(self) -> None:
        """Open the connection. Raises StoreUnavailable."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        await self._in_thread(self._connect)

    async def close(self) -> None:
        """Close the connection and end the thread; may be called twice."""
        if self._thread is not None:
            await self._in_thread(self._disconnect)
            self._thread.shutdown(wait=True)
            self._thread = None

    async def transact(self, work: MakeWork[T]) -> T:
        """Run the work in one transaction, in the writer's thread.

        Raises StoreUnavailable, InvalidInput, Collision.
        """
        result: T = await self._in_thread(self._transact, work)
        return result

    async def _in_thread(self, function: Any, *args: Any) -> Any:
        if self._thread is None:
            raise StoreUnavailable("The database is closed.")
        # Shielded: a transaction that runs in the thread cannot be taken back by a cancelled caller.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, function, *args))

    def _connect(self) -> sqlite3.Connection:
        connection = connect_sqlite(self._path)
        connection.execute(f"PRAGMA busy_timeout={self._busy_ms}")
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _transact(self, make: MakeWork[T]) -> T:
        with translate_refusals(), translate_errors():
            connection = self._connection or self._connect()
            try:
                connection.execute("BEGIN IMMEDIATE")
                result = _drive(connection, make)
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
            return result

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            # A connection that cannot go back is given up; the next transaction opens another.
            self._disconnect()


def _drive(connection: sqlite3.Connection, make: MakeWork[T]) -> T:
    work = make()
    rows: list[Any] | None = None
    while True:
        try:
            # A generator is begun by sending None.
            statement = work.send(rows)  # type: ignore[arg-type]
        except StopIteration as end:
            result: T = end.value
            return result
        rows = run_on_sqlite(connection, statement)


def run_on_sqlite(connection: sqlite3.Connection, statement: Statement) -> list[Any]:
    """Run one statement and return its rows."""
    match statement:
        case Lookup(row=row, by=by, keys=keys):
            sql = _select(row, by)
            execute = connection.execute
            return [row.of(values) for key in keys for values in execute(sql, key)]
        case Write(row=row, rows=rows, conflict=conflict):
            values = [_values(each) for each in rows]
            check_texts(values)
            connection.executemany(_insert(row, conflict), values)
        case Delete(row=row, keys=keys):
            connection.executemany(_delete(row), keys)
        case Sql(text=text, values=values):
            return connection.execute(_numbered(text), values).fetchall()
        case Many(statements=statements):
            return [run_on_sqlite(connection, each) for each in statements]
        case Lock():
            pass  # A transaction here holds the whole file.
        case Notify():
            pass  # The one server of this file is told by its own writer.
    return []


@lru_cache
def _select(row: type[Row], by: tuple[str, ...]) -> str:
    where = " AND ".join(f'"{name}" = ?' for name in by)
    return f"SELECT {_columns(row)} FROM {row.table} WHERE {where}"  # noqa: S608  # our own names


@lru_cache
def _insert(row: type[Row], conflict: str) -> str:
    marks = ", ".join("?" * len(row.__struct_fields__))
    return f"INSERT INTO {row.table} ({_columns(row)}) VALUES ({marks}){on_conflict(row, conflict)}"  # noqa: S608


@lru_cache
def _delete(row: type[Row]) -> str:
    where = " AND ".join(f'"{name}" = ?' for name in row.primary_key)
    return f"DELETE FROM {row.table} WHERE {where}"  # noqa: S608  # our own names


@lru_cache
def _numbered(text: str) -> str:
    return re.sub(r"\$(\d+)", r"?\1", text)


def _columns(row: type[Row]) -> str:
    return ", ".join(f'"{name}"' for name in row.__struct_fields__)
