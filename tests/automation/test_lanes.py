"""Lanes over crashes, stops and several processes: nothing is passed over, nothing is told by two."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import IncomingMessage, Message, SessionStatus
from tests.bots import BIA, World, plugin, world
from tests.moving_clock import MovingClock

from .hearing import Heard, failures, in_order, try_due, until

pytestmark = pytest.mark.anyio


async def test_lanes_that_are_too_many_for_a_process_take_turns(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fivapp_whatsapp.automation.dispatcher._LANES", 2)
    ears = [Heard("ear0"), Heard("ear1")]
    async with world(sqlite_url, clock, *(ear.plugin() for ear in ears)) as here:
        await _write_to_tenants(here, 6)
        async with asyncio.timeout(30):
            while any(len(ear.texts) < 6 for ear in ears):
                assert len(here.gateway.dispatcher._ways) <= 2
                await asyncio.sleep(0.02)


async def test_a_plugin_that_hangs_in_all_its_lanes_leaves_other_plugins_theirs(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fivapp_whatsapp.automation.dispatcher._LANES", 6)
    go, ear = asyncio.Event(), Heard()

    @hookimpl(timeout=300)
    async def message_received(message: Message) -> None:
        await go.wait()

    async with world(sqlite_url, clock, plugin("bad", message_received), ear.plugin()) as here:
        await _write_to_tenants(here, 8)
        async with asyncio.timeout(30):
            while len(ear.texts) < 8:
                await asyncio.sleep(0.02)
        go.set()
        await here.idle()


async def _write_to_tenants(here: World, count: int) -> None:
    for number in range(count):
        tenant_id = f"t{number}"
        await here.gateway.store.add_tenant(tenant_id, tenant_id)
        here.connector.report(tenant_id, SessionStatus.CONNECTED)
        await here.gateway.connect(tenant_id)
        chat = {"chat_id": BIA, "sender": BIA, "at": here.clock.now()}
        await here.tell(IncomingMessage(session_id=tenant_id, native_id=f"n-{tenant_id}", text=tenant_id, **chat))


async def test_a_failure_whose_wait_is_broken_off_is_tried_again_and_the_others_go_on(
    sqlite_url: str, clock: MovingClock
) -> None:
    ear = Heard()
    ear.fail = {"bad"}
    async with world(sqlite_url, clock, ear.plugin()) as here:
        await here.says("bad")
        await here.move(2)
        [failure] = await failures(here)
        host = here.gateway._host
        rest = asyncio.get_running_loop().create_future()
        subscriber = host.dispatcher.subscribers["ear"]

        async def waits(*_: Any) -> Any:
            asyncio.get_running_loop().call_later(0.05, rest.cancel)
            return rest

        subscriber.handle = waits  # type: ignore[method-assign]
        await clock.move(6)
        await try_due(here)
        assert rest.cancelled()
        [again] = await failures(here)
        assert (again.id, again.state, again.error) == (failure.id, "retrying", failure.error)


async def test_what_is_told_while_a_read_is_on_its_way_is_read_as_well(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Heard()
    async with world(sqlite_url, clock, ear.plugin()) as here:
        store, dispatcher = here.gateway.store, here.gateway.dispatcher
        await here.says("zero")
        read, told = store.stored_events, asyncio.Event()

        async def slow(*arguments: Any) -> Any:
            found = await read(*arguments)
            if not told.is_set():
                told.set()
                head = (await store.log_state("acme")).head
                await here.tell_text("two")
                while dispatcher._heads.get("acme", 0) <= head:
                    await asyncio.sleep(0.005)
            return found

        monkeypatch.setattr(store, "stored_events", slow)
        await here.tell_text("one")
        async with asyncio.timeout(20):
            while ear.texts != ["zero", "one", "two"]:
                await asyncio.sleep(0.01)


async def test_a_crash_repeats_what_came_after_the_saved_place_and_loses_nothing(
    sqlite_url: str, clock: MovingClock
) -> None:
    ear = Heard()
    async with world(sqlite_url, clock, ear.plugin()) as here:
        await here.says("um")
        await here.gateway.dispatcher._keep()

        async def lost(*_: Any) -> list[Any]:
            return []

        here.gateway.dispatcher._keep_lanes = lost  # type: ignore[method-assign]  # as if the process were killed
        await here.says("dois")
    await clock.move(60)
    async with world(sqlite_url, clock, ear.plugin()) as here:
        await here.says("três")
        assert ear.texts == ["um", "dois", "dois", "três"]


async def test_a_stop_gives_the_lanes_up_so_that_the_next_process_goes_on_at_once(
    sqlite_url: str, clock: MovingClock
) -> None:
    ear = Heard()
    for n in range(3):
        async with world(sqlite_url, clock, ear.plugin()) as here:
            await here.says(f"m{n}")
    assert ear.texts == ["m0", "m1", "m2"]


@pytest.mark.timeout(60)
async def test_news_while_it_stops_do_not_hold_up_the_loop(sqlite_url: str, clock: MovingClock) -> None:
    heard = Heard()
    async with world(sqlite_url, clock, heard.plugin()) as here:
        dispatcher = here.gateway.dispatcher
        await dispatcher.drain(5)
        dispatcher._news.set()
        # Its loop goes on until the gateway's tasks are ended: others must get their turn meanwhile.
        turns = 0
        async with asyncio.timeout(5):
            while dispatcher._news.is_set() or turns < 50:
                turns += 1
                await asyncio.sleep(0)


async def test_a_stop_waits_for_what_is_being_handled(sqlite_url: str, clock: MovingClock) -> None:
    begun, ended = asyncio.Event(), []

    @hookimpl
    async def message_received(message: Message) -> None:
        begun.set()
        await asyncio.sleep(0.1)
        ended.append(message.text)

    async with world(sqlite_url, clock, plugin("ear", message_received)) as here:
        await here.says("um", wait=False)
        await begun.wait()
        await here.says("dois", wait=False)
    assert ended == ["um"]


async def test_two_processes_tell_each_event_once_and_one_takes_over_from_the_other(postgres_url: str) -> None:
    """On the machine's clock: leases of a process that died run out there."""
    heard: list[tuple[str, str]] = []

    def ear(process: str) -> ModuleType:
        @hookimpl
        async def message_received(message: Message) -> None:
            heard.append((process, message.text or ""))
            await asyncio.sleep(0.002)

        return plugin("ear", message_received)

    clock = _RealClock()
    chats = [f"55119888{n:05d}@c.us" for n in range(6)]
    async with world(postgres_url, clock, ear("one")) as one, world(postgres_url, clock, ear("two")) as two:
        for each in (one, two):
            each.gateway.dispatcher._lease_seconds = 1.5
        for n in range(10):
            here = (one, two)[n % 2]
            await asyncio.gather(*(here.tell_text(f"{chat[8:13]}:{n}", chat) for chat in chats))
        await until(lambda: len(heard) >= 60)
        await asyncio.sleep(1.2)
        assert len(heard) == 60
        assert in_order([text for _, text in heard])
        holder = two if two.gateway.dispatcher._ways else one
        other = one if holder is two else two
        name = "two" if holder is two else "one"
        # It dies: its tasks end, and nothing is given up.
        for task in holder.gateway._tasks:
            if task.get_name().startswith(("dispatcher", "timers", "plugin")):
                task.cancel()
        for n in range(10, 13):
            await asyncio.gather(*(other.tell_text(f"{chat[8:13]}:{n}", chat) for chat in chats))
        await until(lambda: len(heard) >= 78)
        assert {process for process, _ in heard[60:]} == {"one" if name == "two" else "two"}
        assert in_order([text for _, text in heard])


class _RealClock(MovingClock):
    """The machine's time."""

    def now(self) -> Any:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
