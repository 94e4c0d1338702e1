"""Brings a database to the newest schema: at start-up under a lock, or through Piccolo's own command.

What was applied stands in `fivapp_migration`, written in the same transaction as its effect. Piccolo's table
`migration` is not asked: a host may have one of its own, and Piccolo writes there after the transaction.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Sequence
from contextvars import ContextVar
from types import ModuleType
from typing import cast

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine import engine_finder
from piccolo.querystring import QueryString

from . import migrations
from .engine import Engine, PostgresEngine
from .tables import Migrations, bound

APP_NAME = "fivapp_whatsapp"
# An arbitrary number, the same in every process: who holds it migrates.
_LOCK = 4_701_829_316
_RECORD = """CREATE TABLE IF NOT EXISTS fivapp_migration (name TEXT NOT NULL PRIMARY KEY, applied_at INT8 NOT NULL)"""
_current: ContextVar[Engine | None] = ContextVar("fivapp_migrating_engine", default=None)


async def migrate(engine: Engine) -> list[str]:
    """Apply what is missing, and return the names of what this call applied, oldest first.

    Many processes may call it at once: one works, the others wait and find nothing left. Raises StoreUnavailable.
    """
    applied: list[str] = []
    token = _current.set(engine)
    try:
        recorded = await _recorded(engine)
        for module in modules():
            if module.ID not in recorded:
                manager: MigrationManager = await module.forwards()
                for step in manager.raw:
                    if await step():
                        applied.append(module.ID)
    finally:
        _current.reset(token)
    return applied


async def pending(engine: Engine) -> list[str]:
    """Return the names of the migrations that are not applied, oldest first. Raises StoreUnavailable."""
    recorded = await _recorded(engine)
    return [module.ID for module in modules() if module.ID not in recorded]


def raw_migration(
    name: str,
    description: str,
    *,
    sqlite: Sequence[str],
    postgresql: Sequence[str],
    columns: Sequence[tuple[str, str, str]] = (),
) -> MigrationManager:
    """Return a Piccolo migration that runs these statements once, in one transaction, with its own record.

    `columns` are added to tables that are there already: table, name, and type with what else SQLite takes here
    (null, or a constant default).
    """

    async def apply() -> bool:
        engine = _current.get() or cast(Engine, engine_finder())
        statements = postgresql if isinstance(engine, PostgresEngine) else sqlite
        return await _apply(engine, name, statements, columns)

    manager = MigrationManager(migration_id=name, app_name=APP_NAME, description=description)
    manager.add_raw(apply)
    return manager


async def _apply(engine: Engine, name: str, statements: Sequence[str], columns: Sequence[tuple[str, str, str]]) -> bool:
    # On SQLite the transaction itself is the lock: it is IMMEDIATE.
    async with engine.transaction():
        if isinstance(engine, PostgresEngine):
            await engine.run_ddl("SET LOCAL statement_timeout = 0")
            await engine.run_ddl(f"SELECT pg_advisory_xact_lock({_LOCK})")
        await engine.run_ddl(_RECORD)
        if await _is_recorded(engine, name):
            return False
        for statement in statements:
            await engine.run_ddl(statement)
        for table, column, kind in columns:
            if not await _has_column(engine, table, column):
                await engine.run_ddl(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
        records = bound(Migrations, engine)
        await records.insert(records(name=name, applied_at=time.time_ns() // 1_000_000))
    return True


async def _recorded(engine: Engine) -> frozenset[str]:
    # All at once: before the pool is open, each question is a connection of its own.
    if not await _has_record_table(engine):
        return frozenset()
    records = bound(Migrations, engine)
    return frozenset(await records.select(records.name).output(as_list=True))


async def _is_recorded(engine: Engine, name: str) -> bool:
    records = bound(Migrations, engine)
    return await records.exists().where(records.name == name)


async def _has_record_table(engine: Engine) -> bool:
    name = Migrations._meta.tablename
    if isinstance(engine, PostgresEngine):
        query = QueryString("SELECT 1 WHERE to_regclass({}) IS NOT NULL", name)
    else:
        query = QueryString("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = {}", name)
    return bool(await engine.run_querystring(query))


async def _has_column(engine: Engine, table: str, column: str) -> bool:
    if isinstance(engine, PostgresEngine):
        where = "attrelid = to_regclass({}) AND attname = {} AND NOT attisdropped"
        query = QueryString(f"SELECT 1 FROM pg_attribute WHERE {where}", table, column)  # noqa: S608  # our own words
    else:
        query = QueryString("SELECT 1 FROM pragma_table_info({}) WHERE name = {}", table, column)
    return bool(await engine.run_querystring(query))


def modules() -> list[ModuleType]:
    """Return the migrations, oldest first."""
    names = sorted(module.name for module in pkgutil.iter_modules(migrations.__path__))
    return sorted((importlib.import_module(f"{migrations.__name__}.{name}") for name in names), key=lambda m: m.ID)
