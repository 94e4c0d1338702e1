"""Group commit: writes share transactions, fail alone, outlive their callers, and never lie about the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeVar

import pytest

from fivapp_whatsapp.db.needs import Needs
from fivapp_whatsapp.db.operations.upkeep import LogNotification
from fivapp_whatsapp.db.refusals import Collision
from fivapp_whatsapp.db.rows import CursorRow, EventRow
from fivapp_whatsapp.db.statements import MakeWork
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.db.unit import Unit
from fivapp_whatsapp.db.writer import Writer
from fivapp_whatsapp.errors import (
    AlreadyExists,
    InvalidInput,
    Overloaded,
    SessionNotFound,
    StoreUnavailable,
    TenantNotFound,
)
from fivapp_whatsapp.models import Media, MessageStatus, SessionStatus, WebhookEvent
from fivapp_whatsapp.ports import ConversationFilter, NoMetrics

from .memory import MemoryDatabase, connected_memory
from .world import add_connected, chat, chats, head, incoming, log, news, receive, run_sql, send, status, thread

pytestmark = pytest.mark.anyio
T = TypeVar("T")


class Sizes(NoMetrics):
    """Remembers how many writes each commit had."""

    def __init__(self) -> None:
        self.commits: list[float] = []

    def observe(self, name: str, value: float, **labels: str) -> None:
        if name == "commit_size":
            self.commits.append(value)


class Gate:
    """A database that lets transactions through when it is told to, and fails as it is told."""

    def __init__(self) -> None:
        self.memory: MemoryDatabase = connected_memory()
        self.open = asyncio.Event()
        self.failures: list[Exception] = []
        self.begun = 0

    async def transact(self, work: MakeWork[T]) -> T:
        self.begun += 1
        await self.open.wait()
        result = self.memory.run(work)
        if self.failures:
            raise self.failures.pop(0)
        return result


class Break:
    """An operation with a defect."""

    def needs(self, needs: Needs) -> None:
        needs.tenant("acme")

    def apply(self, unit: Unit) -> None:
        unit.log("acme", "notification", data={"half": "done"})
        raise ZeroDivisionError


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def sizes() -> Sizes:
    return Sizes()


@pytest.fixture
async def writer(gate: Gate, sizes: Sizes) -> AsyncIterator[Writer]:
    heads: dict[str, int] = {}
    writer = Writer(gate, metrics=sizes, pending_limit=8, on_commit=heads.update)
    yield writer
    gate.open.set()
    await writer.close()


def note(text: str = "x", tenant: str = "acme") -> LogNotification:
    return LogNotification(tenant, {"code": text})


def notes(gate: Gate) -> int:
    return sum(row.type == "notification" for row in gate.memory.rows(EventRow))


async def begin(writer: Writer, gate: Gate, *operations: Any) -> list[asyncio.Task[Any]]:
    """Submit operations behind one that is being committed."""
    first = asyncio.create_task(writer.submit(note("first")))
    while not gate.begun:
        await asyncio.sleep(0)
    tasks = [first, *(asyncio.create_task(writer.submit(operation)) for operation in operations)]
    await asyncio.sleep(0)
    return tasks


# --- the writer itself -----------------------------------------------------------------------------


async def test_what_waits_shares_the_next_commit(writer: Writer, gate: Gate, sizes: Sizes) -> None:
    tasks = await begin(writer, gate, *(note() for _ in range(5)))
    assert writer.waiting == 5
    gate.open.set()
    await asyncio.gather(*tasks)
    assert sizes.commits == [1, 5]
    assert gate.memory.rows(CursorRow)[0].seq == gate.memory.rows(EventRow)[-1].seq
    assert writer.waiting == 0


async def test_nothing_is_answered_before_the_commit(writer: Writer, gate: Gate) -> None:
    tasks = await begin(writer, gate, note())
    assert not any(task.done() for task in tasks)
    gate.open.set()
    await asyncio.gather(*tasks)


async def test_too_many_waiting_writes_are_refused_at_once(writer: Writer, gate: Gate) -> None:
    tasks = await begin(writer, gate, *(note() for _ in range(8)))
    with pytest.raises(Overloaded):
        await writer.submit(note())
    gate.open.set()
    await asyncio.gather(*tasks)
    await writer.submit(note())
    assert notes(gate) == 10


async def test_an_operations_own_error_is_its_own(writer: Writer, gate: Gate) -> None:
    tasks = await begin(writer, gate, note(), note(tenant="nope"), note())
    gate.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), TenantNotFound, type(None)]
    assert (gate.begun, notes(gate)) == (2, 3)


async def test_a_defect_fails_alone_and_leaves_nothing_behind(writer: Writer, gate: Gate) -> None:
    tasks = await begin(writer, gate, note(), note(), Break(), note(), note())
    gate.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, ZeroDivisionError) for result in results] == [False, False, False, True, False, False]
    assert notes(gate) == 5
    seqs = sorted(row.seq for row in gate.memory.rows(EventRow))
    assert seqs == list(range(1, len(seqs) + 1))


async def test_a_commit_that_failed_fails_its_batch_and_not_the_next(writer: Writer, gate: Gate) -> None:
    gate.failures = [StoreUnavailable()]
    tasks = await begin(writer, gate, note(), note())
    gate.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, StoreUnavailable) for result in results] == [True, False, False]


async def test_a_row_that_another_process_added_is_seen_the_second_time(writer: Writer, gate: Gate) -> None:
    gate.open.set()
    gate.failures = [Collision()]
    await writer.submit(note())
    gate.failures = [Collision(), Collision()]
    with pytest.raises(AlreadyExists):
        await writer.submit(note())


async def test_a_caller_that_goes_away_does_not_stop_its_neighbours(writer: Writer, gate: Gate) -> None:
    tasks = await begin(writer, gate, *(note() for _ in range(4)))
    tasks[0].cancel()
    tasks[2].cancel()
    gate.open.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False, True, False, False]
    assert notes(gate) == 5


async def test_a_failure_whose_caller_is_gone_troubles_nobody(writer: Writer, gate: Gate) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    gate.failures = [StoreUnavailable()]
    [task] = await begin(writer, gate)
    task.cancel()
    gate.open.set()
    await asyncio.gather(task, return_exceptions=True)
    await writer.submit(note())
    assert told == []


async def test_closing_writes_what_was_submitted_and_takes_no_more(writer: Writer, gate: Gate) -> None:
    tasks = await begin(writer, gate, note(), note())
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await writer.submit(note())
    assert not closing.done()
    gate.open.set()
    await asyncio.gather(closing, *tasks)
    assert notes(gate) == 3


async def test_who_is_told_of_a_commit_cannot_break_it(gate: Gate) -> None:
    def fail(_: dict[str, int]) -> None:
        raise ZeroDivisionError

    gate.open.set()
    writer = Writer(gate, metrics=NoMetrics(), pending_limit=8, on_commit=fail)
    for _ in range(2):
        await writer.submit(note())
    assert notes(gate) == 2


async def test_nobody_waits_for_ever_when_the_writer_is_cancelled(gate: Gate) -> None:
    writer = Writer(gate, metrics=NoMetrics(), pending_limit=8, on_commit=lambda _: None)
    tasks = await begin(writer, gate, note())
    [running] = [task for task in asyncio.all_tasks() if task.get_name() == "writer"]
    running.cancel()
    async with asyncio.timeout(5):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)


# --- on real databases -----------------------------------------------------------------------------


async def test_receives_in_flight_share_commits(database_url: str, sizes: Sizes) -> None:
    store = DatabaseStore(database_url, metrics=sizes)
    await store.start()
    await add_connected(store)
    sizes.commits.clear()
    for round_ in range(5):
        await asyncio.gather(*(receive(store, incoming(f"n{round_}.{i}")) for i in range(64)))
    await store.close()
    assert sum(sizes.commits) == 320
    assert len(sizes.commits) <= 15


POISON: dict[str, WebhookEvent] = {
    "NUL in a text": incoming("p", "a\0b"),
    "NUL in an id": incoming("p\0"),
    "NUL in a chat": incoming("p", chat="\0@lid"),
    "NUL in a name": incoming("p", sender_name="a\0b", chat="5511977770000@c.us"),
    "NUL in a session": incoming("p", session="no\0body"),
    "NUL in a status": status(MessageStatus.READ, "p\0"),
    "NUL in a session's news": news(SessionStatus.FAILED, reason="a\0b"),
    "half a character in a text": incoming("p", "a\ud800b"),
    "half a character in an id": incoming("p\udc00"),
    "half a character in a chat": incoming("p", chat="\ud800@lid"),
    "half a character in a session": incoming("p", session="\ud800"),
    "half a character in a file's name": incoming("p", media=Media(filename="\ud800")),
}


@pytest.mark.parametrize("name", POISON)
async def test_a_poison_event_fails_alone(store: DatabaseStore, name: str) -> None:
    good = [incoming(f"n{i}", chat=f"55119999900{i:02d}@c.us") for i in range(9)]
    events = [*good[:4], POISON[name], *good[4:]]
    results = await asyncio.gather(*(receive(store, event) for event in events), return_exceptions=True)
    [refused] = [result for result in results if isinstance(result, BaseException)]
    assert isinstance(refused, InvalidInput)
    assert refused.code == "not_storable"
    assert results.index(refused) == 4
    assert len(await chats(store)) == 9
    seqs = [event.seq for event in await log(store)]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_several_poison_events_fail_and_all_others_stay(store: DatabaseStore) -> None:
    events = [incoming(f"n{i}", "a\0b" if i % 7 == 0 else "ok") for i in range(50)]
    results = await asyncio.gather(*(receive(store, event) for event in events), return_exceptions=True)
    refused = [i for i, result in enumerate(results) if isinstance(result, InvalidInput)]
    assert refused == list(range(0, 50, 7))
    assert len(await thread(store, await chat(store))) == 42


async def test_a_number_without_end_is_kept_where_it_fits_and_refused_where_not(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", media=Media(size=2**70)))
    conversation = await chat(store)
    [message] = await thread(store, conversation)
    assert message.media == Media(size=2**70)
    for reading in (
        store.messages("acme", conversation.id, 2**70, 10),
        store.conversations("acme", ConversationFilter(), str(2**70), 10),
        store.events("acme", 2**70, 10),
    ):
        with pytest.raises(InvalidInput):
            await reading


async def test_an_id_or_text_that_cannot_be_kept_is_refused_in_our_own_words(store: DatabaseStore) -> None:
    for word in ("a\0b", "\ud800"):
        # SQLite can look for NUL and finds nothing; PostgreSQL cannot look.
        with pytest.raises((InvalidInput, SessionNotFound)):
            await store.change_session("acme", word, name="x")
        with pytest.raises(InvalidInput):
            await send(store, await chat(store), word)
        with pytest.raises(InvalidInput):
            await store.add_tenant("globex", word)


async def test_a_body_of_any_bytes_can_be_kept(store: DatabaseStore) -> None:
    raw = bytes(range(256))
    await store.quarantine("c", raw, "not JSON")
    assert [kept.raw for kept in await store.quarantined()] == [raw]


async def test_cancelled_calls_leak_nothing(store: DatabaseStore, database_kind: str, database_url: str) -> None:
    conversation = await chat(store)
    for round_ in range(20):
        calls = [asyncio.create_task(receive(store, incoming(f"n{round_}.{i}"))) for i in range(5)]
        calls += [asyncio.create_task(thread(store, conversation)) for _ in range(10)]
        await asyncio.sleep(0.001 * (round_ % 4))
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    async with asyncio.timeout(10):
        await asyncio.gather(*(thread(store, conversation) for _ in range(30)))
        assert (await receive(store, incoming("last"))).stored == 1
    if database_kind == "postgresql":
        states = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE '%transaction%'"
        )
        assert await run_sql(database_url, states) == [(0,)]


async def test_a_write_whose_caller_went_away_is_whole_or_not_there(store: DatabaseStore) -> None:
    for i in range(20):
        call = asyncio.create_task(receive(store, incoming(f"n{i}")))
        await asyncio.sleep(0.0005 * (i % 5))
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert (await receive(store, incoming("last"))).stored == 1
    [conversation] = await chats(store)
    messages = await thread(store, conversation)
    assert conversation.unread_count == len(messages)
    seqs = [event.seq for event in await log(store)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert await head(store) == seqs[-1]
