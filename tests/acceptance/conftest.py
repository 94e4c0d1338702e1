"""Clusters for the tests here: one for each kind of database and file of tests, since processes are slow to start."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from fivapp_whatsapp.db.engine import make_engine
from fivapp_whatsapp.db.migrate import migrate
from fivapp_whatsapp.testing.postgres import create_database, drop_database, postgres_server


@pytest.fixture(scope="session")
def durable_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that keeps its commits: `serve` takes no other."""
    with postgres_server(durable=True) as url:
        yield url


@pytest.fixture(scope="module")
def durable_url(durable_postgres: str) -> Iterator[str]:
    """The URL of a migrated database on that server, for the tests of one file."""
    url = asyncio.run(create_database(durable_postgres))
    asyncio.run(migrate(make_engine(url)))
    yield url
    asyncio.run(drop_database(url))
