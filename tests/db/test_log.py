"""The event log: numbered without gaps, read from the rows as they are now, heard by every process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.db.changes import Changes
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import StoreUnavailable, TenantNotFound
from fivapp_whatsapp.models import SessionStatus

from .world import (
    ANA,
    add_connected,
    change,
    chat,
    chats,
    head,
    incoming,
    log,
    news,
    receive,
    run_sql,
    send,
    thread,
    until,
)

pytestmark = pytest.mark.anyio


async def heard(changes: AsyncIterator[tuple[str, int]], tenant: str, seq: int, seconds: float = 5.0) -> None:
    """Wait until the change to at least this head was told."""
    async with asyncio.timeout(seconds):
        async for name, found in changes:
            if (name, found) >= (tenant, seq) and name == tenant:
                return


# --- numbers ---------------------------------------------------------------------------------------


async def test_seqs_begin_at_one_and_have_no_gap(store: DatabaseStore) -> None:
    await receive(store, *(incoming(f"n{i}") for i in range(5)))
    await change(store, await chat(store), labels=["x"])
    events = await log(store)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    state = await store.log_state("acme")
    assert (state.head, state.oldest) == (events[-1].seq, 1)


async def test_each_tenant_has_its_own_log(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    await receive(store, incoming("n1", session="globex"))
    assert {event.conversation_id for event in await log(store)} == {None}
    assert [event.seq for event in await log(store, 0, "globex")] == list(range(1, await head(store, "globex") + 1))


async def test_a_cursor_reader_misses_nothing_under_twenty_writers(
    store: DatabaseStore, other_store: DatabaseStore
) -> None:
    start, seen, done = await head(store), [], asyncio.Event()

    async def write(number: int) -> None:
        writer = (store, other_store)[number % 2]
        for i in range(15):
            await receive(writer, incoming(f"n{number}.{i}", chat=f"55119999900{number:02d}@c.us"))

    async def read() -> None:
        cursor = start
        while not (done.is_set() and cursor == await head(store)):
            page = await other_store.events("acme", cursor, 50)
            seen.extend(event.seq for event in page.events)
            cursor = seen[-1] if seen else start
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(20)))
    done.set()
    async with asyncio.timeout(20):
        await reader
    # One message.created each, and a conversation.updated for each new conversation.
    assert seen == list(range(start + 1, start + 300 + 20 + 1))


async def test_a_page_tells_the_head_also_when_it_is_full(store: DatabaseStore) -> None:
    await receive(store, *(incoming(f"n{i}") for i in range(5)))
    end = await head(store)
    full = await store.events("acme", 0, 2)
    assert ([event.seq for event in full.events], full.head) == ([1, 2], end)
    assert (await store.events("acme", end, 2)) == type(full)([], end)
    assert (await store.events("acme", 0, 1000)).head == end


async def test_a_tenant_that_is_not_there_has_no_log(store: DatabaseStore) -> None:
    with pytest.raises(TenantNotFound):
        await store.log_state("nope")
    with pytest.raises(TenantNotFound):
        await store.notify("nope", {"code": "x"})
    assert await log(store, 0, "nope") == []


# --- contents --------------------------------------------------------------------------------------


async def test_events_show_the_objects_as_they_are_now(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    changed = await change(store, await chat(store), labels=["vip"])
    events = await log(store)
    [message] = await thread(store, changed)
    assert [event.data for event in events if event.type == "message.created"] == [message]
    assert [event.data for event in events if event.type == "conversation.updated"] == [changed, changed]
    session = await store.session("acme", "acme")
    assert {event.type: event.data for event in events}["session.updated"] == session


async def test_an_erased_text_is_gone_from_the_log(database_url: str, store: DatabaseStore) -> None:
    await receive(store, incoming("n1", "my card is 4111"))
    await run_sql(database_url, "UPDATE fivapp_message SET text = NULL")
    kept = str(await run_sql(database_url, "SELECT * FROM fivapp_event"))
    assert "4111" not in kept
    assert "4111" not in str(await log(store))
    assert [event.data.text for event in await log(store) if event.type == "message.created"] == [None]


async def test_a_notification_is_an_event_with_its_facts(store: DatabaseStore) -> None:
    after = await head(store)
    await store.notify("acme", {"code": "bots_paused", "detail": "why", "sessionId": "acme"})
    [event] = await log(store, after)
    assert event.type == "notification"
    assert event.data == {"code": "bots_paused", "detail": "why", "sessionId": "acme"}


@pytest.mark.parametrize("status", [SessionStatus.LOGGED_OUT, SessionStatus.RESTRICTED, SessionStatus.FAILED])
async def test_people_are_told_once_of_a_session_that_needs_them(store: DatabaseStore, status: SessionStatus) -> None:
    for _ in range(2):
        after = await head(store)
        for _ in range(3):
            await receive(store, news(status, reason="why"))
        updated, told = await log(store, after)
        assert (updated.type, told.type) == ("session.updated", "notification")
        assert told.data == {"code": f"session_{status.value}", "sessionId": "acme", "detail": "why"}
        await receive(store, news(SessionStatus.CONNECTED))


async def test_people_are_told_once_of_a_service_that_does_not_answer(store: DatabaseStore) -> None:
    after = await head(store)
    for _ in range(3):
        await store.change_session("acme", "acme", problem="unreachable", error="no answer")
    assert [event.type for event in await log(store, after)] == ["session.updated", "notification"]
    back = await store.change_session("acme", "acme", update=news(SessionStatus.CONNECTED))
    assert (back.problem, back.error) == (None, None)


async def test_a_sessions_event_never_carries_a_qr_code(store: DatabaseStore) -> None:
    await receive(store, news(SessionStatus.QR_READY, qr_code="data:image/png;base64,QR"))
    assert "base64" not in str(await log(store))


# --- forgetting ------------------------------------------------------------------------------------


async def test_a_log_that_was_shortened_tells_its_oldest_event(store: DatabaseStore) -> None:
    await receive(store, *(incoming(f"n{i}") for i in range(3)))
    end = await head(store)
    assert await store.forget_old(datetime.now(UTC) - timedelta(days=7)) == 0
    assert await store.forget_old(datetime.now(UTC) + timedelta(seconds=1)) == end
    empty = await store.log_state("acme")
    assert (empty.head, empty.oldest) == (end, end + 1)
    await receive(store, incoming("n9"))
    state = await store.log_state("acme")
    assert (state.head, state.oldest, state.epoch) == (end + 1, end + 1, empty.epoch)
    assert [event.seq for event in await log(store)] == [end + 1]
    assert len(await thread(store, await chat(store))) == 4


async def test_a_long_log_is_shortened_in_parts(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    await receive(store, *(incoming(f"n{i}", None) for i in range(2100)))
    count = await head(store) + await head(store, "globex")
    assert await store.forget_old(datetime.now(UTC) + timedelta(seconds=1)) == count


# --- who wakes whom --------------------------------------------------------------------------------


async def test_a_commit_is_told_to_all_who_listen(store: DatabaseStore) -> None:
    listeners = [store.changes() for _ in range(3)]
    await receive(store, incoming("n1"))
    for listener in listeners:
        await heard(listener, "acme", await head(store), 0.5)


async def test_changes_of_another_process_are_heard(store: DatabaseStore, other_store: DatabaseStore) -> None:
    changes = store.changes()
    await receive(other_store, incoming("n1"))
    await heard(changes, "acme", await head(store))


async def test_on_postgresql_another_process_is_heard_at_once(postgres_store: DatabaseStore, postgres_url: str) -> None:
    other = DatabaseStore(postgres_url, look_seconds=3600)
    await other.start()
    changes = other.changes()
    await until(lambda: _listens(postgres_url, 2))
    await receive(postgres_store, incoming("n1"))
    await heard(changes, "acme", await head(postgres_store), 2)
    await other.close()


async def test_what_nobody_was_told_of_is_seen_within_a_second(store: DatabaseStore, database_url: str) -> None:
    changes, next_seq = store.changes(), await head(store) + 1
    event = f"INSERT INTO fivapp_event (tenant_id, seq, type, at) VALUES ('acme', {next_seq}, 'notification', 0)"
    await run_sql(database_url, event)
    await run_sql(database_url, f"UPDATE fivapp_tenant_cursor SET seq = {next_seq} WHERE tenant_id = 'acme'")
    await heard(changes, "acme", next_seq, 3)


async def test_a_lost_listening_connection_is_made_anew(postgres_store: DatabaseStore, postgres_url: str) -> None:
    await until(lambda: _listens(postgres_url, 1))
    await run_sql(postgres_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_LISTENERS}")
    await until(lambda: _listens(postgres_url, 1))
    changes = postgres_store.changes()
    await receive(postgres_store, incoming("n1"))
    await heard(changes, "acme", await head(postgres_store))


_LISTENERS = "datname = current_database() AND query LIKE 'LISTEN %'"


async def _listens(url: str, count: int) -> bool:
    [[found]] = await run_sql(url, f"SELECT count(*) FROM pg_stat_activity WHERE {_LISTENERS}")
    return bool(found == count)


async def test_a_listener_that_is_slow_gets_the_newest_head_of_each_tenant() -> None:
    async def heads() -> dict[str, int]:
        return {}

    spread = Changes(heads)
    changes = spread.listen()
    for seq in range(1, 1000):
        spread.publish({"acme": seq, "globex": seq})
    spread.publish({"acme": 3})
    assert [await anext(changes), await anext(changes)] == [("acme", 999), ("globex", 999)]


async def test_the_look_at_the_heads_goes_on_whatever_fails() -> None:
    answers: list[Exception | dict[str, int]] = [StoreUnavailable(), ValueError("defect"), {"acme": 7}]

    async def heads() -> dict[str, int]:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    spread = Changes(heads, look_seconds=0)
    changes = spread.listen()
    watching = asyncio.create_task(spread.watch())
    async with asyncio.timeout(5):
        assert await anext(changes) == ("acme", 7)
    watching.cancel()


async def test_listening_ends_when_the_store_closes(sqlite_url: str) -> None:
    store = DatabaseStore(sqlite_url)
    await store.start()
    await add_connected(store)
    listening = asyncio.create_task(_all(store.changes()))
    await receive(store, incoming("n1"))
    last = await head(store)
    await store.close()
    async with asyncio.timeout(5):
        assert (await listening)[-1] == ("acme", last)
        assert await _all(store.changes()) == []


async def _all(changes: AsyncIterator[tuple[str, int]]) -> list[tuple[str, int]]:
    return [change async for change in changes]


async def test_a_command_beside_a_server_is_noticed(sqlite_store: DatabaseStore, sqlite_url: str) -> None:
    changes = sqlite_store.changes()
    command = DatabaseStore(sqlite_url, server=False)
    await command.start()
    await add_connected(command, "globex")
    await receive(command, incoming("n1"))
    await send(command, (await chats(command))[0])
    await command.close()
    await heard(changes, "acme", await head(sqlite_store), 3)
    assert len(await thread(sqlite_store, await chat(sqlite_store, ANA))) == 2
    assert (await receive(sqlite_store, incoming("n1", session="globex"))).stored == 1
