"""Plugins hear of stored events: at least once, in order per conversation, each plugin for itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from fivapp_whatsapp.automation.attempts import HookPaused
from fivapp_whatsapp.errors import ConnectorRejected, StoreUnavailable
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.metrics import PrometheusMetrics
from fivapp_whatsapp.models import (
    Author,
    Conversation,
    ConversationPatch,
    Group,
    GroupUpdate,
    IncomingMessage,
    Message,
    MessageStatus,
    OutgoingMessage,
    Session,
    SessionStatus,
    SessionUpdate,
    StatusUpdate,
)
from fivapp_whatsapp.ports.plugins import PluginFailure, PluginSetting
from fivapp_whatsapp.tenant import TenantGateway
from tests.bots import BIA, GROUP, World, plugin, world
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    clock = MovingClock()
    clock.install(monkeypatch)
    return clock


class Heard:
    """A plugin that notes what it hears; `fail` are texts at which it fails."""

    def __init__(self, name: str = "ear", **options: Any) -> None:
        self.name = name
        self.texts: list[str | None] = []
        self.attempts: list[int] = []
        self.fail: set[str] = set()
        self._options = options

    def plugin(self) -> ModuleType:
        heard = self

        @hookimpl(**self._options)
        async def message_received(message: Message, attempt: int) -> None:
            heard.attempts.append(attempt)
            if message.text in heard.fail:
                raise LookupError(message.text)
            heard.texts.append(message.text)

        return plugin(self.name, message_received)


async def failures(here: World) -> list[PluginFailure]:
    return await here.gateway.store.failures("acme")


# --- which hook an event is for --------------------------------------------------------------------


async def test_each_change_is_told_to_the_hook_that_is_for_it(sqlite_url: str, clock: MovingClock) -> None:
    told: list[tuple[str, Any]] = []

    @hookimpl
    def message_received(message: Message) -> None:
        told.append(("received", message.text))

    @hookimpl
    async def message_sent(message: Message) -> None:
        told.append(("sent", message.text))

    @hookimpl
    async def message_status_changed(message: Message) -> None:
        told.append(("status", message.text))

    @hookimpl
    async def session_status_changed(session: Session) -> None:
        told.append(("session", str(session.status)))

    @hookimpl
    async def conversation_changed(conversation: Conversation) -> None:
        told.append(("conversation", conversation.title))

    @hookimpl
    async def group_changed(group: Group, conversation: Conversation) -> None:
        assert group.conversation_id == conversation.id
        told.append(("group", group.change))

    hooks = (
        message_received,
        message_sent,
        message_status_changed,
        session_status_changed,
        conversation_changed,
        group_changed,
    )
    async with world(sqlite_url, clock, plugin("ear", *hooks)) as here:
        await here.idle()
        told.clear()
        await here.says("oi")
        assert sorted(told) == [("conversation", "Ana"), ("received", "oi")]
        told.clear()
        conversation = await here.conversation()
        sent = (await here.gateway.send("acme", conversation.id, OutgoingMessage(text="olá"))).raw["messageId"]
        await here.says("da mão", from_me=True)
        assert [each for each in told if each[0] != "conversation"] == [("sent", "olá"), ("sent", "da mão")]
        told.clear()
        await here.tell(StatusUpdate(session_id="acme", status=MessageStatus.READ, native_id=sent))
        await here.gateway.add_note("acme", conversation.id, "só para nós", author=Author(kind="agent"))
        await here.gateway.change_conversation("acme", conversation.id, ConversationPatch(labels=["vip"]))
        await here.tell(SessionUpdate(session_id="acme", status=SessionStatus.RECONNECTING))
        await here.says("oi", chat=GROUP)
        await here.tell(GroupUpdate(session_id="acme", chat_id=GROUP, change="subject", subject="Vizinhos"))
        await here.idle()
        kinds = Counter(kind for kind, _ in told)
        assert (kinds["status"], kinds["session"], kinds["group"], kinds["received"], kinds["sent"]) == (1, 1, 1, 1, 0)
        assert ("session", "reconnecting") in told
        assert ("group", "subject") in told


async def test_a_message_that_fails_was_never_sent(sqlite_url: str, clock: MovingClock) -> None:
    told: list[str] = []

    @hookimpl
    async def message_sent(message: Message) -> None:
        told.append("sent")

    @hookimpl
    async def message_status_changed(message: Message) -> None:
        told.append(message.status)

    async with world(sqlite_url, clock, plugin("ear", message_sent, message_status_changed)) as here:
        conversation = await here.gateway.open_conversation("acme", BIA)
        here.connector.fail_sends = [ConnectorRejected("no")]
        await here.gateway.send("acme", conversation.id, OutgoingMessage(text="a"))
        await here.idle()
        assert told == ["failed"]


async def test_a_hook_gets_what_it_asks_for(sqlite_url: str, clock: MovingClock) -> None:
    got: dict[str, Any] = {}

    @hookimpl
    async def message_received(
        message: Message,
        gateway: TenantGateway,
        conversation: Any,
        contact: Any,
        session: Any,
        config: Any,
        state: Any,
        attempt: int,
        log: Any,
    ) -> None:
        got.update(locals())
        log.info("heard", count=1)
        await state.set("last", message.text)

    async with world(sqlite_url, clock, plugin("ear", message_received)) as here:
        await here.says("oi")
        conversation = await here.conversation()
        assert got["conversation"].id == got["message"].conversation_id == conversation.id
        assert (got["contact"].name, got["session"].id, got["config"], got["attempt"]) == ("Ana", "acme", None, 1)
        assert await got["gateway"].state_of(conversation.id).get("last") == "oi"
        assert await got["gateway"].state.get("last", "nada") == "nada"


async def test_a_plugin_without_a_hook_for_events_has_no_lane(sqlite_url: str, clock: MovingClock) -> None:
    @hookimpl
    async def outgoing_message(message: OutgoingMessage) -> None:
        return None

    async with world(sqlite_url, clock, plugin("filter", outgoing_message)) as here:
        await here.says()
        assert here.gateway.dispatcher.subscribers == {}
        assert here.gateway.dispatcher._ways == {}


# --- order, failures -------------------------------------------------------------------------------


async def test_order_holds_in_a_conversation_and_slow_ones_hold_up_nobody(sqlite_url: str, clock: MovingClock) -> None:
    release = asyncio.Event()
    heard: list[str] = []

    @hookimpl
    async def message_received(message: Message) -> None:
        text = message.text or ""
        if text == "a0":
            await release.wait()
        heard.append(text)

    async with world(sqlite_url, clock, plugin("ear", message_received)) as here:
        for n in range(5):
            await here.says(f"a{n}", wait=False)
            await here.says(f"b{n}", chat=BIA, wait=False)
        async with asyncio.timeout(10):
            while len(heard) < 5:
                await asyncio.sleep(0.01)
        assert heard == [f"b{n}" for n in range(5)]
        release.set()
        await here.idle()
        assert heard[5:] == [f"a{n}" for n in range(5)]


async def test_no_more_than_sixteen_of_a_plugin_run_at_once(sqlite_url: str, clock: MovingClock) -> None:
    running, release = 0, asyncio.Event()

    @hookimpl
    async def message_received(message: Message) -> None:
        nonlocal running
        running += 1
        await release.wait()

    async with world(sqlite_url, clock, plugin("ear", message_received)) as here:
        await asyncio.gather(*(here.says(chat=f"55119888{n:05d}@c.us", wait=False) for n in range(40)))
        await _until(lambda: running == 16)
        await asyncio.sleep(0.1)  # long enough for one more to begin, if it did
        assert running == 16
        release.set()
        await here.idle()
        assert running == 40


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
        assert failure.error.startswith("LookupError in test_dispatcher.py:")
        assert "veneno" not in failure.error
        for number, seconds in enumerate((5, 30, 300, 1800, 7200), 4):
            here.gateway.runner.resume("ear")
            await clock.move(seconds)
            await _try_due(here)
            assert ear.attempts[-1] == number
        [failure] = await failures(here)
        assert (failure.state, failure.attempts) == ("dead", 8)
        # A person mends it, and has it tried again.
        ear.fail.clear()
        await here.gateway.store.replay_failure("acme", failure.id)
        await _try_due(here)
        assert ear.texts[-1] == "veneno"
        assert await failures(here) == []


async def _try_due(here: World) -> None:
    await here.gateway._host.failures.try_due()
    await here.idle()


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
            await _try_due(here)
        assert (len(received), await failures(here)) == (20, [])


async def test_one_poison_event_pauses_nothing(sqlite_url: str, clock: MovingClock) -> None:
    ear = Heard()
    ear.fail.add("um")
    async with world(sqlite_url, clock, ear.plugin()) as here:
        await here.says("um")
        for _ in range(4):
            await here.move(10)
            await _try_due(here)
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
        await _try_due(here)
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


# --- crashes, several processes --------------------------------------------------------------------


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
        await _try_due(here)
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
        await _until(lambda: len(heard) >= 60)
        await asyncio.sleep(1.2)
        assert len(heard) == 60
        assert _in_order([text for _, text in heard])
        holder = two if two.gateway.dispatcher._ways else one
        other = one if holder is two else two
        name = "two" if holder is two else "one"
        # It dies: its tasks end, and nothing is given up.
        for task in holder.gateway._tasks:
            if task.get_name().startswith(("dispatcher", "timers", "plugin")):
                task.cancel()
        for n in range(10, 13):
            await asyncio.gather(*(other.tell_text(f"{chat[8:13]}:{n}", chat) for chat in chats))
        await _until(lambda: len(heard) >= 78)
        assert {process for process, _ in heard[60:]} == {"one" if name == "two" else "two"}
        assert _in_order([text for _, text in heard])


class _RealClock(MovingClock):
    """The machine's time."""

    def now(self) -> Any:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _in_order(texts: list[str]) -> bool:
    last: dict[str, int] = {}
    for text in texts:
        chat, _, number = text.partition(":")
        if int(number) <= last.get(chat, -1):
            return False
        last[chat] = int(number)
    return True


async def _until(done: Any) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.02)
