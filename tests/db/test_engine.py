from __future__ import annotations

import asyncio
import errno
import gc
import os
import random
import sqlite3
import subprocess
import sys
import time
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from piccolo.table import TABLE_REGISTRY

from fivapp_whatsapp.db.engine import (
    Engine,
    PostgresEngine,
    ServerLock,
    SQLiteEngine,
    check_durability,
    connect_sqlite,
    make_engine,
    pg_connection,
    translate_errors,
)
from fivapp_whatsapp.db.postgres import WRITE_POOL
from fivapp_whatsapp.db.postgres_writer import _select
from fivapp_whatsapp.db.row import Row
from fivapp_whatsapp.db.rows import (
    ContactRow,
    ConversationRow,
    CursorRow,
    MessageRow,
    OutboxRow,
    ParkedStatusRow,
    SessionRow,
)
from fivapp_whatsapp.db.tables import Tenants, bound, column_names
from fivapp_whatsapp.errors import SettingsError, StoreError, StoreLocked, StoreUnavailable

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]


# --- DATABASE_URL ------------------------------------------------------------------------------


def test_a_url_names_its_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert make_engine("sqlite:///fivapp.db").path == "fivapp.db"  # type: ignore[union-attr]
    assert make_engine(f"sqlite:///{tmp_path}/a%20b.db").path == f"{tmp_path}/a b.db"  # type: ignore[union-attr]
    assert isinstance(make_engine("postgres://nobody:pw@127.0.0.1:1/none"), PostgresEngine)
    assert isinstance(make_engine("postgresql:///none?host=/nowhere"), PostgresEngine)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "fivapp.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://user:S3CRET@host/x.db",
        "sqlite:///x.db?mode=memory&key=S3CRET",
        "sqlite:////nowhere/at/all/x.db",
        "sqlite:////",
        "mysql://user:S3CRET@host/db",
        "postgresql+asyncpg://user:S3CRET@host/db",
        "postgresql://user:S3CRET@host:port/db",
        "postgresql://user:S3CRET@[host/db",
    ],
)
def test_a_url_that_cannot_be_used_says_what_to_write_and_shows_no_password(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        make_engine(url)

    assert "S3CRET" not in f"{caught.value!r} {caught.value.__cause__!r}"


# --- both databases ----------------------------------------------------------------------------


async def test_values_pass_unchanged(engine: Engine, database_url: str) -> None:
    tenants = bound(Tenants, make_engine(database_url))
    row = {"id": "tênant\n'\"{}", "name": "日本 🎉 %s $1", "suspended": True, "created_at": 2**53}
    await tenants.insert(tenants(**row))

    assert await bound(Tenants, engine).select() == [row]
    assert column_names(Tenants) == tuple(row)


async def test_a_bound_table_is_made_once_and_goes_with_its_engine(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    known = len(TABLE_REGISTRY)
    table = bound(Tenants, engine)

    assert bound(Tenants, engine) is table
    assert len(TABLE_REGISTRY) == known
    gone = weakref.ref(engine)
    del engine, table
    gc.collect()
    assert gone() is None


async def test_reads_go_on_while_the_pool_opens_and_closes(database_url: str) -> None:
    engine = make_engine(database_url)
    tenants = bound(Tenants, engine)
    for _ in range(3):
        assert await tenants.count() == 0
        await engine.start_connection_pool()
        await engine.start_connection_pool()
        reads = [asyncio.create_task(tenants.count().run()) for _ in range(20)]
        assert await asyncio.gather(*reads) == [0] * 20
        await engine.close_connection_pool()
        await engine.close_connection_pool()


async def test_a_failed_or_cancelled_transaction_leaves_nothing(database_url: str) -> None:
    engine = make_engine(database_url)
    tenants = bound(Tenants, engine)
    await engine.start_connection_pool()

    async def failed() -> None:
        async with engine.transaction():
            await tenants.insert(tenants(id="a", name="", created_at=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failed()
    assert not engine.transaction_exists()

    async def cancelled(entered: asyncio.Event) -> None:
        async with engine.transaction():
            await tenants.insert(tenants(id="b", name="", created_at=1))
            entered.set()
            await asyncio.Event().wait()

    entered = asyncio.Event()
    task = asyncio.create_task(cancelled(entered))
    await entered.wait()
    task.cancel()
    await asyncio.wait([task])
    async with engine.transaction():
        await tenants.insert(tenants(id="c", name="", created_at=1))
    assert [row["id"] for row in await tenants.select()] == ["c"]
    await engine.close_connection_pool()


async def _fuzz(job: Callable[[int], Awaitable[Any]], count: int) -> None:
    """Run many jobs at once and cancel most of them, each at another point of its way."""
    random.seed(1)
    tasks = [asyncio.ensure_future(job(number)) for number in range(count)]
    for task in tasks:
        if random.random() < 0.7:
            for _ in range(random.randrange(12)):
                await asyncio.sleep(0)
            task.cancel()
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert [r for r in results if isinstance(r, Exception)] == []


async def test_cancelled_transactions_and_reads_lose_no_connection(engine: Engine) -> None:
    tenants = bound(Tenants, engine)

    async def job(number: int) -> None:
        if number % 3 == 0:
            async with engine.transaction():
                await tenants.insert(tenants(id=str(number), name="", created_at=1))
        else:
            await tenants.count()

    await _fuzz(job, 150)

    counts = await asyncio.wait_for(asyncio.gather(*(tenants.count() for _ in range(20))), 10)
    assert len(set(counts)) == 1
    async with engine.transaction():
        await tenants.delete(force=True)
    assert await tenants.count() == 0


# --- SQLite ------------------------------------------------------------------------------------


def test_a_connection_syncs_every_commit(tmp_path: Path) -> None:
    connection = connect_sqlite(tmp_path / "a.db")
    found = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
    }
    connection.close()

    assert found == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 5000, "foreign_keys": 1}


def test_a_file_system_without_wal_is_refused() -> None:
    with pytest.raises(StoreError, match="journal_mode"):
        connect_sqlite(":memory:")


def test_a_file_that_cannot_be_opened_or_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is not a database, but a text that is long enough to be one" * 20)

    with pytest.raises(StoreUnavailable, match="DATABASE_URL"):
        connect_sqlite(tmp_path / "no" / "a.db")
    with pytest.raises(StoreError, match="not an SQLite database"):
        connect_sqlite(tmp_path / "text.db")


async def test_forty_readers_see_no_lock_while_a_writer_commits(sqlite_engine: SQLiteEngine) -> None:
    tenants = bound(Tenants, sqlite_engine)
    writer = connect_sqlite(sqlite_engine.path)
    done = False

    def write() -> None:
        for number in range(200):
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO fivapp_tenant VALUES (?, '', 0, 1)", [str(number)])
            writer.execute("COMMIT")

    async def read() -> int:
        reads = 0
        while not done:
            await tenants.count()
            reads += 1
        return reads

    readers = [asyncio.create_task(read()) for _ in range(40)]
    await asyncio.to_thread(write)
    done = True
    assert min(await asyncio.gather(*readers)) > 0
    assert await tenants.count() == 200
    writer.close()


async def test_read_then_write_transactions_of_many_tasks_all_commit(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    tenants = bound(Tenants, engine)
    await tenants.insert(tenants(id="t", name="", created_at=0))

    async def count_up() -> None:
        async with engine.transaction():
            row = await tenants.select(tenants.created_at).first()
            assert row is not None
            await tenants.update({tenants.created_at: row["created_at"] + 1}, force=True)

    await asyncio.gather(*(count_up() for _ in range(20)))

    assert await tenants.select(tenants.created_at) == [{"created_at": 20}]


async def test_a_reader_of_the_running_server_cannot_write(sqlite_engine: SQLiteEngine) -> None:
    tenants = bound(Tenants, sqlite_engine)

    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await tenants.insert(tenants(id="t", name="", created_at=0))


LOCK_SCRIPT = """
import sys
from fivapp_whatsapp.db.engine import ServerLock
from fivapp_whatsapp.errors import StoreLocked
lock = ServerLock(sys.argv[1])
try:
    lock.acquire()
except StoreLocked:
    print("locked", flush=True)
else:
    print("held", flush=True)
    sys.stdin.read()
"""


def _server(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LOCK_SCRIPT, str(path)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_second_server_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    (tmp_path / "link.db").symlink_to(path)
    with _server(path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with _server(tmp_path / "link.db") as second:
            assert second.communicate(timeout=20)[0] == "locked\n"
        with pytest.raises(StoreLocked):
            ServerLock(path).acquire()
        first.kill()
        first.wait()
    with ServerLock(path), pytest.raises(StoreLocked), ServerLock(path):
        pass
    with ServerLock(path):
        pass


async def test_sqlite_is_durable_and_a_damaged_file_is_not(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    assert isinstance(engine, SQLiteEngine)
    assert (await check_durability(engine, deep=True)).durable

    size = os.path.getsize(engine.path)
    with open(engine.path, "r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * min(40_000, size - 8192))
    try:
        damaged = not (await check_durability(engine, deep=True)).durable
    except StoreError:
        damaged = True
    assert damaged


# --- PostgreSQL --------------------------------------------------------------------------------


async def test_an_engine_is_made_while_its_server_is_away_and_says_so_when_used() -> None:
    engine = make_engine("postgresql://nobody:S3CRET@127.0.0.1:1/none")

    for use in (engine.start_connection_pool, bound(Tenants, engine).count().run, lambda: check_durability(engine)):
        with pytest.raises(StoreUnavailable) as caught:
            await use()
        assert "S3CRET" not in str(caught.value)


async def test_a_cancelled_lease_always_comes_back(postgres_engine: PostgresEngine) -> None:
    async def job(number: int) -> None:
        async with pg_connection(postgres_engine) as connection, connection.transaction():
            await connection.execute("INSERT INTO fivapp_tenant VALUES ($1, '', false, 1)", str(number))
            await connection.fetchval("SELECT pg_sleep(0.001)")

    await _fuzz(job, 400)

    await _all_slots_are_free(postgres_engine)


async def _all_slots_are_free(engine: PostgresEngine) -> None:
    everyone = asyncio.Barrier(WRITE_POOL[1])

    async def hold() -> None:
        async with pg_connection(engine) as connection:
            await everyone.wait()
            assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid'") == 0

    await asyncio.wait_for(asyncio.gather(*(hold() for _ in range(WRITE_POOL[1]))), 10)


async def _serves_again(engine: PostgresEngine) -> None:
    # The idle connections died too, and asyncpg learns of it within a turn or two of the loop.
    deadline = time.monotonic() + 5
    while True:
        try:
            async with engine.transaction():
                await bound(Tenants, engine).count()
        except StoreUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0)
        else:
            return


async def test_after_a_killed_connection_the_same_task_goes_on(postgres_engine: PostgresEngine) -> None:
    tenants = bound(Tenants, postgres_engine)
    killer = await postgres_engine.connect()
    kill = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE pid <> pg_backend_pid() AND datname = current_database()"""

    async def use_a_transaction() -> None:
        async with postgres_engine.transaction():
            await tenants.count()
            await killer.fetch(kill)
            await tenants.count()

    async def use_a_connection() -> None:
        async with pg_connection(postgres_engine) as connection, connection.transaction():
            await killer.fetch(kill)
            await connection.fetch("SELECT 1")

    for use in (use_a_transaction, use_a_connection) * 2:
        with pytest.raises(StoreUnavailable):
            await use()
        assert not postgres_engine.transaction_exists()
        await _serves_again(postgres_engine)
    await _all_slots_are_free(postgres_engine)
    await killer.close()


async def test_a_transaction_that_was_left_open_is_not_lent_to_the_next(postgres_engine: PostgresEngine) -> None:
    async with pg_connection(postgres_engine) as connection:
        await connection.execute("BEGIN")
        await connection.execute("INSERT INTO fivapp_tenant VALUES ('t', '', false, 1)")

    await _all_slots_are_free(postgres_engine)
    assert await bound(Tenants, postgres_engine).count() == 0


async def test_a_read_that_takes_too_long_is_stopped(
    postgres_engine: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await postgres_engine.close_connection_pool()
    monkeypatch.setattr("fivapp_whatsapp.db.postgres.READ_TIMEOUT_MS", 50)
    await postgres_engine.start_connection_pool()

    with pytest.raises(StoreUnavailable, match="too long"):
        await bound(Tenants, postgres_engine).raw("SELECT pg_sleep(20)")
    assert await bound(Tenants, postgres_engine).count() == 0


async def test_a_cancel_that_was_meant_for_another_read_is_not_seen(postgres_engine: PostgresEngine) -> None:
    read = asyncio.ensure_future(bound(Tenants, postgres_engine).raw("SELECT pg_sleep(0.5), 'found' AS it").run())
    await asyncio.sleep(0.1)

    async with pg_connection(postgres_engine) as connection:
        cancelled = await connection.fetchval(
            "SELECT bool_or(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(0.5)%'"
        )

    assert cancelled
    assert [row["it"] for row in await read] == ["found"]


async def test_reads_never_keep_a_write_waiting(postgres_engine: PostgresEngine) -> None:
    reads = [asyncio.ensure_future(bound(Tenants, postgres_engine).raw("SELECT pg_sleep(1)").run()) for _ in range(20)]
    await asyncio.sleep(0)

    async with asyncio.timeout(0.9), pg_connection(postgres_engine) as connection:
        await connection.execute("INSERT INTO fivapp_tenant VALUES ('t', '', false, 1)")

    for read in reads:
        read.cancel()
    await asyncio.wait(reads)


async def test_a_server_that_does_not_sync_is_not_durable(postgres_engine: PostgresEngine) -> None:
    found = await check_durability(postgres_engine)

    assert not found.durable
    assert [name for name in ("fsync=off", "full_page_writes=off", "synchronous_commit=off") if name in str(found)] == [
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
    ]


# --- errors ------------------------------------------------------------------------------------


def _sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("x")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    "error",
    [
        _sqlite_error(sqlite3.SQLITE_BUSY),
        _sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT),
        _sqlite_error(sqlite3.SQLITE_LOCKED),
        _sqlite_error(sqlite3.SQLITE_FULL),
        _sqlite_error(sqlite3.SQLITE_IOERR_FSYNC),
        sqlite3.ProgrammingError("Cannot operate on a closed database."),
        asyncpg.ConnectionDoesNotExistError("x"),
        asyncpg.TooManyConnectionsError("x"),
        asyncpg.CannotConnectNowError("x"),
        asyncpg.AdminShutdownError("x"),
        asyncpg.QueryCanceledError("x"),
        asyncpg.DiskFullError("x"),
        asyncpg.DeadlockDetectedError("x"),
        asyncpg.InvalidPasswordError("password of S3CRET"),
        asyncpg.InterfaceError("connection is closed"),
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        TimeoutError(),
        OSError(errno.ENOSPC, "no space left"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_database_that_cannot_serve_is_unavailable(error: Exception) -> None:
    with pytest.raises(StoreUnavailable) as caught, translate_errors():
        raise error
    assert caught.value.__cause__ is error
    assert "S3CRET" not in caught.value.detail


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.IntegrityError("x"),
        sqlite3.OperationalError("no such table"),
        asyncpg.UniqueViolationError("x"),
        asyncpg.UndefinedTableError("x"),
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        StoreLocked(),
        ValueError("x"),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_mistake_in_a_statement_passes_unchanged(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, translate_errors():
        raise error
    assert caught.value is error


def test_a_database_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    connection = connect_sqlite(path)
    connection.execute("CREATE TABLE t (x)")
    try:
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
    finally:
        connection.close()
    assert set(modes) >= {"new.db", "new.db-wal"}
    assert set(modes.values()) == {"0o600"}


async def test_what_a_batch_reads_is_found_key_by_key_however_the_plan_was_made(
    postgres_engine: PostgresEngine,
) -> None:
    # A plan that was made while a table was empty is kept: it must not read the whole table when it has a million rows.
    kinds: list[type[Row]] = [CursorRow, SessionRow, ContactRow, ConversationRow, MessageRow, OutboxRow]
    by = [(kind, kind.primary_key) for kind in kinds]
    by += [(kind, ("session_id", "native_id")) for kind in (MessageRow, ParkedStatusRow)]
    async with pg_connection(postgres_engine) as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        for kind, names in by:
            plan = await connection.fetch(f"EXPLAIN {_select(kind, names)}", *([] for _ in names))
            lines = [line for (line,) in plan]
            assert any(f"using {kind.table}_" in line for line in lines), (kind, names, lines)
            assert not any("Seq Scan" in line for line in lines), (kind, names, lines)
