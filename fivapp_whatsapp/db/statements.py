"""What a transaction asks of a database, in words that both databases understand.

The writer's work is a generator that yields these and receives rows; each database runs it in its own way:
SQLite in one thread, statement by statement, PostgreSQL with one round trip for each.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

import msgspec

from .row import Row

T = TypeVar("T")


class Lock(msgspec.Struct, frozen=True):
    """Hold the rows of a table with these primary keys of one column till the end; the first statement, if any.

    What it holds is to be read afterwards: whoever held it before may have changed it meanwhile.
    """

    row: type[Row]
    keys: Sequence[str]


class Lookup(msgspec.Struct, frozen=True):
    """Read the rows of a table whose columns `by` have one of the values `keys`."""

    row: type[Row]
    by: tuple[str, ...]
    keys: Sequence[tuple[Any, ...]]


class Write(msgspec.Struct, frozen=True):
    """Insert rows of one table.

    `conflict` says what becomes of a row whose primary key is there: `error`, `ignore` (also for another unique
    key), `replace`, or `earliest`, which takes over no more than an earlier `at`.
    """

    row: type[Row]
    rows: Sequence[Row]
    conflict: str = "error"


class Delete(msgspec.Struct, frozen=True):
    """Delete the rows of one table with these primary keys."""

    row: type[Row]
    keys: Sequence[tuple[Any, ...]]


class Sql(msgspec.Struct, frozen=True):
    """Run one statement of our own, its values as $1, $2 …; the rows come as sequences."""

    text: str
    values: tuple[Any, ...] = ()


class Notify(msgspec.Struct, frozen=True):
    """Tell other processes of the new heads of logs, if the transaction commits."""

    heads: dict[str, int]


class Many(msgspec.Struct, frozen=True):
    """Run statements of which none needs another's rows, and no two touch one row; answers with the rows of each."""

    statements: Sequence[Lookup | Write | Delete | Sql | Notify]


Statement = Lock | Lookup | Write | Delete | Sql | Notify | Many
Work = Generator[Statement, list[Any], T]
MakeWork = Callable[[], Work[T]]


def on_conflict(row: type[Row], conflict: str) -> str:
    """Return the ON CONFLICT clause of a Write, which both databases read alike."""
    if conflict == "error":
        return ""
    if conflict == "ignore":
        return " ON CONFLICT DO NOTHING"
    target = ", ".join(f'"{name}"' for name in row.primary_key)
    if conflict == "earliest":
        return f' ON CONFLICT ({target}) DO UPDATE SET "at" = excluded."at" WHERE excluded."at" < {row.table}."at"'
    changed = [name for name in row.__struct_fields__ if name not in row.primary_key]
    values = ", ".join(f'"{name}" = excluded."{name}"' for name in changed)
    return f" ON CONFLICT ({target}) DO UPDATE SET {values}"
