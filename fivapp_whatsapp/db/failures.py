"""Turns what the drivers raise when a database cannot serve into StoreUnavailable, in this one place."""

from __future__ import annotations

import errno
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from fivapp_whatsapp.errors import StoreError, StoreUnavailable

_SQLITE_DETAILS = {
    sqlite3.SQLITE_BUSY: "The database file is locked by another writer. Try again.",
    sqlite3.SQLITE_LOCKED: "The database file is locked by another writer. Try again.",
    sqlite3.SQLITE_NOMEM: "SQLite is out of memory.",
    sqlite3.SQLITE_READONLY: "The database file cannot be written: check the permissions of the file and its folder.",
    sqlite3.SQLITE_INTERRUPT: "The query was interrupted.",
    sqlite3.SQLITE_IOERR: "The database file cannot be read or written: check the disk.",
    sqlite3.SQLITE_FULL: "The disk of the database file is full.",
    sqlite3.SQLITE_CANTOPEN: "The database file cannot be opened: check DATABASE_URL, the folder and its permissions.",
    sqlite3.SQLITE_PROTOCOL: "The database file is locked by another writer. Try again.",
}
_SQLITE_DAMAGE = {
    sqlite3.SQLITE_CORRUPT: "The database file is damaged: restore it from a backup.",
    sqlite3.SQLITE_NOTADB: "The file that DATABASE_URL names is not an SQLite database.",
}
# By SQLSTATE, or its class of two letters: https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL_DETAILS = {
    "08": "The connection to PostgreSQL is lost.",
    "25006": "PostgreSQL is read-only at the moment.",
    "28": "PostgreSQL refused the login: check the user and password in DATABASE_URL.",
    "3D000": "PostgreSQL has no database of the name in DATABASE_URL.",
    "40": "PostgreSQL gave up this transaction in favour of another. Try again.",
    "53300": "PostgreSQL has no connection left: raise its max_connections.",
    "53": "PostgreSQL is short of disk or memory.",
    "55P03": "PostgreSQL did not get a lock in time.",
    "57014": "PostgreSQL took too long to answer.",
    "57": "PostgreSQL is starting or shutting down.",
    "58": "PostgreSQL cannot read or write its files: check its disk.",
}


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise StoreUnavailable for a database that cannot serve now; mistakes in a statement pass unchanged.

    Raises StoreError for a damaged file.
    """
    try:
        yield
    except sqlite3.Error as exc:
        _raise_for_sqlite(exc)
        raise
    except asyncpg.PostgresError as exc:
        state = exc.sqlstate or ""
        detail = _POSTGRESQL_DETAILS.get(state) or _POSTGRESQL_DETAILS.get(state[:2])
        if detail is None:
            raise
        raise StoreUnavailable(detail) from exc
    except asyncpg.InterfaceError as exc:
        # Its other uses are mistakes of the caller.
        if any(word in str(exc) for word in ("closed", "closing", "released", "terminated", "not initialized")):
            raise StoreUnavailable("The connection to PostgreSQL is lost.") from exc
        raise
    except (OSError, asyncpg.InternalClientError) as exc:
        raise StoreUnavailable("The database cannot be reached.") from exc


@contextmanager
def translate_connecting(where: str) -> Iterator[None]:
    """Raise StoreUnavailable, with the place and the reason, for a PostgreSQL that does not let us in."""
    try:
        yield
    except asyncpg.PostgresError as exc:
        state = exc.sqlstate or ""
        reason = _POSTGRESQL_DETAILS.get(state) or _POSTGRESQL_DETAILS.get(state[:2]) or f"It says {state}."
        raise StoreUnavailable(f"{where} does not let us in. {reason}") from exc
    except (OSError, asyncpg.InternalClientError) as exc:
        raise StoreUnavailable(f"{where} cannot be reached: {_reason(exc)}.") from exc
    except asyncpg.InterfaceError as exc:
        if not isinstance(exc, ValueError):
            raise
        # asyncpg's word for options of the URL; without the cause, which may quote it.
        raise StoreUnavailable(f"{where} cannot be reached: DATABASE_URL has an option that is not known.") from None


def _reason(exc: BaseException) -> str:
    if isinstance(exc, socket.gaierror):
        return "there is no such host"
    if isinstance(exc, TimeoutError):
        return "it does not answer in time"
    # One name may stand for several addresses: asyncio tells of all their failures in one text.
    if isinstance(exc, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(exc):
        return "it refuses connections; does it run there?"
    return (exc.strerror if isinstance(exc, OSError) else None) or "the connection broke off"


def _raise_for_sqlite(exc: sqlite3.Error) -> None:
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if code in _SQLITE_DAMAGE:
        raise StoreError(_SQLITE_DAMAGE[code]) from exc
    if code in _SQLITE_DETAILS:
        raise StoreUnavailable(_SQLITE_DETAILS[code]) from exc
    if isinstance(exc, sqlite3.ProgrammingError) and "closed" in str(exc):
        raise StoreUnavailable("The database is closed.") from exc
