"""Runs the writer's transactions on SQLite: one connection, one thread, one batch after the other."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from .failures import translate_errors
from .rows import Row
from .sqlite import connect_sqlite
from .statements import Delete, Lookup, MakeWork, Notify, Sql, Statement, Write

T = TypeVar("T")
_values = msgspec.structs.astuple


class SQLiteWriterDatabase:
    """The writing side of an SQLite file; commits are synced to the disk before `transact` returns."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._connection: sqlite3.Connection | None = None

    async def start(self) -> None:
        """Open the connection. Raises StoreUnavailable."""
        self._connection = await self._in_thread(connect_sqlite, self._path)

    async def close(self) -> None:
        """Close the connection and end the thread."""
        if self._connection is not None:
            await self._in_thread(self._connection.close)
            self._connection = None
        self._thread.shutdown(wait=True)

    async def transact(self, work: MakeWork[T]) -> T:
        """Run the work in one transaction, in the writer's thread. Raises StoreUnavailable."""
        result: T = await self._in_thread(self._transact, work)
        return result

    async def _in_thread(self, function: Any, *args: Any) -> Any:
        # Shielded: a transaction that runs in the thread cannot be taken back by a cancelled caller.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, function, *args))

    def _transact(self, make: MakeWork[T]) -> T:
        connection = self._connection
        if connection is None:
            raise RuntimeError("not started")
        with translate_errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = _drive(connection, make)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result


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
        rows = _run(connection, statement)


def _run(connection: sqlite3.Connection, statement: Statement) -> list[Any]:
    match statement:
        case Lookup(row=row, by=by, keys=keys):
            sql = _select(row, by)
            execute = connection.execute
            return [row.of(values) for key in keys for values in execute(sql, key)]
        case Write(row=row, rows=rows, conflict=conflict):
            connection.executemany(_insert(row, conflict), map(_values, rows))
        case Delete(row=row, keys=keys):
            where = " AND ".join(f"{name} = ?" for name in row.primary_key)
            connection.executemany(f"DELETE FROM {row.table} WHERE {where}", keys)  # noqa: S608  # our own names
        case Sql(text=text, values=values):
            return connection.execute(_numbered(text), values).fetchall()
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
def _numbered(text: str) -> str:
    return re.sub(r"\$(\d+)", r"?\1", text)


def _columns(row: type[Row]) -> str:
    return ", ".join(f'"{name}"' for name in row.__struct_fields__)


def on_conflict(row: type[Row], conflict: str) -> str:
    """Return the ON CONFLICT clause, the same in both databases."""
    if conflict == "error":
        return ""
    target = ", ".join(f'"{name}"' for name in row.primary_key)
    if conflict == "ignore":
        return f" ON CONFLICT ({target}) DO NOTHING"
    changed = [name for name in row.__struct_fields__ if name not in row.primary_key]
    values = ", ".join(f'"{name}" = excluded."{name}"' for name in changed)
    return f" ON CONFLICT ({target}) DO UPDATE SET {values}"
