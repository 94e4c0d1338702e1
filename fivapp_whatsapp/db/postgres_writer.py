"""Runs the writer's transactions on PostgreSQL: a round trip for each statement, whatever the number of rows.

Rows are written as one JSON text, which costs the event loop a third of what arrays of columns cost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import asyncpg
import msgspec
from piccolo.columns import BigInt, Boolean, Bytea, Integer

from .postgres import PostgresEngine, pg_connection
from .refusals import translate_refusals
from .row import Row
from .statements import Delete, Lookup, MakeWork, Notify, Sql, Statement, Write, on_conflict
from .tables import TABLES

CHANNEL = "fivapp_changes"
_NOTIFY = "SELECT pg_notify($1, p) FROM unnest($2::text[]) AS p"
T = TypeVar("T")
_encode = msgspec.json.Encoder().encode
_TABLES = {table._meta.tablename: table for table in TABLES}
_TYPES = ((BigInt, "bigint"), (Integer, "integer"), (Boolean, "boolean"), (Bytea, "bytea"))


class PostgresWriterDatabase:
    """The writing side of a PostgreSQL database."""

    def __init__(self, engine: PostgresEngine) -> None:
        self._engine = engine

    async def transact(self, work: MakeWork[T]) -> T:
        """Run the work in one transaction. Raises StoreUnavailable, InvalidInput, Collision."""
        with translate_refusals():
            async with pg_connection(self._engine) as connection, connection.transaction():
                return await _drive(connection, work)


async def _drive(connection: asyncpg.Connection[Any], make: MakeWork[T]) -> T:
    work = make()
    rows: list[Any] | None = None
    while True:
        try:
            # A generator is begun by sending None.
            statement = work.send(rows)  # type: ignore[arg-type]
        except StopIteration as end:
            result: T = end.value
            return result
        rows = await run_on_postgres(connection, statement)


async def run_on_postgres(connection: asyncpg.Connection[Any], statement: Statement) -> list[Any]:
    """Run one statement and return its rows."""
    match statement:
        case Lookup(row=row, by=by, keys=keys, lock=lock):
            found = await connection.fetch(_select(row, by, lock), *_arrays(keys, len(by)))
            return [row.of(values) for values in found]
        case Write(row=row, rows=rows, conflict=conflict):
            await connection.execute(_insert(row, conflict), _encode(rows).decode())
        case Delete(row=row, keys=keys):
            await connection.execute(_delete(row), *_arrays(keys, len(row.primary_key)))
        case Sql(text=text, values=values):
            return list(await connection.fetch(text, *values))
        case Notify(heads=heads):
            payloads = [f"{tenant} {seq}" for tenant, seq in heads.items()]
            await connection.execute(_NOTIFY, CHANNEL, payloads)
    return []


def _arrays(rows: Any, width: int) -> list[list[Any]]:
    """Turn rows into one array a column: the statement's text stays the same for any number of rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


@lru_cache
def _select(row: type[Row], by: tuple[str, ...], lock: bool) -> str:
    columns = ", ".join(f't."{name}"' for name in row.__struct_fields__)
    same = " AND ".join(f't."{name}" = k."{name}"' for name in by)
    order = ", ".join(f't."{name}"' for name in by)
    tail = f" ORDER BY {order} FOR UPDATE OF t" if lock else ""
    return f"SELECT {columns} FROM {row.table} AS t JOIN {_keys(row, by)} ON {same}{tail}"  # noqa: S608  # our names


@lru_cache
def _insert(row: type[Row], conflict: str) -> str:
    types = {name: _type(row, name) for name in row.__struct_fields__}
    # JSON has no bytes: they come as base64.
    given = ", ".join(f'"{name}" {"text" if kind == "bytea" else kind}' for name, kind in types.items())
    taken = ", ".join(f"decode(\"{n}\", 'base64')" if kind == "bytea" else f'"{n}"' for n, kind in types.items())
    columns = ", ".join(f'"{name}"' for name in types)
    values = f"SELECT {taken} FROM json_to_recordset($1::json) AS r({given})"  # noqa: S608  # our names
    return f"INSERT INTO {row.table} ({columns}) {values}{on_conflict(row, conflict)}"  # our names


@lru_cache
def _delete(row: type[Row]) -> str:
    same = " AND ".join(f't."{name}" = k."{name}"' for name in row.primary_key)
    return f"DELETE FROM {row.table} AS t USING {_keys(row, row.primary_key)} WHERE {same}"  # noqa: S608  # our names


def _keys(row: type[Row], names: tuple[str, ...]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f"unnest({_parameters(row, names)}) AS k({columns})"


def _parameters(row: type[Row], names: tuple[str, ...]) -> str:
    return ", ".join(f"${place}::{_type(row, name)}[]" for place, name in enumerate(names, 1))


def _type(row: type[Row], name: str) -> str:
    for column in _TABLES[row.table]._meta.columns:
        if column._meta.db_column_name == name:
            return next((word for kind, word in _TYPES if isinstance(column, kind)), "text")
    raise LookupError(name)
