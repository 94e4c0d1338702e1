"""Engines over both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fivapp_whatsapp.db.engine import Engine, PostgresEngine, SQLiteEngine, make_engine
from fivapp_whatsapp.db.store import DatabaseStore

from .world import add_connected


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[Engine]:
    """A started engine over a migrated database."""
    engine = make_engine(database_url)
    await engine.start_connection_pool()
    yield engine
    await engine.close_connection_pool()


@pytest.fixture
async def sqlite_engine(sqlite_url: str) -> AsyncIterator[SQLiteEngine]:
    """A started engine over a migrated SQLite file."""
    engine = make_engine(sqlite_url)
    assert isinstance(engine, SQLiteEngine)
    await engine.start_connection_pool()
    yield engine
    await engine.close_connection_pool()


@pytest.fixture
async def postgres_engine(postgres_url: str) -> AsyncIterator[PostgresEngine]:
    """A started engine over a migrated PostgreSQL database."""
    engine = make_engine(postgres_url)
    assert isinstance(engine, PostgresEngine)
    await engine.start_connection_pool()
    yield engine
    await engine.close_connection_pool()


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[DatabaseStore]:
    """A started store where the tenant acme has a connected session."""
    store = DatabaseStore(database_url)
    await store.start()
    await add_connected(store)
    yield store
    await store.close()


@pytest.fixture
async def other_store(store: DatabaseStore, database_url: str) -> AsyncIterator[DatabaseStore]:
    """A second store on the same database: another server on PostgreSQL, a command beside the server on SQLite."""
    other = DatabaseStore(database_url, server=False)
    await other.start()
    yield other
    await other.close()


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[DatabaseStore]:
    """As `store`, for what only SQLite does; it waits a moment for other writers, not seconds."""
    store = DatabaseStore(sqlite_url, busy_seconds=0.2)
    await store.start()
    await add_connected(store)
    yield store
    await store.close()


@pytest.fixture
async def postgres_store(postgres_url: str) -> AsyncIterator[DatabaseStore]:
    """As `store`, for what only PostgreSQL does."""
    store = DatabaseStore(postgres_url)
    await store.start()
    await add_connected(store)
    yield store
    await store.close()
