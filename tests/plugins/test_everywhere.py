"""How plugins do for a tenant is known of all processes, and its word to go on reaches the one that paused."""

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
from fivapp_whatsapp.plugins.everywhere import HealthEverywhere
from fivapp_whatsapp.plugins.health import PluginHealth, together
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
        self.told: dict[str, dict[tuple[str, str], Any]] = {}
        self.words: set[tuple[str, tuple[str, str]]] = set()
        self.rows = 0
        self.writes = 0
        self.failing = False

    async def tell_healths(
        self, process: str, healths: Mapping[tuple[str, str], Any], until: datetime, *, all_: bool = True
    ) -> set[tuple[str, str]]:
        if self.failing:
            raise StoreUnavailable
        self.writes += 1
        self.rows += len(healths)
        self.told[process] = ({} if all_ else self.told.get(process, {})) | dict(healths)
        heard = {key for whose, key in self.words if whose == process}
        self.words -= {(process, key) for key in heard}
        return heard

    async def plugin_healths(self, tenant_id: str | None, now: datetime) -> list[ToldHealth]:
        return [
            ToldHealth(process, *key, health, (process, key) in self.words)
            for process, healths in self.told.items()
            for key, health in healths.items()
            if tenant_id is None or key[0] in ("", tenant_id)
        ]

    async def resume_plugin(self, plugin: str, tenant_id: str | None = None) -> None:
        self.words |= {
            (process, key)
            for process, healths in self.told.items()
            for key in healths
            if key[1] == plugin and tenant_id in (None, key[0])
        }


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

    async def fail(self, times: int, tenant_id: str = "acme") -> None:
        hook = self.plugins.get("broken").hooks["message_received"][0]
        for _ in range(times):
            await self.runner.call(hook, {"message": None}, tenant_id=tenant_id)

    async def seen(self, tenant_id: str = "acme") -> PluginHealth:
        return (await self.health.of(tenant_id))["broken"]


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
    """Wait until some process has told just this of `broken` for acme."""
    await until(lambda: any(facts.items() <= one.get(("acme", "broken"), {}).items() for one in store.told.values()))


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
        await there.health.resume("broken", "globex")
        assert (await there.seen()).reason == "failing", "it is another tenant's word"
        await there.health.resume("broken", "acme")
        seen = await there.seen()
        assert (seen.reason, seen.paused_hooks) == (None, ()), "it is seen at once, before the other has heard"
        await until(lambda: here.runner.health("broken", "acme").reason is None)
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


async def test_only_what_changed_is_told_while_one_tenants_pause_is_listened_for() -> None:
    store = SharedStore()
    async with process(store) as here:
        for number in range(20):
            await here.fail(1, f"t{number}")
        await until(lambda: store.rows == 20)
        await here.fail(5)
        await told(store, reason="failing")
        rows, writes = store.rows, store.writes
        await until(lambda: store.writes > writes + 3)
        assert store.rows == rows
        assert (await here.seen("t3")).failures == 1
        assert (await here.seen("t3")).reason is None


async def test_a_pause_for_all_is_seen_by_each_tenant_and_is_none_of_theirs_to_lift() -> None:
    store = SharedStore()
    async with process(store) as here, process(store) as there:
        await here.fail(1)
        await here.fail(5, "")
        await told(store, failures=1)
        seen = await there.seen()
        assert (seen.reason, seen.for_all, seen.paused_in, seen.failures) == ("failing", True, 1, 6)
        assert (await there.seen("globex")).for_all
        await there.health.resume("broken", "acme")
        assert ((await there.seen()).reason, (await here.seen()).reason) == ("failing", "failing")


async def test_no_word_brings_back_threads_that_hang() -> None:
    store = SharedStore()
    store.told["other"] = {("acme", "broken"): {"reason": "hanging", "pausedIn": 1, "pausedHooks": ["reply_to"]}}
    one = Process(store, MovingClock())
    await one.health.resume("broken", "acme")
    seen = await one.seen()
    assert (seen.reason, seen.paused_until, seen.paused_hooks) == ("hanging", None, ("reply_to",))


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
    store.told["newer"] = {("acme", "broken"): {"failures": "many"}, ("acme", "unknown"): {}}
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
            await here.gateway.runner.call(hook, {"message": None}, tenant_id="acme")
        page = PluginAdmin(there.gateway)
        async with asyncio.timeout(10):
            while (await page.plugin("acme", "broken")).health.reason is None:
                await asyncio.sleep(0.05)
            assert (await page.plugin("globex", "broken")).health == PluginHealth()
            await page.resume("acme", "broken")
            while here.gateway.runner.health("broken", "acme").reason is not None:
                await asyncio.sleep(0.05)
        (shown,) = await page.plugins("acme")
        assert (shown.health.reason, shown.health.failures) == (None, 5)
