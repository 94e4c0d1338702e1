"""The store as a whole: it opens, closes, refuses a second server, and comes back when its database does."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fivapp_whatsapp.db.engine import PostgresEngine, make_engine, pg_connection
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import StoreError, StoreLocked, StoreUnavailable
from fivapp_whatsapp.models import MessageStatus

from .world import (
    BIA,
    accept,
    add_connected,
    chat,
    chats,
    claim,
    head,
    incoming,
    log,
    outcome,
    receive,
    run_sql,
    send,
    status,
    thread,
    until,
)

pytestmark = pytest.mark.anyio
NOBODY = "postgresql://nobody@127.0.0.1:1/none"


@contextmanager
def write_lock(url: str) -> Iterator[None]:
    """Hold an SQLite file's write lock, as another process may."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@asynccontextmanager
async def tenant_lock(url: str) -> AsyncIterator[None]:
    """Hold a tenant's lock on PostgreSQL, as another process may."""
    engine = make_engine(url)
    assert isinstance(engine, PostgresEngine)
    async with pg_connection(engine) as connection, connection.transaction():
        await connection.execute("SELECT * FROM fivapp_tenant_cursor FOR UPDATE")
        yield


# --- opening and closing ---------------------------------------------------------------------------


async def test_what_was_answered_is_there_after_a_restart(database_url: str) -> None:
    async with running(database_url) as store:
        await add_connected(store)
        await receive(store, incoming("n1"))
        before, epoch = await chats(store), (await store.log_state("acme")).epoch
        queued = await send(store, before[0])
    async with running(database_url) as store:
        assert [message.text for message in await thread(store, before[0])] == ["Olá", "Oi"]
        assert (await store.log_state("acme")).epoch == epoch
        assert (await receive(store, incoming("n1"))).duplicates == 1
        assert (await accept(store, queued.item, "n2")).status is MessageStatus.ACCEPTED


@asynccontextmanager
async def running(url: str) -> AsyncIterator[DatabaseStore]:
    store = DatabaseStore(url)
    await store.start()
    try:
        yield store
    finally:
        await store.close()


async def test_a_store_makes_its_tables_in_an_empty_database(empty_database_url: str) -> None:
    async with running(empty_database_url) as store:
        await add_connected(store)
        assert (await receive(store, incoming("n1"))).stored == 1
        assert (await store.check()).migrations_pending == 0


async def test_closing_twice_or_unopened_is_no_error(database_url: str) -> None:
    store = DatabaseStore(database_url)
    await store.close()
    store = DatabaseStore(database_url)
    await store.start()
    await store.close()
    await store.close()


async def test_closing_waits_for_what_was_submitted_and_takes_no_more(database_url: str) -> None:
    store = DatabaseStore(database_url)
    await store.start()
    await add_connected(store)
    writes = [asyncio.create_task(receive(store, incoming(f"n{i}"))) for i in range(30)]
    await asyncio.sleep(0)
    await store.close()
    assert sum(receipt.stored for receipt in await asyncio.gather(*writes)) == 30
    with pytest.raises(StoreUnavailable):
        await receive(store, incoming("late"))
    async with running(database_url) as again:
        assert len(await thread(again, await chat(again))) == 30


async def test_closing_leaves_no_task_behind(database_url: str) -> None:
    before = asyncio.all_tasks()
    async with running(database_url) as store:
        await add_connected(store)
        await receive(store, incoming("n1"))
    assert asyncio.all_tasks() == before


async def test_a_second_server_on_one_sqlite_file_is_refused(sqlite_url: str) -> None:
    second = DatabaseStore(sqlite_url)
    async with running(sqlite_url) as first:
        await add_connected(first)
        for _ in range(2):
            with pytest.raises(StoreLocked):
                await second.start()
        assert (await receive(first, incoming("n1"))).stored == 1
    await second.start()
    assert len(await chats(second)) == 1
    await second.close()


async def test_a_start_without_a_database_says_so_and_may_be_tried_again() -> None:
    store = DatabaseStore(NOBODY)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await store.start()
    with pytest.raises(StoreUnavailable):
        await store.check()
    await store.close()
    await store.close()


async def test_a_file_that_is_no_database_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database at all" * 100)
    store = DatabaseStore(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(StoreError):
        await store.start()
    await store.close()


# --- the check -------------------------------------------------------------------------------------


async def test_the_check_counts_what_waits(store: DatabaseStore) -> None:
    empty = await store.check()
    assert (empty.quarantined, empty.outbox_waiting, empty.outbox_unknown) == (0, 0, 0)
    await store.quarantine("c", b"x", "not JSON")
    await send(store, await chat(store))
    await outcome(store, (await send(store, await chat(store, BIA))).item, "unknown")
    check = await store.check()
    assert (check.quarantined, check.outbox_waiting, check.outbox_unknown) == (1, 1, 1)
    assert (check.migrations_pending, check.database) == (0, empty.database)


# --- SQLite: another process writes ----------------------------------------------------------------


async def test_nothing_is_acknowledged_while_another_process_writes(
    sqlite_store: DatabaseStore, sqlite_url: str
) -> None:
    with write_lock(sqlite_url):
        results = await asyncio.gather(
            *(receive(sqlite_store, incoming(f"n{i}")) for i in range(5)), return_exceptions=True
        )
        assert [type(result) for result in results] == [StoreUnavailable] * 5
        # Reading goes on meanwhile.
        assert await chats(sqlite_store) == []
    receipts = await asyncio.gather(*(receive(sqlite_store, incoming(f"n{i}")) for i in range(5)))
    assert sum(receipt.stored for receipt in receipts) == 5
    seqs = [event.seq for event in await log(sqlite_store)]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_a_write_waits_for_a_short_lock(sqlite_url: str) -> None:
    async with running(sqlite_url) as store:
        await add_connected(store)
        with write_lock(sqlite_url):
            write = asyncio.create_task(receive(store, incoming("n1")))
            await asyncio.sleep(0.1)
            assert not write.done()
        assert (await write).stored == 1


async def test_a_transaction_that_the_database_ends_is_got_over(sqlite_store: DatabaseStore, sqlite_url: str) -> None:
    await receive(sqlite_store, incoming("n1"))
    before = await head(sqlite_store)
    trigger = "CREATE TRIGGER ends BEFORE INSERT ON fivapp_event BEGIN SELECT RAISE(ROLLBACK, 'full'); END"
    await run_sql(sqlite_url, trigger)
    # The trigger ends the transaction under us, as it does itself when a disk is full.
    with pytest.raises(StoreError):
        await receive(sqlite_store, incoming("n2"))
    await run_sql(sqlite_url, "DROP TRIGGER ends")
    assert await head(sqlite_store) == before
    assert (await receive(sqlite_store, incoming("n2"))).stored == 1


# --- PostgreSQL: connections die -------------------------------------------------------------------


async def waits_for_lock(url: str) -> bool:
    found = await run_sql(url, "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return bool(found)


async def test_a_connection_that_is_killed_stores_nothing_and_the_next_call_works(
    postgres_store: DatabaseStore, postgres_url: str
) -> None:
    async with tenant_lock(postgres_url):
        writes = [asyncio.create_task(receive(postgres_store, incoming(f"n{i}"))) for i in range(3)]
        await until(lambda: waits_for_lock(postgres_url))
        await run_sql(
            postgres_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        )
        results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert await chats(postgres_store) == []
    assert (await receive(postgres_store, incoming("n1"))).stored == 1


async def test_a_commit_that_breaks_off_is_no_answer_and_the_next_call_works(
    postgres_store: DatabaseStore, postgres_url: str
) -> None:
    await run_sql(
        postgres_url,
        """CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
           $$BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END$$""",
    )
    await run_sql(
        postgres_url,
        """CREATE CONSTRAINT TRIGGER die AFTER INSERT ON fivapp_message DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW WHEN (NEW.text = 'die') EXECUTE FUNCTION die()""",
    )
    results = await asyncio.gather(
        *(receive(postgres_store, incoming(f"n{i}", "die" if i == 1 else "ok")) for i in range(3)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [StoreUnavailable] * 3
    assert (await receive(postgres_store, incoming("n0"), incoming("n2"))).stored == 2


async def test_all_connections_may_be_killed_at_once(postgres_store: DatabaseStore, postgres_url: str) -> None:
    await asyncio.gather(*(chats(postgres_store) for _ in range(8)))
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    await run_sql(postgres_url, f"{kill} AND datname = current_database()")

    async def works() -> bool:
        try:
            await receive(postgres_store, incoming("n1"))
            return len(await chats(postgres_store)) == 1
        except StoreUnavailable:
            return False

    await until(works)
    assert (await postgres_store.check()).quarantined == 0


# --- two processes ---------------------------------------------------------------------------------


async def test_two_processes_write_one_conversation_together(store: DatabaseStore, other_store: DatabaseStore) -> None:
    await asyncio.gather(
        *(receive((store, other_store)[i % 2], incoming(f"n{i}", at=datetime.now(UTC))) for i in range(40))
    )
    [conversation] = await chats(store)
    assert conversation.unread_count == 40
    assert conversation.last_message == (await thread(other_store, conversation))[0]


async def test_a_reply_and_its_status_may_reach_two_processes(store: DatabaseStore, other_store: DatabaseStore) -> None:
    for i in range(10):
        queued = await send(store, await chat(store), str(i))
        await asyncio.gather(
            accept(store, queued.item, f"n{i}"), receive(other_store, status(MessageStatus.READ, f"n{i}"))
        )
        message = await store.message("acme", queued.message.id)
        assert message is not None
        assert message.status is MessageStatus.READ
    assert await claim(other_store) == []
