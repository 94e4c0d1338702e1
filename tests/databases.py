"""Databases for tests: one PostgreSQL server a run, one fresh database a test, SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fivapp_whatsapp.db.engine import make_engine
from fivapp_whatsapp.db.migrate import migrate
from fivapp_whatsapp.testing.postgres import create_database, drop_database, postgres_server

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """The URL of a PostgreSQL server, started when the first test needs it."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_dsn: str) -> Iterator[str]:
    """The name of a migrated database to copy from."""

    async def make() -> str:
        url = await create_database(postgres_dsn)
        await migrate(make_engine(url))
        return url

    url = asyncio.run(make())
    yield urlsplit(url).path.lstrip("/")
    asyncio.run(drop_database(url))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    asyncio.run(migrate(make_engine(f"sqlite:///{path}")))
    return path


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each test that needs a database runs on both kinds."""
    return str(request.param)


# The two below ask for their servers by name, so that PostgreSQL starts only when a case needs it.


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated database of the test's own."""
    if database_kind == "sqlite":
        path = tmp_path / "fivapp.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        template = request.getfixturevalue("postgres_template")
        yield from _postgres_database(request.getfixturevalue("postgres_dsn"), template)


@pytest.fixture(scope="module", params=KINDS)
def module_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a migrated database that the tests of one file share; they run on both kinds."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("module") / "fivapp.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        template = request.getfixturevalue("postgres_template")
        yield from _postgres_database(request.getfixturevalue("postgres_dsn"), template)


@pytest.fixture
def empty_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of the test's own, without a table."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        yield from _postgres_database(request.getfixturevalue("postgres_dsn"), None)


@pytest.fixture
def postgres_url(postgres_dsn: str, postgres_template: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database, for what only PostgreSQL does."""
    yield from _postgres_database(postgres_dsn, postgres_template)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite file, for what only SQLite does."""
    path = tmp_path / "fivapp.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


def _postgres_database(server: str, template: str | None) -> Iterator[str]:
    url = asyncio.run(create_database(server, template))
    yield url
    asyncio.run(drop_database(url))
