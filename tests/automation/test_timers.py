"""Timers of plugins: durable, called once, tried again when they fail."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from fivapp_whatsapp.errors import StoreUnavailable
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import Message
from fivapp_whatsapp.tenant import TenantGateway
from tests.bots import BIA, plugin, world
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio
Rang = list[tuple[str, Any, str | None]]


def alarm(rang: Rang, *, fail: list[Exception] | None = None) -> ModuleType:
    """Make a plugin that reminds a contact of what they wrote, after a minute."""

    @hookimpl
    async def message_received(message: Message, gateway: TenantGateway) -> None:
        if message.text == "esquece":
            assert await gateway.cancel_later("lembrete")
            assert not await gateway.cancel_later("lembrete")
        else:
            await gateway.later("lembrete", timedelta(minutes=1), {"text": message.text})

    @hookimpl
    async def timer(key: str, data: Any, conversation: Any, gateway: TenantGateway) -> None:
        if fail:
            raise fail.pop()
        rang.append((key, data, conversation and conversation.title))
        await gateway.send(conversation, f"lembrete: {data['text']}")

    return plugin("alarm", message_received, timer)


async def test_a_timer_calls_its_plugin_once_when_it_is_due(sqlite_url: str, clock: MovingClock) -> None:
    rang: Rang = []
    async with world(sqlite_url, clock, alarm(rang)) as here:
        await here.says("comprar pão")
        await here.move(59)
        assert rang == []
        await here.move(2)
        assert rang == [("lembrete", {"text": "comprar pão"}, "Ana")]
        assert here.sent == ["lembrete: comprar pão"]
        await here.move(600)
        assert len(rang) == 1


async def test_a_timer_of_the_same_key_is_replaced_and_can_be_taken_back(sqlite_url: str, clock: MovingClock) -> None:
    rang: Rang = []
    async with world(sqlite_url, clock, alarm(rang)) as here:
        await here.says("um")
        await here.move(30)
        await here.says("dois")
        await here.says("de bia", chat=BIA)
        await here.move(45)
        assert rang == []
        await here.move(20)
        assert sorted(data["text"] for _, data, _ in rang) == ["de bia", "dois"]
        await here.says("três")
        await here.says("esquece")
        await here.move(120)
        assert len(rang) == 2


async def test_timers_survive_a_restart_and_those_of_the_past_ring_at_once(sqlite_url: str, clock: MovingClock) -> None:
    rang: Rang = []
    async with world(sqlite_url, clock, alarm(rang)) as here:
        await here.says("pão")
    await clock.move(3600)
    async with world(sqlite_url, clock, alarm(rang)) as here:
        await here.idle()
        assert here.sent == ["lembrete: pão"]


async def test_a_timer_that_fails_is_tried_again_and_then_kept_as_a_failure(
    sqlite_url: str, clock: MovingClock
) -> None:
    rang: Rang = []
    fail: list[Exception] = [ValueError("x")] * 4
    async with world(sqlite_url, clock, alarm(rang, fail=fail)) as here:
        await here.says("pão")
        await here.move(60)
        await here.move(2)
        [failure] = await here.gateway.store.failures("acme")
        assert (failure.plugin, failure.hook, failure.attempts) == ("alarm", "timer", 3)
        assert failure.timer is not None
        for seconds in (5, 30):
            await clock.move(seconds)
            await here.gateway._host.failures.try_due()
            await here.idle()
        await here.idle()
        assert (len(rang), here.sent) == (1, ["lembrete: pão"])
        assert await here.gateway.store.failures("acme") == []


async def test_a_timer_whose_end_was_not_stored_sends_once(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rang: Rang = []
    async with world(sqlite_url, clock, alarm(rang)) as here:
        end, away = here.gateway.store.end_timer, [StoreUnavailable()]

        async def failing(*args: Any, **more: Any) -> None:
            if away:
                raise away.pop()
            await end(*args, **more)

        monkeypatch.setattr(here.gateway.store, "end_timer", failing)
        await here.says("pão")
        await here.move(61)
        await here.move(130)  # its lease runs out
        assert len(rang) == 2
        assert here.sent == ["lembrete: pão"]


async def test_a_plugin_that_is_off_is_not_called(sqlite_url: str, clock: MovingClock) -> None:
    rang: Rang = []
    async with world(sqlite_url, clock, alarm(rang)) as here:
        await here.says("pão")
        await here.decide("alarm", enabled=False)
        await here.move(61)
        assert rang == []


async def test_the_timers_of_a_paused_plugin_wait(sqlite_url: str, clock: MovingClock) -> None:
    rang: Rang = []
    async with world(sqlite_url, clock, alarm(rang)) as here:
        await here.says("pão")
        await here.move(30)
        [hook] = here.gateway.plugins.get("alarm").hooks["timer"]
        for _ in range(5):
            await here.gateway.runner.call(hook, dict.fromkeys(hook.arguments), tenant_id="acme")
        rang.clear()
        await here.move(31)
        assert rang == []
        await here.move(60)
        assert len(rang) == 1


async def test_the_timers_of_a_plugin_that_is_being_paused_hold_up_no_other(
    sqlite_url: str, clock: MovingClock
) -> None:
    rang: list[str] = []
    begun, go = asyncio.Event(), asyncio.Event()

    @hookimpl
    async def timer(key: str) -> None:
        if len(rang) < 5:
            begun.set()
            await go.wait()
            rang.append(key)
            raise LookupError(key)
        rang.append(key)

    bad = plugin("bad", timer)

    @hookimpl
    async def timer(key: str) -> None:  # type: ignore[no-redef]
        rang.append(key)

    async with world(sqlite_url, clock, bad, plugin("good", timer)) as here:
        for number in range(60):
            await here.gateway.as_plugin("acme", "bad").later(f"bad {number}", timedelta(seconds=1))
        await clock.move(2)
        await here.gateway.timers.run_due()  # a look that began before the move sees nothing that is due after it
        await begun.wait()
        await here.gateway.as_plugin("acme", "good").later("good", timedelta(seconds=1))
        go.set()
        await here.idle()
        assert here.gateway.runner.paused("bad", "timer", "acme") == "failing"
        before = len(rang)
        await here.move(3)
        assert rang[before:] == ["good"]
        await here.move(70)
        assert {f"bad {number}" for number in range(60)} <= set(rang)


async def test_timers_that_hang_hold_up_those_of_no_other_plugin(sqlite_url: str, clock: MovingClock) -> None:
    rang: list[str] = []
    go = asyncio.Event()

    @hookimpl(timeout=300)
    async def timer(key: str) -> None:
        rang.append(key)
        await go.wait()

    bad = plugin("bad", timer)

    @hookimpl
    async def timer(key: str) -> None:  # type: ignore[no-redef]
        rang.append(key)

    async with world(sqlite_url, clock, bad, plugin("good", timer)) as here:
        for number in range(60):
            await here.gateway.as_plugin("acme", "bad").later(f"bad {number}", timedelta(seconds=1))
        await here.gateway.as_plugin("acme", "good").later("good", timedelta(seconds=2))
        await clock.move(3)
        async with asyncio.timeout(5):
            while "good" not in rang:
                await here.gateway.timers.run_due()
                await asyncio.sleep(0.01)
        go.set()
        await here.idle()
        assert len(rang) == 61


async def test_a_timer_that_takes_longer_than_its_lease_rings_once(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovingClock()
    clock.install(monkeypatch)
    rang: list[str] = []
    go = asyncio.Event()

    @hookimpl(timeout=300)
    async def timer(key: str) -> None:
        rang.append(key)
        await go.wait()

    slow = plugin("slow", timer)
    async with world(postgres_url, clock, slow) as one, world(postgres_url, clock, slow) as two:
        await one.gateway.as_plugin("acme", "slow").later("k", timedelta(seconds=1))
        for _ in range(10):
            await clock.move(20)
            await one.gateway.timers.run_due()
            await two.gateway.timers.run_due()
        assert rang == ["k"]
        go.set()
        await asyncio.gather(one.idle(), two.idle())
        await clock.move(200)
        await asyncio.gather(one.idle(), two.idle())
        assert rang == ["k"]


async def test_two_processes_ring_each_timer_once(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = MovingClock()
    clock.install(monkeypatch)
    rang: Rang = []
    async with world(postgres_url, clock, alarm(rang)) as one, world(postgres_url, clock, alarm(rang)) as two:
        for n in range(10):
            await one.says(f"m{n}", chat=f"55119888{n:05d}@c.us", wait=False)
        await asyncio.gather(one.idle(), two.idle())
        async with asyncio.timeout(20):
            while len(await _timers(one)) < 10:
                await asyncio.sleep(0.05)
        await clock.move(61)
        await asyncio.gather(one.idle(), two.idle())
        assert sorted(data["text"] for _, data, _ in rang) == [f"m{n}" for n in range(10)]


async def _timers(here: Any) -> list[Any]:
    page = await here.gateway.conversations("acme", limit=200)
    return [each for each in page.items if each.last_message is not None]
