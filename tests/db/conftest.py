"""Engines over both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fivapp_whatsapp.db.engine import Engine, PostgresEngine, SQLiteEngine, make_engine


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
