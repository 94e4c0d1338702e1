"""The gateway as a plugin sees it: one tenant's, in the plugin's name, and what is sent in a hook is sent once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from fivapp_whatsapp.errors import (
    CapabilityMissing,
    ConversationNotFound,
    Hold,
    InvalidInput,
    PluginNotFound,
    StoreUnavailable,
)
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.metrics import PrometheusMetrics
from fivapp_whatsapp.models import Author, Choice, ConversationPatch, Message, MessageKind, OutgoingMessage
from fivapp_whatsapp.tenant import TenantGateway
from fivapp_whatsapp.testing.connector import FakeConnector

from .bots import BIA, World, plugin, world
from .moving_clock import MovingClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    clock = MovingClock()
    clock.install(monkeypatch)
    return clock


def doer(do: Callable[..., Any], name: str = "doer") -> ModuleType:
    """Make a plugin that does something with each message it hears of."""

    @hookimpl
    async def message_received(message: Message, gateway: TenantGateway, attempt: int) -> None:
        await do(gateway, message, attempt)

    return plugin(name, message_received, doc="Does things.")


async def failing_once(gateway: TenantGateway, message: Message, attempt: int) -> None:
    await gateway.send(message.conversation_id, f"um, tentativa {attempt}")
    await gateway.send(message.conversation_id, "dois", key="segundo")
    if attempt == 1:
        raise RuntimeError
    third = await gateway.send(message.conversation_id, "três")
    assert third.author == Author(kind="plugin", id="doer", name="Does things")


async def test_what_a_hook_sends_is_sent_once_however_often_it_runs(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, doer(failing_once)) as here:
        await here.says()
        await here.move(1)
        # The first words stand, although the second run would have said something else.
        assert here.sent == ["um, tentativa 1", "dois", "três"]
        await here.says()
        await here.move(1)
        assert len(here.sent) == 6


async def test_the_key_of_one_event_is_not_that_of_another(sqlite_url: str, clock: MovingClock) -> None:
    async def menu(gateway: TenantGateway, message: Message, attempt: int) -> None:
        await asyncio.gather(*(gateway.send(message.conversation_id, text, key=text) for text in ("a", "b")))

    async with world(sqlite_url, clock, doer(menu)) as here:
        await here.says()
        await here.says()
        assert sorted(str(text) for text in here.sent) == ["a", "a", "b", "b"]


async def test_automatic_messages_outside_the_chain_have_the_same_budget(sqlite_url: str, clock: MovingClock) -> None:
    refused: list[str] = []

    async def chatter(gateway: TenantGateway, message: Message, attempt: int) -> None:
        for n in range(5):
            try:
                await gateway.send(message.conversation_id, str(n))
            except Hold as exc:
                refused.append(exc.detail)

    async with world(sqlite_url, clock, doer(chatter), bot_replies_per_minute=3) as here:
        await here.says()
        assert (here.sent, len(refused)) == (["0", "1", "2"], 2)
        assert "limite de respostas por minuto" in refused[0]


async def test_a_plugin_reads_and_changes_its_tenants_conversations_only(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, doer(failing_once)) as here:
        await here.gateway.store.add_tenant("other", "Other")
        message = await here.says()
        mine, theirs = here.gateway.as_plugin("acme", "doer"), here.gateway.as_plugin("other", "doer")
        conversation = await mine.conversation(message.conversation_id)
        assert (await mine.message(message.id)).text == "oi"
        assert [each.id for each in (await mine.conversations()).items] == [conversation.id]
        assert [each.id for each in await mine.sessions()] == ["acme"]
        assert conversation.contact_id is not None
        contact = await mine.contact(conversation.contact_id)
        assert contact is not None
        assert contact.name == "Ana"
        await mine.change_conversation(conversation.id, ConversationPatch(labels=["novo"]))
        assert (await mine.conversation(conversation.id)).labels == ["novo"]
        note = await mine.note(conversation.id, "lembrar")
        assert note.author.kind == "plugin"
        with pytest.raises(ConversationNotFound):
            await theirs.conversation(conversation.id)
        with pytest.raises(ConversationNotFound):
            await theirs.send(conversation.id, "oi")
        assert await theirs.contact(conversation.contact_id) is None
        with pytest.raises(PluginNotFound):
            here.gateway.as_plugin("acme", "nobody")
        opened = await mine.open_conversation(BIA, title="Bia")
        assert opened.title == "Bia"


async def test_memory_is_kept_for_a_while_and_listed_by_prefix(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, doer(failing_once)) as here:
        state = here.gateway.as_plugin("acme", "doer").state
        await state.set("cart:1", {"items": 2})
        await state.set("cart:2", [1], expires=timedelta(minutes=1))
        await state.set("other", 0)
        assert await state.items("cart:") == {"cart:1": {"items": 2}, "cart:2": [1]}
        await clock.move(61)
        assert await state.items() == {"cart:1": {"items": 2}, "other": 0}
        await state.delete("cart:1")
        assert await state.get("cart:1", "nada") == "nada"


async def test_a_conversation_goes_to_people_with_a_reason_and_comes_back(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, doer(failing_once)) as here:
        message = await here.says()
        mine = here.gateway.as_plugin("acme", "doer")
        await mine.hand_over(message.conversation_id, "quer falar com uma pessoa")
        assert (await here.conversation()).answered_by == "human"
        await mine.give_back(message.conversation_id)
        assert (await here.conversation()).answered_by == "bot"
        first, second = await here.lines()
        assert "(Does things): quer falar com uma pessoa" in first
        assert "voltam a responder" in second


async def test_a_conversation_goes_to_people_together_with_the_line_that_says_so(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(sqlite_url, clock, doer(failing_once)) as here:
        message = await here.says()

        async def away(*args: Any, **more: Any) -> None:
            raise StoreUnavailable

        monkeypatch.setattr(here.gateway.store, "add_note", away)
        mine = here.gateway.as_plugin("acme", "doer")
        for _ in range(2):  # the second time nothing changes, and nothing is said
            await mine.hand_over(message.conversation_id, "agora")
        assert (await here.conversation()).answered_by == "human"
        assert len(await here.lines()) == 1


async def test_what_the_connector_cannot_is_refused_or_left_out(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, doer(failing_once)) as here:
        message = await here.says()
        mine = here.gateway.as_plugin("acme", "doer")
        await mine.typing(message.conversation_id)
        assert await mine.capabilities(message.conversation_id) == frozenset()
        with pytest.raises(CapabilityMissing):
            await mine.groups()
        assert await mine.group(message.conversation_id) is None
        with pytest.raises(InvalidInput):
            async with mine.fetch_media(message):
                pass
        with pytest.raises(InvalidInput):
            _ = mine.http
        assert await mine.is_watching("u1") is False


async def test_a_plugins_own_metrics_are_on_the_page_and_have_an_end(sqlite_url: str, clock: MovingClock) -> None:
    metrics = PrometheusMetrics(strict=False)
    async with world(sqlite_url, clock, doer(failing_once, "my-doer"), metrics=metrics) as here:
        mine = here.gateway.as_plugin("acme", "my-doer")
        mine.count("orders_total", 2)
        mine.count("orders_total")
        mine.observe("lookup_seconds", 0.2)
        mine.observe("orders_total", 0.2)
        with pytest.raises(InvalidInput):
            mine.count("Orders {tenant}")
        for n in range(300):
            mine.count(f"n{n}")
        page = metrics.render()[0].decode()
    assert "fivapp_plugin_my_doer_orders_total 3.0" in page
    assert "fivapp_plugin_my_doer_lookup_seconds_count 1.0" in page
    assert page.count("# TYPE fivapp_plugin_my_doer_n") <= 400
    assert "fivapp_plugin_my_doer_n250_total" not in page


# --- rehearsals ------------------------------------------------------------------------------------


def clerk() -> ModuleType:
    """Make a bot with a memory that does everything that must not happen in a rehearsal."""

    @hookimpl
    async def reply_to(message: Message, gateway: TenantGateway, state: Any, conversation: Any) -> Any:
        turn = await state.get("turn", 0) + 1
        await state.set("turn", turn)
        await gateway.state.set("all", turn)
        if message.choice:
            return f"{turn}: {message.choice}"
        await gateway.send(conversation, "um aviso")
        await gateway.note(conversation.id, "nota")
        await gateway.later("lembrete", timedelta(hours=1), {"n": turn})
        await gateway.change_conversation(conversation.id, ConversationPatch(labels=["x"]))
        await gateway.hand_over(conversation.id, "porque sim")
        gateway.count("turns_total")
        return OutgoingMessage(text=f"{turn}: escolha", choices=[Choice(id="y", title="Sim"), "Não"])

    return plugin("clerk", reply_to)


async def _snapshot(here: World) -> Any:
    store: Any = here.gateway.store
    return (
        (await store.log_state("acme")).head,
        [each.text for each in await here._all(BIA)],
        await here.gateway.as_plugin("acme", "clerk").state.items(),
    )


async def test_a_rehearsal_has_no_effect_and_tells_what_it_would_have(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, clerk()) as here:
        await here.gateway.open_conversation("acme", BIA)
        before = await _snapshot(here)
        for where in (None, (await here.conversation(BIA)).id):
            trial = await here.gateway.automation.try_("acme", "oi", conversation_id=where)
            assert [answer.text for answer in trial.answers] == ["1: escolha"]
            whats = ["send", "note", "later", "change_conversation", "hand_over"]
            assert [effect["what"] for effect in trial.effects] == whats
            assert set(trial.effects[2]) == {"what", "plugin", "conversationId", "key", "dueAt", "data"}
            assert (trial.trail.plugin, trial.trail.rule) == ("clerk", None)
        await here.move(7200)
        assert await _snapshot(here) == before
        assert here.sent == []


async def test_the_memory_of_a_rehearsal_goes_on_in_the_next_and_choices_with_it(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, clerk()) as here:
        first = await here.gateway.automation.try_("acme", "oi")
        second = await here.gateway.automation.try_("acme", "1", memory=first.memory)
        assert second.answers[0].text == "2: y"
        third = await here.gateway.automation.try_("acme", "nao", memory=second.memory)
        assert third.answers[0].text == "3: Não"
        assert (await here.gateway.automation.try_("acme", "1")).answers[0].text == "1: escolha"
        for wrong in ({"states": {"clerk": 1}}, {"choices": 7}, {"states": [1]}):
            with pytest.raises(InvalidInput):
                await here.gateway.automation.try_("acme", "oi", memory=wrong)


async def test_a_rehearsal_asks_also_what_is_off_and_tells_the_rule_that_would_silence(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, clerk()) as here:
        await here.decide("clerk", enabled=False)
        assert (await here.gateway.automation.try_("acme", "oi")).trail.rule == "no_bots"
        await here.automation(enabled=False)
        trial = await here.gateway.automation.try_("acme", "oi", plugin="clerk")
        assert (trial.trail.rule, len(trial.answers)) == ("bots_off", 1)
        with pytest.raises(PluginNotFound):
            await here.gateway.automation.try_("acme", "oi", plugin="nobody")
        with pytest.raises(ConversationNotFound):
            await here.gateway.automation.try_("acme", "oi", conversation_id="nowhere")


async def test_a_rehearsal_asks_who_looks_at_outgoing_messages_and_has_no_effect_there_either(
    sqlite_url: str, clock: MovingClock
) -> None:
    @hookimpl
    async def outgoing_message(message: OutgoingMessage, gateway: TenantGateway, conversation: Any) -> OutgoingMessage:
        assert gateway.dry_run
        await gateway.note(conversation.id, "visto")
        if message.text == "pong":
            raise Hold("Sem pong.")
        return OutgoingMessage(text=f"{message.text} -- Loja")

    @hookimpl
    async def reply_to(message: Message) -> str:
        return "ping"

    modules = [pong(), plugin("second", reply_to), plugin("sign", outgoing_message)]
    async with world(sqlite_url, clock, *modules) as here:
        where = (await here.gateway.open_conversation("acme", BIA)).id
        for conversation_id in (None, where):
            trial = await here.gateway.automation.try_("acme", "oi", conversation_id=conversation_id)
            assert [answer.text for answer in trial.answers] == ["ping -- Loja"]
            assert [(step.plugin, step.outcome) for step in trial.trail.steps] == [
                ("pong", "held"),
                ("second", "answered"),
            ]
            assert [effect["what"] for effect in trial.effects] == ["note", "note"]
        assert await here.messages(BIA) == []


async def test_a_rehearsal_tells_what_the_connection_service_cannot_send_and_how_often_bots_answered(
    sqlite_url: str, clock: MovingClock
) -> None:
    @hookimpl
    async def reply_to(message: Message) -> Any:
        return OutgoingMessage(kind=MessageKind.IMAGE) if message.text == "foto" else f"sobre {message.text}"

    async with world(sqlite_url, clock, plugin("a", reply_to), bot_replies_per_minute=2) as here:
        where = (await here.says("um")).conversation_id
        trial = await here.gateway.automation.try_("acme", "foto", conversation_id=where)
        [step] = trial.trail.steps
        assert (step.outcome, (step.detail or "").partition(":")[0]) == ("failed", "capability_missing")
        assert trial.trail.rule is None
        await here.says("dois")
        before = await here.gateway.store.log_state("acme")
        for _ in range(2):
            trial = await here.gateway.automation.try_("acme", "três", conversation_id=where)
            assert (trial.trail.rule, len(trial.answers)) == ("rate_minute", 1)
        assert (await here.lines(), await here.gateway.store.log_state("acme")) == ([], before)


# --- outgoing messages -----------------------------------------------------------------------------


def filter_(function: Callable[..., Any], name: str = "filter", **options: Any) -> ModuleType:
    @hookimpl(**options)
    async def outgoing_message(message: OutgoingMessage, gateway: TenantGateway) -> Any:
        found = function(message)
        return await found if asyncio.iscoroutine(found) else found

    return plugin(name, outgoing_message)


def pong() -> ModuleType:
    @hookimpl
    async def reply_to(message: Message) -> str:
        return "pong"

    return plugin("pong", reply_to)


async def test_a_message_is_changed_before_it_is_stored_whoever_sends_it(sqlite_url: str, clock: MovingClock) -> None:
    shout = filter_(lambda m: OutgoingMessage(text=(m.text or "").upper(), to=BIA))
    sign = filter_(lambda m: OutgoingMessage(text=f"{m.text} -- Loja"), "sign")
    async with world(sqlite_url, clock, shout, sign, pong()) as here:
        await here.says()
        sent = await here.gateway.send("acme", (await here.conversation()).id, OutgoingMessage(text="olá"))
        assert sent.message.text == "OLÁ -- Loja"
        assert here.sent == ["PONG -- Loja", "OLÁ -- Loja"]


async def test_a_held_message_is_an_error_with_its_reason_and_leaves_no_row(
    sqlite_url: str, clock: MovingClock
) -> None:
    def hold(message: OutgoingMessage) -> None:
        raise Hold("Sem palavrões.")

    async with world(sqlite_url, clock, filter_(hold), pong()) as here:
        conversation = await here.gateway.open_conversation("acme", BIA)
        with pytest.raises(Hold, match="Sem palavrões"):
            await here.gateway.send("acme", conversation.id, OutgoingMessage(text="!"))
        assert await here.messages(BIA) == []
        message = await here.says()
        [step] = (await here.trail(message)).steps
        assert (step.outcome, step.detail) == ("held", "Sem palavrões.")
        [line] = await here.lines()
        assert "(pong foi retido: Sem palavrões.). Pessoas respondem aqui por 30 minutos." in line
        assert (await here.conversation()).answered_by == "human"
        assert here.sent == []


def _fail(message: OutgoingMessage) -> None:
    raise ValueError


@pytest.mark.parametrize("wrong", [_fail, lambda m: asyncio.sleep(30), lambda m: "um texto"])
async def test_a_function_that_fails_leaves_the_message_or_holds_it_as_it_declares(
    sqlite_url: str, clock: MovingClock, wrong: Callable[..., Any]
) -> None:
    async with world(sqlite_url, clock, filter_(wrong, timeout=0.05)) as here:
        conversation = await here.gateway.open_conversation("acme", BIA)
        await here.gateway.send("acme", conversation.id, OutgoingMessage(text="a"))
        assert here.sent == ["a"]
    async with world(sqlite_url, clock, filter_(wrong, timeout=0.05, on_failure="hold"), language="en") as here:
        with pytest.raises(Hold, match="filter could not look at this message"):
            await here.gateway.send("acme", conversation.id, OutgoingMessage(text="b"))


async def test_a_message_is_held_while_the_plugin_that_must_look_at_it_is_paused(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, filter_(_fail, on_failure="hold"), language="en") as here:
        conversation = await here.gateway.open_conversation("acme", BIA)
        for _ in range(5):
            with pytest.raises(Hold, match=r"ValueError in test_tenant\.py"):
                await here.gateway.send("acme", conversation.id, OutgoingMessage(text="b"))
        with pytest.raises(Hold, match="it is paused"):
            await here.gateway.send("acme", conversation.id, OutgoingMessage(text="b"))


async def test_a_plugin_that_is_off_looks_at_nothing(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, filter_(lambda m: OutgoingMessage(text="x"))) as here:
        await here.decide("filter", enabled=False)
        conversation = await here.gateway.open_conversation("acme", BIA)
        await here.gateway.send("acme", conversation.id, OutgoingMessage(text="a"))
        assert here.sent == ["a"]


async def test_what_a_filter_sends_itself_is_not_shown_to_it_again(sqlite_url: str, clock: MovingClock) -> None:
    @hookimpl
    async def outgoing_message(message: OutgoingMessage, gateway: TenantGateway, conversation: Any) -> None:
        await gateway.send(conversation, f"cópia de {message.text}")

    async with world(sqlite_url, clock, plugin("copy", outgoing_message)) as here:
        conversation = await here.gateway.open_conversation("acme", BIA)
        await here.gateway.send("acme", conversation.id, OutgoingMessage(text="a"))
        await here.idle()
        assert here.sent == ["cópia de a", "a"]


async def test_many_hooks_that_send_at_once_do_not_wait_for_each_other_for_ever(
    sqlite_url: str, clock: MovingClock
) -> None:
    """Each holds a turn of its plugin while its message goes through a hook of the same plugin."""
    sixteen = asyncio.Barrier(16)

    @hookimpl(timeout=5)
    async def message_received(message: Message, gateway: TenantGateway) -> None:
        await sixteen.wait()
        await gateway.send(message.conversation_id, "a")

    @hookimpl
    async def outgoing_message(message: OutgoingMessage) -> OutgoingMessage:
        return OutgoingMessage(text=f"{message.text}!")

    async with world(sqlite_url, clock, plugin("both", message_received, outgoing_message)) as here:
        await asyncio.gather(*(here.tell_text("oi", f"55119888{n:05d}@c.us") for n in range(16)))
        await here.idle()
        assert here.sent == ["a!"] * 16


async def test_choices_of_a_person_are_shown_as_the_connector_can(sqlite_url: str, clock: MovingClock) -> None:
    connector = FakeConnector()
    async with world(sqlite_url, clock, connector=connector) as here:
        conversation = await here.gateway.open_conversation("acme", BIA)
        sent = await here.gateway.send("acme", conversation.id, OutgoingMessage(text="Vem?", choices=["Sim", "Não"]))
        assert here.sent == ["Vem?\n1. Sim\n2. Não"]
        assert [each.title for each in sent.message.choices] == ["Sim", "Não"]


async def test_what_no_database_can_keep_is_taken_out_of_a_bots_words(sqlite_url: str, clock: MovingClock) -> None:
    async def odd(gateway: TenantGateway, message: Message, attempt: int) -> None:
        await gateway.send(message.conversation_id, "a\x00b\ud800c\x07")

    async with world(sqlite_url, clock, doer(odd)) as here:
        await here.says()
        assert here.sent == ["a\ufffdb\ufffdc"]


async def test_a_startup_that_fails_is_shown_where_broken_plugins_are(sqlite_url: str, clock: MovingClock) -> None:
    @hookimpl
    async def startup(gateway: Any) -> None:
        raise LookupError("a key that nobody is to see")

    @hookimpl
    async def reply_to(message: Message) -> str:
        return "pong"

    async with world(sqlite_url, clock, plugin("crm", startup, reply_to)) as here:
        [broken] = here.gateway.plugins.broken
        line = startup.__code__.co_firstlineno + 2
        assert (broken.name, broken.problems) == ("crm", (f"startup failed: LookupError in test_tenant.py:{line}",))
        await here.says()
        assert here.sent == ["pong"]


async def test_startup_and_shutdown_get_the_whole_gateway(sqlite_url: str, clock: MovingClock) -> None:
    called: list[Any] = []

    @hookimpl
    async def startup(gateway: Any) -> None:
        called.append(("startup", await gateway.store.tenants() is not None))

    @hookimpl
    def shutdown(gateway: Any) -> None:
        called.append(("shutdown", gateway.running))

    async with world(sqlite_url, clock, plugin("ends", startup, shutdown)):
        assert called == [("startup", True)]
    assert called == [("startup", True), ("shutdown", True)]
