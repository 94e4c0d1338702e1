"""Runs the writer's transactions on PostgreSQL: a round trip for all statements that need not wait for one another.

Rows are written as one JSON text, which costs the event loop a third of what arrays of columns cost; where several
tables are read at once, they come back as JSON too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar, cast

import asyncpg
import msgspec
from piccolo.columns import BigInt, Boolean, Bytea, Integer

from .postgres import PostgresEngine, pg_connection
from .refusals import translate_refusals
from .row import Row
from .rows import QuarantineRow, WebhookBatchRow
from .statements import Delete, Lock, Lookup, MakeWork, Many, Notify, Sql, Statement, Work, Write, on_conflict
from .tables import TABLES

CHANNEL = "fivapp_changes"
# What was locked is read by the statement after: it must see what was committed while it waited.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
_NOTIFY = "SELECT pg_notify(${}, p) FROM unnest(${}::text[]) AS p"
# A longer one is prepared anew each time: asyncpg's max_cacheable_statement_size.
_CACHED_SQL = 15_000
# JSON has no bytes.
_WITH_BYTES = frozenset({QuarantineRow, WebhookBatchRow})
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
            async with pg_connection(self._engine) as connection:
                return await _in_transaction(connection, work())


async def _in_transaction(connection: asyncpg.Connection[Any], work: Work[T]) -> T:
    try:
        statement = next(work)
    except StopIteration as end:
        return cast(T, end.value)
    try:
        await connection.execute(_opening(statement))
        rows = [] if isinstance(statement, Lock) else await run_on_postgres(connection, statement)
        result = await _drive(connection, work, rows)
        await connection.execute("COMMIT")
    except BaseException:
        # A connection that is too broken for this is thrown away by whoever lent it.
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await connection.execute("ROLLBACK")
        raise
    return result


async def _drive(connection: asyncpg.Connection[Any], work: Work[T], rows: list[Any]) -> T:
    while True:
        try:
            statement = work.send(rows)
        except StopIteration as end:
            return cast(T, end.value)
        rows = await run_on_postgres(connection, statement)


def _opening(statement: Statement) -> str:
    """Return what begins a transaction; a lock goes with it, a round trip less for which everybody waits."""
    return f"{_BEGIN}; {_lock(statement.row, statement.keys)}" if isinstance(statement, Lock) else _BEGIN


async def run_on_postgres(connection: asyncpg.Connection[Any], statement: Statement) -> list[Any]:
    """Run one statement and return its rows."""
    match statement:
        case Lock(row=row, keys=keys):
            await connection.execute(_lock(row, keys))
        case Lookup(row=row, by=by, keys=keys):
            found = await connection.fetch(_select(row, by), *_arrays(keys, len(by)))
            return [row.of(values) for values in found]
        case Write(row=row, rows=rows, conflict=conflict):
            await connection.execute(_insert(row, conflict), _encode(rows).decode())
        case Delete(row=row, keys=keys):
            await connection.execute(_delete(row), *_arrays(keys, len(row.primary_key)))
        case Sql(text=text, values=values):
            return list(await connection.fetch(text, *values))
        case Notify(heads=heads):
            await connection.execute(_NOTIFY.format(1, 2), CHANNEL, _payloads(heads))
        case Many(statements=statements):
            return await _run_many(connection, statements)
    return []


async def _run_many(connection: asyncpg.Connection[Any], statements: Sequence[Statement]) -> list[Any]:
    if len(statements) > 1:
        if all(isinstance(each, Lookup) and each.row not in _WITH_BYTES for each in statements):
            return await _look_up(connection, cast("Sequence[Lookup]", statements))
        if all(isinstance(each, Write | Delete | Notify) for each in statements):
            sql = _change(tuple(map(_shape, statements)))
            if len(sql) <= _CACHED_SQL:
                await connection.execute(sql, *(value for each in statements for value in _values_of(each)))
                return [[] for _ in statements]
    return [await run_on_postgres(connection, each) for each in statements]


async def _look_up(connection: asyncpg.Connection[Any], lookups: Sequence[Lookup]) -> list[list[Row]]:
    values = [array for each in lookups for array in _arrays(each.keys, len(each.by))]
    found = await connection.fetchrow(_selects(tuple((each.row, each.by) for each in lookups)), *values)
    texts: Sequence[str | None] = found or ()
    return [_rows(each.row)(text) if text else [] for each, text in zip(lookups, texts, strict=True)]


def _shape(statement: Statement) -> tuple[Any, ...]:
    """Return what a statement's text follows from."""
    match statement:
        case Write(row=row, conflict=conflict):
            return Write, row, conflict
        case Delete(row=row):
            return Delete, row
    return (Notify,)


def _values_of(statement: Statement) -> list[Any]:
    match statement:
        case Write(rows=rows):
            return [_encode(rows).decode()]
        case Delete(row=row, keys=keys):
            return _arrays(keys, len(row.primary_key))
        case Notify(heads=heads):
            return [CHANNEL, _payloads(heads)]
    raise TypeError(type(statement).__name__)


def _payloads(heads: Mapping[str, int]) -> list[str]:
    return [f"{tenant} {seq}" for tenant, seq in heads.items()]


@lru_cache
def _rows(row: type[Row]) -> Callable[[str], list[Row]]:
    return msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]


@lru_cache
def _selects(tables: tuple[tuple[type[Row], tuple[str, ...]], ...]) -> str:
    """Return the statement that reads several tables: one row, a column of JSON for each."""
    columns, first = [], 1
    for row, by in tables:
        columns.append(f"(SELECT json_agg(q) FROM ({_select(row, by, first)}) AS q)")  # noqa: S608  # our names
        first += len(by)
    return f"SELECT {', '.join(columns)}"


@lru_cache
def _change(shapes: tuple[tuple[Any, ...], ...]) -> str:
    """Return the statement that changes several tables, and tells of it if one of these is to."""
    parts, last, first = [], "SELECT", 1
    for shape in shapes:
        match shape:
            case (kind, row, conflict) if kind is Write:
                parts.append(_insert(row, conflict, first))
                first += 1
            case (kind, row) if kind is Delete:
                parts.append(_delete(row, first))
                first += len(row.primary_key)
            case _:
                last = _NOTIFY.format(first, first + 1)
                first += 2
    return f"WITH {', '.join(f'p{n} AS ({part})' for n, part in enumerate(parts))} {last}"


def _arrays(rows: Any, width: int) -> list[list[Any]]:
    """Turn rows into one array a column: the statement's text stays the same for any number of rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


@lru_cache
def _select(row: type[Row], by: tuple[str, ...], first: int = 1) -> str:
    columns = ", ".join(f'"{name}"' for name in row.__struct_fields__)
    same = " AND ".join(f't."{name}" = k."{name}"' for name in by)
    # OFFSET 0 keeps the planner from joining otherwise than key by key, whatever it thinks of an empty table.
    found = f"SELECT {columns} FROM {row.table} AS t WHERE {same} OFFSET 0"  # noqa: S608  # our names
    return f"SELECT t.* FROM {_keys(row, by, first)} CROSS JOIN LATERAL ({found}) AS t"  # noqa: S608  # our names


def _lock(row: type[Row], keys: Sequence[str]) -> str:
    """Return the statement of a Lock without parameters, as what goes with BEGIN must be; its values cannot end it."""
    values = ", ".join(f"convert_from(decode('{key.encode().hex()}', 'hex'), 'UTF8')" for key in keys)
    [name] = row.primary_key
    return f'SELECT 1 FROM {row.table} WHERE "{name}" IN ({values}) ORDER BY "{name}" FOR UPDATE'  # noqa: S608  # our names


@lru_cache
def _insert(row: type[Row], conflict: str, first: int = 1) -> str:
    types = {name: _type(row, name) for name in row.__struct_fields__}
    # JSON has no bytes: they come as base64.
    given = ", ".join(f'"{name}" {"text" if kind == "bytea" else kind}' for name, kind in types.items())
    taken = ", ".join(f"decode(\"{n}\", 'base64')" if kind == "bytea" else f'"{n}"' for n, kind in types.items())
    columns = ", ".join(f'"{name}"' for name in types)
    values = f"SELECT {taken} FROM json_to_recordset(${first}::json) AS r({given})"  # noqa: S608  # our names
    return f"INSERT INTO {row.table} ({columns}) {values}{on_conflict(row, conflict)}"  # our names


@lru_cache
def _delete(row: type[Row], first: int = 1) -> str:
    if len(row.primary_key) == 1:
        one = f'"{row.primary_key[0]}" = ANY({_parameters(row, row.primary_key, first)})'
        return f"DELETE FROM {row.table} WHERE {one}"  # noqa: S608  # our names
    same = " AND ".join(f't."{name}" = k."{name}"' for name in row.primary_key)
    return f"DELETE FROM {row.table} AS t USING {_keys(row, row.primary_key, first)} WHERE {same}"  # noqa: S608  # our names


def _keys(row: type[Row], names: tuple[str, ...], first: int) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f"unnest({_parameters(row, names, first)}) AS k({columns})"


def _parameters(row: type[Row], names: tuple[str, ...], first: int) -> str:
    return ", ".join(f"${place}::{_type(row, name)}[]" for place, name in enumerate(names, first))


def _type(row: type[Row], name: str) -> str:
    for column in _TABLES[row.table]._meta.columns:
        if column._meta.db_column_name == name:
            return next((word for kind, word in _TYPES if isinstance(column, kind)), "text")
    raise LookupError(name)
