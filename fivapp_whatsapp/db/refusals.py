"""Turns a driver's refusal of one row into errors that say so: the row is to blame, not the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from fivapp_whatsapp.errors import InvalidInput, StoreError

_UNIQUE = frozenset({sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE})


class Collision(Exception):
    """Another process has just added a row with the same key."""


def not_storable() -> InvalidInput:
    """Make the error for a value that no database of ours can keep: NUL, half a character, a number without end."""
    return InvalidInput("This holds a character or a number that cannot be stored.", code="not_storable")


@contextmanager
def translate_refusals() -> Iterator[None]:
    """Raise InvalidInput for a value that cannot be stored, Collision for a key that is taken.

    Raises StoreError for whatever else a driver says of a statement.
    """
    try:
        yield
    except (UnicodeError, OverflowError, sqlite3.DataError, asyncpg.DataError) as exc:
        raise not_storable() from exc
    except asyncpg.UniqueViolationError as exc:
        raise Collision from exc
    except sqlite3.IntegrityError as exc:
        if exc.sqlite_errorcode in _UNIQUE:
            raise Collision from exc
        raise StoreError("The database refused a row.") from exc
    except (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        raise StoreError("The database refused a statement.") from exc


def check_texts(rows: Iterable[tuple[Any, ...]]) -> None:
    """Raise InvalidInput for a text with NUL: PostgreSQL refuses it, and SQLite shall do the same."""
    for row in rows:
        for value in row:
            if type(value) is str and "\0" in value:
                raise not_storable()
