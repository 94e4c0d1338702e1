"""How plugins do is known of all processes, and a person's word to go on reaches the one that paused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fivapp_whatsapp.errors import StoreUnavailable
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import Message
from fivapp_whatsapp.plugins.admin import PluginAdmin
from fivapp_whatsapp.plugins.everywhere import HealthEverywhere, together
from fivapp_whatsapp.plugins.health import PluginHealth
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.plugins.runner import Runner
from fivapp_whatsapp.ports import NoMetrics
from fivapp_whatsapp.ports.plugins import ToldHealth
from tests.bots import plugin, world
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


class SharedStore:
    """What processes tell each other."""

    def __init__(self) -> None:
        self.told: dict[str, Mapping[str, Any]] = {}
        self.words: set[tuple[str, str]] = set()
        self.writes = 0
        self.failing = False

    async def tell_healths(self, process: str, healths: Mapping[str, Any], until: datetime) -> set[str]:
        if self.failing:
            raise StoreUnavailable
        self.writes += 1
        self.told[process] = healths
        heard = {name for name in healths if (process, name) in self.words}
        self.words -= {(process, name) for name in heard}
        return heard

    async def plugin_healths(self, now: datetime) -> list[ToldHealth]:
        return [
            ToldHealth(process, name, health, (process, name) in self.words)
            for process, healths in self.told.items()
            for name, health in healths.items()
        ]

    async def resume_plugin(self, plugin: str) -> None:
        self.words |= {(process, plugin) for process in self.told}


@hookimpl
async def message_received(message: Message) -> None:
    raise RuntimeError("planted")


class Process:
    """One process with the plugin `broken`."""

    def __init__(self, store: Any, clock: MovingClock) -> None:
        self.clock = clock
        self.plugins = Plugins.load(modules={"broken": plugin("broken", message_received)}, installed=False)
        self.runner = Runner(self.plugins, clock=clock, metrics=NoMetrics())
        self.health = HealthEverywhere(store, self.plugins, self.runner, clock, look_seconds=0.01)

    async def fail(self, times: int) -> None:
        for _ in range(times):
            await self.runner.call(self.plugins.get("broken").hooks["message_received"][0], {"message": None})

    async def seen(self) -> PluginHealth:
        return (await self.health.all())["broken"]


@asynccontextmanager
async def process(store: Any) -> AsyncIterator[Process]:
    one = Process(store, MovingClock())
    task = asyncio.create_task(one.health.run())
    await asyncio.sleep(0)
    yield one
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await one.runner.close()
    assert task.cancelled()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def told(store: SharedStore, **facts: Any) -> None:
    """Wait until some process has told just this of `broken`."""
    await until(lambda: any(facts.items() <= one.get("broken", {}).items() for one in store.told.values()))


async def test_a_pause_in_one_process_is_seen_in_the_other_and_counts_are_added() -> None:
    store = SharedStore()
    async with process(store) as here, process(store) as there:
        await there.fail(1)
        await here.fail(5)
        await told(store, failures=1)
        await told(store, failures=5, reason="failing")
        seen = await there.seen()
        assert (seen.failures, seen.reason, seen.paused_in) == (6, "failing", 1)
        assert seen.paused_until == here.clock.now() + timedelta(seconds=60)
        assert (await here.seen()).failures == 6
    assert set(map(len, store.told.values())) == {0}, "a process that stops takes back what it told"


async def test_a_persons_word_reaches_the_process_that_paused() -> None:
    store = SharedStore()
    async with process(store) as here, process(store) as there:
        await here.fail(5)
        await told(store, failures=5, reason="failing")
        await there.health.resume("broken")
        seen = await there.seen()
        assert (seen.reason, seen.paused_hooks) == (None, ()), "it is seen at once, before the other has heard"
        await until(lambda: here.runner.health("broken").reason is None)
        await told(store, failures=5, reason=None)
        assert ((await there.seen()).reason, (await there.seen()).failures) == (None, 5)
        assert store.words == set()


async def test_nothing_is_written_while_all_are_well_nor_again_and_again_while_nothing_changes() -> None:
    store = SharedStore()
    async with process(store) as here:
        await asyncio.sleep(0.05)
        assert store.writes == 0
        await here.fail(1)
        await until(lambda: store.writes)
        await asyncio.sleep(0.05)
        assert store.writes == 1
        await here.clock.move(16)
        await until(lambda: store.writes == 2)


async def test_a_database_that_is_away_is_told_when_it_is_back() -> None:
    store = SharedStore()
    store.failing = True
    async with process(store) as here, process(store) as there:
        await here.fail(1)
        await asyncio.sleep(0.05)
        assert (await there.seen()).failures == 0
        store.failing = False
        await told(store, failures=1)
        assert (await there.seen()).failures == 1


async def test_what_another_version_says_in_its_own_way_is_passed_over() -> None:
    store = SharedStore()
    store.told["newer"] = {"broken": {"failures": "many"}, "unknown": {}}
    assert await Process(store, MovingClock()).seen() == PluginHealth()


def test_of_pauses_the_one_that_ends_last_is_told() -> None:
    early = PluginHealth(reason="failing", paused_until=NOON, paused_in=1)
    late = PluginHealth(reason="blocking", paused_until=NOON + timedelta(minutes=9), paused_in=1, last_error="E at f")
    assert together([PluginHealth(), early, late]) == PluginHealth(
        reason="blocking", paused_until=NOON + timedelta(minutes=9), paused_in=2, last_error="E at f"
    )


async def test_two_gateways_on_one_postgresql_hear_of_each_others_plugins(postgres_url: str) -> None:
    bot = plugin("broken", message_received)
    async with (
        world(postgres_url, MovingClock(), bot) as here,
        world(postgres_url, MovingClock(), bot) as there,
    ):
        hook = here.gateway.plugins.get("broken").hooks["message_received"][0]
        for _ in range(5):
            await here.gateway.runner.call(hook, {"message": None})
        page = PluginAdmin(there.gateway)
        async with asyncio.timeout(10):
            while (await page.plugin("acme", "broken")).health.reason is None:
                await asyncio.sleep(0.05)
            await page.resume("broken")
            while here.gateway.runner.health("broken").reason is not None:
                await asyncio.sleep(0.05)
        (shown,) = await page.plugins("acme")
        assert (shown.health.reason, shown.health.failures) == (None, 5)
