"""A tenant's log as a machine: numbers without a gap, and listeners that hear each event once, or to look anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, precondition, rule

from fivapp_whatsapp import feed as feeds
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.feed import Feed, Frame, SlowReader
from fivapp_whatsapp.ports import EventPage
from tests.db.world import incoming, log

from .ground import Ground, catches, check, ground

PROCESSES = st.integers(0, 1)


class Cursor(msgspec.Struct, frozen=True):
    """Where a browser stands that went away."""

    epoch: str
    seq: int


class Listener:
    """A browser: it takes frames while it reads, and keeps its cursor."""

    def __init__(self, feed: Feed, tenant: str, cursor: Cursor | None) -> None:
        self.epoch = cursor.epoch if cursor else ""
        self.seq = cursor.seq if cursor else -1
        self.resyncs: list[str] = []
        self.wrong: list[str] = []
        self.live = self.slow = False
        self.reads = asyncio.Event()
        self.reads.set()
        self._frames = feed.subscribe(tenant, cursor.seq if cursor else None, cursor.epoch if cursor else None)
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            with self._frames as frames:
                async for frame in frames:
                    self._take(frame)
                    await self.reads.wait()
        except SlowReader:
            self.slow = True

    def _take(self, frame: Frame) -> None:
        if frame.seq is not None:
            if frame.seq != self.seq + 1:
                self.wrong.append(f"{frame.seq} after {self.seq}")
            self.seq = frame.seq
            return
        data = msgspec.json.decode(frame.payload)["data"]
        if frame.type == "hello":
            if self.seq < 0:
                self.epoch, self.seq = data["epoch"], data["seq"]
        elif frame.type == "resync_required":
            self.resyncs.append(data["reason"])
            self.epoch, self.seq = data["epoch"], data["seq"]
        else:
            self.live = True


class Desk:
    """A feed for each process, and the listeners of an example."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.listeners: list[Listener] = []

    async def open(self) -> None:
        """Let the feeds run."""
        self.feeds = [Feed(store) for store in self.ground.stores]
        self._running = [asyncio.create_task(feed.run()) for feed in self.feeds]

    async def close(self) -> None:
        """End the feeds."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for feed in self.feeds:
            await feed.close()

    async def listen(self, process: int, tenant: str, cursor: Cursor | None) -> Listener:
        """Open a browser and wait until it is live."""
        listener = Listener(self.feeds[process], tenant, cursor)
        self.listeners.append(listener)
        await _until(lambda: listener.live or listener.task.done(), "a listener is not live")
        return listener

    async def leave(self, listener: Listener) -> None:
        """Close a browser."""
        listener.task.cancel()
        await asyncio.gather(listener.task, return_exceptions=True)


class CursorMachine(RuleBasedStateMachine):
    """One log, two processes that write it and serve it, browsers that come, sleep, go, and come back anywhere."""

    listeners = Bundle("listeners")
    cursors = Bundle("cursors")

    def __init__(self, ground: Ground, desk: Desk) -> None:
        super().__init__()
        self.ground = ground
        self.desk = desk
        self.oldest = 1
        self.count = 0
        desk.listeners = []

    @initialize()
    def open(self) -> None:
        self.tenant = self.ground.tenant()
        self.head = self.ground.run(self._head())

    @rule(notes=st.lists(st.tuples(PROCESSES, st.booleans()), min_size=1, max_size=6))
    def happen(self, notes: list[tuple[int, bool]]) -> None:
        """Things happen at the same moment: a contact writes, or people are told something."""
        self.ground.run(self._happen(notes))
        self.ground.now += 1000
        self.head = self.ground.run(self._head())

    @rule(target=listeners, process=PROCESSES)
    def come(self, process: int) -> Listener:
        """A browser that was never there hears what comes from now on."""
        return self.ground.run(self.desk.listen(process, self.tenant, None))

    @rule(target=cursors, listener=consumes(listeners))
    def leave(self, listener: Listener) -> Cursor:
        self.ground.run(self.desk.leave(listener))
        assert listener.wrong == []
        return Cursor(listener.epoch, listener.seq)

    @rule(target=listeners, cursor=cursors, process=PROCESSES)
    def come_back(self, cursor: Cursor, process: int) -> Listener:
        """It resumes at any process, and is told to look anew only where its cursor is out of the log."""
        listener = self.ground.run(self.desk.listen(process, self.tenant, cursor))
        assert listener.resyncs == (["retention"] if cursor.seq < self.oldest - 1 else [])
        return listener

    @rule(process=PROCESSES, epoch=st.booleans())
    def come_from_elsewhere(self, process: int, epoch: bool) -> None:
        """A cursor of another log, or from ahead of this one, is refused."""
        known = self.ground.run(self.ground.stores[0].log_state(self.tenant)).epoch
        cursor = Cursor("other", 0) if epoch else Cursor(known, self.head + 1)
        listener = self.ground.run(self.desk.listen(process, self.tenant, cursor))
        assert listener.resyncs == ["epoch" if epoch else "ahead"]
        assert listener.seq == self.head
        self.ground.run(self.desk.leave(listener))

    @rule(listener=listeners)
    def sleep(self, listener: Listener) -> None:
        """A browser stops reading."""
        listener.reads.clear()

    @rule(listener=listeners)
    def wake(self, listener: Listener) -> None:
        """It reads on; if it slept for too long it is sent away, and resumes."""
        listener.reads.set()
        self.ground.run(self._hear(listener))

    @rule()
    def hear(self) -> None:
        """All that read have heard all."""
        for listener in self.desk.listeners:
            if listener.reads.is_set() and not listener.task.done():
                self.ground.run(self._hear(listener))

    @precondition(lambda self: self.head > 2)
    @rule(seconds=st.sampled_from([0, 1, 3]))
    def forget(self, seconds: int) -> None:
        """What is old is dropped, perhaps before all who listen have heard it."""
        self.ground.run(self.ground.stores[0].forget_old(self.ground.at(-seconds)))
        self.oldest = self.ground.run(self.ground.stores[0].log_state(self.tenant)).oldest

    def teardown(self) -> None:
        """The log has no gap, and each listener has heard its part of it once."""
        for listener in self.desk.listeners:
            listener.reads.set()
        self.hear()
        kept = [event.seq for event in self.ground.run(log(self.ground.stores[1], 0, self.tenant))]
        assert kept == list(range(self.oldest, self.head + 1))
        for listener in self.desk.listeners:
            self.ground.run(self.desk.leave(listener))
            assert listener.wrong == []

    async def _happen(self, notes: list[tuple[int, bool]]) -> None:
        work: list[Any] = []
        for process, told in notes:
            self.count += 1
            store = self.ground.stores[process]
            if told:
                work.append(store.notify(self.tenant, {"code": "x", "n": self.count}))
            else:
                work.append(store.receive("c", [incoming(f"{self.tenant}-{self.count}", session=self.tenant)], b""))
        await asyncio.gather(*work)

    async def _head(self) -> int:
        return (await self.ground.stores[0].log_state(self.tenant)).head

    async def _hear(self, listener: Listener) -> None:
        await _until(lambda: listener.seq == self.head or listener.task.done(), f"missed after {listener.seq}")
        assert listener.wrong == []
        assert listener.seq == self.head or listener.slow


async def _until(condition: Any, otherwise: str) -> None:
    try:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise AssertionError(otherwise) from None


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few events are several pages, and a few more are too many for who sleeps."""
    monkeypatch.setattr(feeds, "_PAGE", 3)
    monkeypatch.setattr(feeds, "_MAX_FRAMES", 8)


@contextmanager
def desk(url: str) -> Iterator[tuple[Ground, Desk]]:
    with ground(url) as place:
        opened = Desk(place)
        place.run(opened.open())
        try:
            yield place, opened
        finally:
            place.run(opened.close())


def test_a_log_has_no_gap_and_who_listens_hears_each_event_once(database_url: str) -> None:
    with desk(database_url) as (place, opened):
        check(lambda: CursorMachine(place, opened), examples=20, steps=25)


def test_an_event_that_a_page_leaves_out_is_found(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = DatabaseStore.events

    async def events(store: DatabaseStore, tenant: str, after: int, limit: int) -> EventPage:
        page = await real(store, tenant, after, limit)
        return EventPage([event for event in page.events if event.seq % 7], page.head)

    monkeypatch.setattr(DatabaseStore, "events", events)
    with desk(database_url) as (place, opened):
        assert catches(lambda: CursorMachine(place, opened))
