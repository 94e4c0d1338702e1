"""The engine that a DATABASE_URL names, and what is the same for both kinds of database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from fivapp_whatsapp.errors import SettingsError

from .failures import translate_errors
from .postgres import PostgresEngine, pg_connection, postgres_durability
from .sqlite import ServerLock, SQLiteEngine, connect_sqlite, sqlite_durability

__all__ = [
    "check_durability",
    "connect_sqlite",
    "Durability",
    "Engine",
    "make_engine",
    "pg_connection",
    "PostgresEngine",
    "ServerLock",
    "SQLiteEngine",
    "translate_errors",
]

Engine: TypeAlias = SQLiteEngine | PostgresEngine
_EXAMPLES = "Write sqlite:///fivapp.db, sqlite:////var/lib/fivapp.db or postgresql://user:password@host/database."


def make_engine(url: str) -> Engine:
    """Return the engine of a DATABASE_URL; nothing is connected yet.

    Raises SettingsError, which says what to write and never shows the URL.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as exc:
        # Without the cause: its text may quote the password.
        raise SettingsError(f"DATABASE_URL cannot be read: {type(exc).__name__}. {_EXAMPLES}") from None
    if parts.scheme == "sqlite":
        return SQLiteEngine(_sqlite_path(parts))
    if parts.scheme in ("postgresql", "postgres"):
        return PostgresEngine(url)
    raise SettingsError(f"DATABASE_URL must begin with sqlite:/// or postgresql://. {_EXAMPLES}")


def _sqlite_path(parts: SplitResult) -> str:
    path = unquote(parts.path[1:])
    if path in ("", ":memory:") and not parts.netloc:
        raise SettingsError(f"DATABASE_URL must name a file: a database in memory would lose messages. {_EXAMPLES}")
    if parts.netloc or parts.query or parts.fragment or "\0" in path:
        raise SettingsError(f"DATABASE_URL must be sqlite:/// and a path, no more. {_EXAMPLES}")
    if Path(path).is_dir() or not Path(path).absolute().parent.is_dir():
        raise SettingsError(f"DATABASE_URL names {path!r}, which is a folder, or in one that does not exist.")
    return path


class Durability(msgspec.Struct, frozen=True):
    """Whether a commit outlives a crash of the machine, and what to do if not."""

    problems: tuple[str, ...] = ()

    @property
    def durable(self) -> bool:
        """Return whether nothing stands in the way."""
        return not self.problems


async def check_durability(engine: Engine, *, deep: bool = False) -> Durability:
    """Look whether the database keeps what it commits; `deep` reads a whole SQLite file for damage.

    Raises StoreUnavailable when there is no answer, StoreError when SQLite cannot use our settings.
    """
    if isinstance(engine, PostgresEngine):
        return Durability(tuple(await postgres_durability(engine)))
    return Durability(tuple(await asyncio.to_thread(sqlite_durability, engine.path, deep=deep)))
