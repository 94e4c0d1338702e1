"""A hook that fails: tried again beside the others, paused by itself, and never in the way of another plugin."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fivapp_whatsapp.automation.attempts import HookPaused
from fivapp_whatsapp.errors import ConnectorRejected, StoreUnavailable
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.metrics import PrometheusMetrics
from fivapp_whatsapp.models import Message, MessageStatus, OutgoingMessage, StatusUpdate
from fivapp_whatsapp.ports.plugins import PluginFailure, PluginSetting
from tests.bots import BIA, plugin, world
from tests.moving_clock import MovingClock

from .hearing import Heard, failures, try_due

pytestmark = pytest.mark.anyio


async def test_a_poison_event_steps_aside_and_comes_again_until_it_is_dead(sqlite_url: str, clock: MovingClock) -> None:
    ear = Heard()
    ear.fail = {"veneno"}
    async with world(sqlite_url, clock, ear.plugin()) as here:
        await here.says("veneno")
        await here.says("bom")
        await here.move(0.2)
        await here.move(1)
        assert (ear.texts, ear.attempts) == (["bom"], [1, 2, 3, 1])
        [failure] = await failures(here)
        assert (failure.plugin, failure.hook, failure.state, failure.attempts) == (
            "ear",
            "message_received",
            "retrying",
            3,
        )
        assert failure.error.startswith("LookupError in hearing.py:")
        assert "veneno" not in failure.error
        for number, seconds in enumerate((5, 30, 300, 1800, 7200), 4):
            here.gateway.runner.resume("ear")
            await clock.move(seconds)
            await try_due(here)
            assert ear.attempts[-1] == number
        [failure] = await failures(here)
        assert (failure.state, failure.attempts) == ("dead", 8)
        # A person mends it, and has it tried again.
        ear.fail.clear()
        await here.gateway.store.replay_failure("acme", failure.id)
        await try_due(here)
        assert ear.texts[-1] == "veneno"
        assert await failures(here) == []


async def test_a_strict_hook_keeps_its_conversation_in_order_and_lets_others_go_on(
    sqlite_url: str, clock: MovingClock
) -> None:
    ear = Heard(ordered="strict")
    ear.fail = {"um"}
    async with world(sqlite_url, clock, ear.plugin()) as here:
        await here.says("um")
        await here.says("dois")
        await here.says("de bia", chat=BIA)
        await here.move(40)
        assert ear.texts == ["de bia"]
        assert await failures(here) == []
        ear.fail.clear()
        here.gateway.runner.resume("ear")
        await here.move(300)
        assert ear.texts == ["de bia", "um", "dois"]


async def test_a_paused_plugins_events_wait_and_are_no_failures(sqlite_url: str, clock: MovingClock) -> None:
    ear, other = Heard(), Heard("other")
    async with world(sqlite_url, clock, ear.plugin(), other.plugin()) as here:
        for _ in range(5):
            [hook] = here.gateway.plugins.get("ear").hooks["message_received"]
            await here.gateway.runner.call(hook, {"message": None, "attempt": 1}, tenant_id="acme")
        assert here.gateway.runner.paused("ear", "message_received", "acme") == "failing"
        ear.attempts.clear()
        await here.says("um")
        await here.says("dois")
        assert (ear.texts, other.texts) == ([], ["um", "dois"])
        assert here.gateway.dispatcher._ways["acme", "ear"].open == 0  # they wait in the log
        await here.move(61)
        assert (ear.texts, ear.attempts) == (["um", "dois"], [1, 1])
        assert await failures(here) == []


async def test_what_reaches_somebody_after_it_had_failed_is_told_as_sent_once(
    sqlite_url: str, clock: MovingClock
) -> None:
    told: list[tuple[str, str | None]] = []

    @hookimpl
    async def message_sent(message: Message) -> None:
        told.append(("sent", message.text))

    @hookimpl
    async def message_status_changed(message: Message) -> None:
        told.append(("status", message.text))

    async with world(sqlite_url, clock, plugin("ear", message_sent, message_status_changed)) as here:
        conversation = await here.gateway.open_conversation("acme", BIA)

        async def reaches(status: MessageStatus, **ids: str) -> None:
            await here.move(1)
            await here.tell(StatusUpdate(session_id="acme", status=status, at=clock.now(), **ids))
            await here.idle()

        here.connector.fail_sends.append(ConnectorRejected("no"))
        sent = await here.gateway.send("acme", conversation.id, OutgoingMessage(text="um"))
        await here.idle()
        assert told == [("status", "um")]
        await reaches(MessageStatus.DELIVERED, client_message_id=sent.message.id)
        assert told[1:] == [("sent", "um")]
        told.clear()
        # One that was accepted before it failed has been told of.
        sent = await here.gateway.send("acme", conversation.id, OutgoingMessage(text="dois"))
        native_id = sent.raw["messageId"]
        for status in (MessageStatus.FAILED, MessageStatus.DELIVERED, MessageStatus.READ):
            await reaches(status, native_id=native_id)
        assert told == [("sent", "dois"), ("status", "dois"), ("status", "dois"), ("status", "dois")]


async def test_a_hook_that_is_paused_leaves_the_others_of_its_plugin_running(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when more waits for it than one lane may hold: then its events step aside, and are told after the pause."""
    received: list[str | None] = []
    sent: list[str | None] = []
    down = [True]

    @hookimpl
    async def message_received(message: Message) -> None:
        if down:
            raise ConnectionError
        received.append(message.text)

    @hookimpl
    async def message_sent(message: Message) -> None:
        sent.append(message.text)

    monkeypatch.setattr("fivapp_whatsapp.automation.lane.OPEN_EVENTS", 8)
    async with world(sqlite_url, clock, plugin("crm", message_received, message_sent)) as here:
        chats = [f"55119888{n:05d}@c.us" for n in range(20)]
        for chat in chats:
            await here.tell_text("oi", chat)
        await here.idle()
        assert here.gateway.runner.paused("crm", "message_received", "acme") == "failing"
        assert here.gateway.runner.paused("crm", "message_sent", "acme") is None
        conversation = await here.gateway.open_conversation("acme", BIA)
        await here.gateway.send("acme", conversation.id, OutgoingMessage(text="olá"))
        await here.move(20)
        assert sent == ["olá"]
        down.clear()
        for _ in range(6):
            await here.move(30)
            await try_due(here)
        assert (len(received), await failures(here)) == (20, [])


async def test_one_poison_event_pauses_nothing(sqlite_url: str, clock: MovingClock) -> None:
    ear = Heard()
    ear.fail.add("um")
    async with world(sqlite_url, clock, ear.plugin()) as here:
        await here.says("um")
        for _ in range(4):
            await here.move(10)
            await try_due(here)
        assert ear.attempts[:4] == [1, 2, 3, 4]
        assert here.gateway.runner.pauses() == []


async def test_failures_of_a_plugin_that_hangs_hold_up_no_other(sqlite_url: str, clock: MovingClock) -> None:
    heard: list[str | None] = []
    hung, go = asyncio.Event(), asyncio.Event()

    @hookimpl(timeout=300)
    async def message_received(message: Message, attempt: int) -> None:
        if attempt <= 3:
            raise ValueError
        hung.set()
        await go.wait()

    bad = plugin("bad", message_received)

    @hookimpl
    async def message_received(message: Message, attempt: int) -> None:  # type: ignore[no-redef]
        if attempt <= 3:
            raise ValueError
        heard.append(message.text)

    async with world(sqlite_url, clock, bad, plugin("good", message_received)) as here:
        await here.says("um")
        await here.move(0.2)
        await here.move(1)
        store = here.gateway.store
        failed = {each.plugin: each.id for each in await failures(here)}
        await store.replay_failure("acme", failed["bad"])
        await here.gateway._host.failures.try_due()
        await asyncio.wait_for(hung.wait(), 5)
        await store.replay_failure("acme", failed["good"])
        await here.gateway._host.failures.try_due()
        async with asyncio.timeout(5):
            while not heard:
                await asyncio.sleep(0.01)
        go.set()
        await here.idle()
        assert (heard, await failures(here)) == (["um"], [])


async def test_a_failure_that_is_tried_for_longer_than_its_lease_is_tried_once(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovingClock()
    clock.install(monkeypatch)
    tried: list[int] = []
    go = asyncio.Event()

    @hookimpl(timeout=300)
    async def message_received(message: Message, attempt: int) -> None:
        if attempt <= 3:
            raise ValueError
        tried.append(attempt)
        await go.wait()

    slow = plugin("slow", message_received)
    async with world(postgres_url, clock, slow) as one, world(postgres_url, clock, slow) as two:
        await one.says("um", wait=False)
        async with asyncio.timeout(10):
            while not (kept := await failures(one)):
                await clock.move(1)
                await asyncio.sleep(0.05)
        await one.gateway.store.replay_failure("acme", kept[0].id)
        for _ in range(10):
            await clock.move(20)
            await one.gateway._host.failures.try_due()
            await two.gateway._host.failures.try_due()
        assert tried == [4]
        go.set()
        await asyncio.gather(one.idle(), two.idle())
        assert await failures(one) == []


async def test_a_pause_uses_up_no_tries(sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Heard()
    ear.fail.add("um")

    async def paused(_: PluginFailure) -> None:
        raise HookPaused("message_received")

    async with world(sqlite_url, clock, ear.plugin()) as here:
        await here.says("um")
        await here.move(0.2)
        await here.move(1)
        [before] = await failures(here)
        monkeypatch.setattr(here.gateway._host.failures, "_handle", paused)
        await here.gateway.store.replay_failure("acme", before.id)
        await try_due(here)
        [after] = await failures(here)
        assert (after.state, after.attempts) == ("retrying", before.attempts)


async def test_a_plugin_that_is_off_hears_nothing_and_begins_with_what_comes(
    sqlite_url: str, clock: MovingClock
) -> None:
    ear = Heard()
    async with world(sqlite_url, clock, ear.plugin()) as here:
        await here.decide("ear", enabled=False)
        await here.says("um")
        await here.gateway.change_plugin("acme", PluginSetting(plugin="ear", enabled=True), was_on=False)
        await here.says("dois")
        assert ear.texts == ["dois"]


async def test_while_the_database_is_away_nothing_is_passed_over(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Heard()
    async with world(sqlite_url, clock, ear.plugin()) as here:
        store: Any = here.gateway.store
        here.gateway.dispatcher._look_seconds = 0.05
        away = {"stored_events": 3, "message": 2, "claim_lanes": 2, "keep_lanes": 2}
        for name in away:
            real = getattr(store, name)

            async def failing(*args: Any, name: str = name, real: Any = real, **more: Any) -> Any:
                if away[name]:
                    away[name] -= 1
                    raise StoreUnavailable
                return await real(*args, **more)

            monkeypatch.setattr(store, name, failing)
        monkeypatch.setattr("fivapp_whatsapp.automation.attempts._STORE_RETRY_SECONDS", 0.01)
        for n in range(4):
            await here.tell_text(f"m{n}")
        async with asyncio.timeout(20):
            while len(ear.texts) < 4 or any(away.values()):
                await asyncio.sleep(0.05)
        assert ear.texts == [f"m{n}" for n in range(4)]


async def test_a_failure_is_on_disk_before_the_place_moves_on(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Heard()
    ear.fail = {"veneno"}
    async with world(sqlite_url, clock, ear.plugin()) as here:
        real, away = here.gateway.store.add_failure, [StoreUnavailable()] * 3

        async def failing(failure: PluginFailure) -> None:
            [way] = here.gateway.dispatcher._ways.values()
            assert failure.event is not None
            assert way.seq < failure.event.seq
            if away:
                raise away.pop()
            await real(failure)

        monkeypatch.setattr(here.gateway.store, "add_failure", failing)
        monkeypatch.setattr("fivapp_whatsapp.automation.attempts._STORE_RETRY_SECONDS", 0.01)
        await here.says("veneno")
        await here.move(2)
        assert len(await failures(here)) == 1
        assert away == []


async def test_what_plugins_are_told_is_counted(sqlite_url: str, clock: MovingClock) -> None:
    metrics = PrometheusMetrics()
    ear = Heard()
    ear.fail = {"veneno"}
    async with world(sqlite_url, clock, ear.plugin(), metrics=metrics) as here:
        await here.says("oi")
        await here.says("veneno")
        await here.move(2)
        await here.gateway.dispatcher._keep()
        page = metrics.render()[0].decode()
    for line in (
        'fivapp_plugin_events_total{outcome="handled",plugin="ear"}',
        'fivapp_plugin_events_total{outcome="failed",plugin="ear"} 1.0',
        'fivapp_plugin_events_total{outcome="retried",plugin="ear"} 2.0',
        'fivapp_plugin_lag{plugin="ear"} 0.0',
    ):
        assert line in page
