"""Who watches is known here at once, on other processes soon, and of a process that died not for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import StoreUnavailable
from fivapp_whatsapp.models import User
from fivapp_whatsapp.ports import SystemClock
from fivapp_whatsapp.presence import Presence

pytestmark = pytest.mark.anyio
ANA = User(id="ana", tenant_id="acme", role="agent")
BIA = User(id="bia", tenant_id="acme", role="agent")


class SharedStore:
    """What processes tell each other."""

    def __init__(self) -> None:
        self.shown: dict[str, Mapping[tuple[str, str], datetime]] = {}
        self.writes = 0
        self.failing = False

    async def show_presence(self, process: str, users: Mapping[tuple[str, str], datetime]) -> None:
        if self.failing:
            raise StoreUnavailable
        self.writes += 1
        self.shown[process] = users

    async def is_watching(self, tenant_id: str, user_id: str, now: datetime) -> bool:
        return any(users.get((tenant_id, user_id), now) > now for users in self.shown.values())


class LateClock(SystemClock):
    """The machine's clock, put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def store() -> SharedStore:
    return SharedStore()


@asynccontextmanager
async def process(store: Any, clock: Any = None, repeat: float = 60.0) -> AsyncIterator[Presence]:
    presence = Presence(store, clock or SystemClock(), settle_seconds=0.02, repeat_seconds=repeat)
    task = asyncio.create_task(presence.run())
    await asyncio.sleep(0)
    yield presence
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_user_watches_while_one_of_their_pages_does(store: SharedStore) -> None:
    async with process(store) as here:
        with here.watcher(ANA) as one, here.watcher(ANA) as other:
            assert not await here.is_watching("acme", "ana")
            one.show(True)
            one.show(True)
            other.show(True)
            assert await here.is_watching("acme", "ana")
            one.show(False)
            assert await here.is_watching("acme", "ana")
            assert not await here.is_watching("acme", "bia")
            assert not await here.is_watching("other", "ana")
        assert not await here.is_watching("acme", "ana")


async def test_other_processes_hear_of_it_and_of_its_end(store: SharedStore) -> None:
    async with process(store) as here, process(store) as there:
        with here.watcher(ANA) as page:
            page.show(True)
            await until(lambda: store.writes == 1)
            assert await there.is_watching("acme", "ana")
            assert not await there.is_watching("other", "ana")
        await until(lambda: store.writes == 2)
        assert not await there.is_watching("acme", "ana")


async def test_changes_that_come_together_are_one_write_and_a_reload_is_none_too_many(store: SharedStore) -> None:
    async with process(store) as here, process(store):
        for user in (ANA, BIA):
            with here.watcher(user) as page:
                page.show(True)
            here.watcher(user).show(True)
        await until(lambda: store.writes == 1)
        await asyncio.sleep(0.1)
        (users,) = store.shown.values()
        assert (store.writes, sorted(users)) == (1, [("acme", "ana"), ("acme", "bia")])


async def test_nothing_is_written_while_nobody_watches(store: SharedStore) -> None:
    async with process(store, repeat=0.01) as here:
        with here.watcher(ANA):
            await asyncio.sleep(0.1)
    assert store.writes == 0


async def test_it_is_told_again_before_it_runs_out(store: SharedStore) -> None:
    clock = LateClock()
    async with process(store, clock, repeat=0.02) as here, process(store, clock) as there:
        here.watcher(ANA).show(True)
        await until(lambda: store.writes == 1)
        clock.ahead += timedelta(seconds=41)
        await until(lambda: store.writes >= 3)
        assert await there.is_watching("acme", "ana")


async def test_a_process_that_died_is_forgotten_and_one_that_stops_says_so(store: SharedStore) -> None:
    clock = LateClock()
    async with process(store, clock) as there:
        async with process(store, clock) as here:
            here.watcher(ANA).show(True)
            await until(lambda: store.writes == 1)
            clock.ahead = timedelta(seconds=39)
            assert await there.is_watching("acme", "ana")
            clock.ahead = timedelta(seconds=41)
            assert not await there.is_watching("acme", "ana")
            clock.ahead = timedelta()
        assert not await there.is_watching("acme", "ana")


async def test_a_database_that_is_away_is_told_when_it_is_back(store: SharedStore) -> None:
    store.failing = True
    async with process(store, repeat=0.02) as here, process(store) as there:
        here.watcher(ANA).show(True)
        await asyncio.sleep(0.1)
        assert await here.is_watching("acme", "ana")
        store.failing = False
        await until(lambda: store.writes >= 1)
        assert await there.is_watching("acme", "ana")


async def test_a_stop_is_not_held_up_by_a_database_that_is_away(store: SharedStore) -> None:
    async with process(store) as here:
        here.watcher(ANA).show(True)
        await until(lambda: store.writes == 1)
        store.failing = True


async def test_two_processes_on_one_postgresql_hear_of_each_other(postgres_url: str) -> None:
    stores = DatabaseStore(postgres_url), DatabaseStore(postgres_url)
    for each in stores:
        await each.start()
    try:
        async with process(stores[0]) as here, process(stores[1]) as there:
            with here.watcher(ANA) as page, there.watcher(BIA) as other:
                page.show(True)
                other.show(True)
                await _becomes(True, there, ANA)
                await _becomes(True, here, BIA)
                assert not await there.is_watching("other", "ana")
            await _becomes(False, there, ANA)
            await _becomes(False, here, BIA)
    finally:
        for each in stores:
            await each.close()


async def _becomes(expected: bool, presence: Presence, user: User) -> None:
    async with asyncio.timeout(5):
        while await presence.is_watching(user.tenant_id, user.id) is not expected:
            await asyncio.sleep(0.01)
