"""The reply chain over the real store on SQLite: who is asked, and what is answered, once."""

from __future__ import annotations

import asyncio
import time
from types import ModuleType
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp.automation.asking import AT_ONCE, share
from fivapp_whatsapp.errors import StoreUnavailable
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import (
    Author,
    Choice,
    Message,
    MessageKind,
    OutgoingMessage,
    SessionStatus,
)
from fivapp_whatsapp.ports.plugins import AnswerDraft, StepReason
from fivapp_whatsapp.tenant import TenantGateway
from fivapp_whatsapp.testing.connector import FakeConnector
from tests.bots import BIA, PHONE, plugin, world
from tests.moving_clock import MovingClock

from .answering import AGENT, bot, chat_of, fails, globex, globex_is_told, outcomes, says, silent

pytestmark = pytest.mark.anyio


async def test_the_first_bot_that_answers_wins_and_every_step_is_noted(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, silent("a"), fails("b"), says("c", "olá"), says("d", "tarde")) as here:
        message = await here.says("oi")
        assert here.sent == ["olá"]
        assert await outcomes(here, message) == [("a", "nothing"), ("b", "failed"), ("c", "answered")]
        trail = await here.trail(message)
        assert (trail.rule, trail.plugin) == (None, "c")
        answer = (await here.messages())[-1]
        assert [answer.id] == list(trail.answer_ids)
        assert answer.author == Author(kind="plugin", id="c", name="A bot of a test")
        # Where it failed is told, what it said is not: it may hold what a contact wrote.
        [failed] = [step for step in trail.steps if step.outcome == "failed"]
        assert failed.detail is not None
        line = fails.__code__.co_firstlineno + 2
        assert failed.detail == f"ValueError in answering.py:{line}"
        assert failed.reason == StepReason("raised", "ValueError", f"answering.py:{line}")


async def test_bots_are_asked_in_the_tenants_order_and_those_switched_off_are_noted(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, says("a", "de a"), says("b", "de b"), says("c", "de c")) as here:
        for position, name in enumerate(("c", "b", "a")):
            await here.decide(name, position=position)
        await here.decide("c", enabled=False, position=0)
        # What comes as a file, and a module of a test is taken for one, is asked in its own order before all others.
        assert [each.name for each in await here.gateway.automation.order("acme")] == ["c", "b", "a"]
        message = await here.says()
        assert here.sent == ["de b"]
        assert await outcomes(here, message) == [("c", "off"), ("b", "answered")]


async def test_a_list_goes_out_in_order_and_an_empty_one_is_an_answer_without_words(
    sqlite_url: str, clock: MovingClock
) -> None:
    several = bot("several", lambda m: ["um", OutgoingMessage(text="dois"), "três"] if m.text == "conte" else [])
    async with world(sqlite_url, clock, several, says("last")) as here:
        await here.says("conte")
        assert here.sent == ["um", "dois", "três"]
        message = await here.says("outra")
        assert len(here.sent) == 3
        assert await outcomes(here, message) == [("several", "answered")]


@pytest.mark.parametrize("nonsense", [42, {"text": "oi"}, ["oi", 1], b"oi", object()])
async def test_what_is_no_answer_fails_with_its_type_and_its_place(
    sqlite_url: str, clock: MovingClock, nonsense: Any
) -> None:
    async with world(sqlite_url, clock, bot("odd", lambda m: nonsense), says("good")) as here:
        message = await here.says()
        assert here.sent == ["pong"]
        [odd, _] = (await here.trail(message)).steps
        assert odd.outcome == "failed"
        assert odd.detail is not None
        assert odd.detail.startswith("reply_to returned ")
        assert "not a text or an OutgoingMessage (answering.py:" in odd.detail
        assert here.gateway.runner.health("odd", "acme").failures == 1


async def test_an_answer_that_names_a_message_of_elsewhere_leaves_its_contact_to_the_next_bot_or_to_people(
    sqlite_url: str, clock: MovingClock
) -> None:
    quoted: list[str | None] = [None, None]
    quotes = bot("a_quotes", lambda message: OutgoingMessage(text="a", quoted_message_id=quoted[0]))
    repeats = bot("b_repeats", lambda message: OutgoingMessage(text="b", retry_of=quoted[1]))
    async with world(sqlite_url, clock, quotes, repeats) as here:
        here.connector.can(quote=True)
        other = await here.says(chat=BIA)
        assert here.sent == ["a"]
        quoted[0] = other.id
        second = await here.says()
        assert await outcomes(here, second) == [("a_quotes", "failed"), ("b_repeats", "answered")]
        assert "not in this conversation" in ((await here.trail(second)).steps[0].detail or "")
        quoted[:] = ["nenhuma", other.id]
        third = await here.says()
        assert await outcomes(here, third) == [("a_quotes", "failed"), ("b_repeats", "failed")]
        assert here.sent == ["a", "b"]
        assert (await here.conversation()).answered_by == "human"
        assert "a_quotes" in (await here.lines())[-1]
        quoted[0] = second.id
        await here.gateway.give_back("acme", second.conversation_id, by=AGENT)
        await here.says()
        assert here.sent == ["a", "b", "a"]


async def test_an_answer_that_cannot_be_sent_is_a_failure_of_its_bot(sqlite_url: str, clock: MovingClock) -> None:
    empty = bot("empty", lambda m: "  ")
    files = bot("files", lambda m: OutgoingMessage(kind=MessageKind.IMAGE))
    stranger = bot("stranger", lambda m: OutgoingMessage(text="oi", to=BIA))
    async with world(sqlite_url, clock, empty, files, stranger, says("good")) as here:
        message = await here.says()
        assert here.sent == ["pong"]
        details = [step.detail or "" for step in (await here.trail(message)).steps[:3]]
        assert [detail.partition(":")[0] for detail in details] == [
            "invalid_input",
            "capability_missing",
            "to_mismatch",
        ]


WRONG: list[Any] = [
    OutgoingMessage(text=42),  # type: ignore[arg-type]
    OutgoingMessage(text="oi", kind="poem"),  # type: ignore[arg-type]
    OutgoingMessage(text="oi", choices=[3]),  # type: ignore[list-item]
    OutgoingMessage(text="oi", media=object()),  # type: ignore[arg-type]
    ["oi"] * 11,
    ["oi", None],
]


@pytest.mark.parametrize("value", WRONG, ids=["text", "kind", "choices", "media", "eleven", "none among texts"])
async def test_nonsense_is_its_bots_failure_and_the_next_bot_is_asked(
    sqlite_url: str, clock: MovingClock, value: Any
) -> None:
    async with world(sqlite_url, clock, bot("a", lambda _: value), says("b")) as here:
        trail = await here.trail(await here.says())
        assert [(step.plugin, step.outcome) for step in trail.steps] == [("a", "failed"), ("b", "answered")]
        assert here.sent == ["pong"]
        health = here.gateway.runner.health("a", "acme")
        assert (health.failures, (health.last_error or "").partition(" ")[0]) == (1, "UnfitResult")


async def test_what_a_bot_sends_beside_its_answer_is_within_the_budget(sqlite_url: str, clock: MovingClock) -> None:
    @hookimpl
    async def reply_to(message: Message, gateway: TenantGateway) -> None:
        for number in range(20):
            await gateway.send(message.conversation_id, f"{number}")

    async with world(sqlite_url, clock, plugin("a", reply_to)) as here:
        trail = await here.trail(await here.says())
        assert here.sent == [str(number) for number in range(10)]
        assert [step.outcome for step in trail.steps] == ["failed"]


async def test_a_bot_that_takes_too_long_is_left_behind(sqlite_url: str, clock: MovingClock) -> None:
    slow = bot("slow", lambda m: asyncio.sleep(30), timeout=0.05)
    async with world(sqlite_url, clock, slow, says("good")) as here:
        message = await here.says()
        assert await outcomes(here, message) == [("slow", "late"), ("good", "answered")]


async def test_many_messages_make_no_plain_function_late(sqlite_url: str, clock: MovingClock) -> None:
    """They wait for a thread before their deadline begins, and each hook has threads of its own."""

    @hookimpl(timeout=0.5)
    def reply_to(message: Message) -> str:
        time.sleep(0.3)
        return "ok"

    @hookimpl(timeout=0.5)
    def message_received(message: Message) -> None:
        time.sleep(0.3)

    async with world(sqlite_url, clock, plugin("plain", reply_to, message_received)) as here:
        await asyncio.gather(*(here.tell_text("oi", chat_of(number)) for number in range(20)))
        await here.idle()
        assert here.gateway.runner.health("plain", "acme").late == 0
        assert here.sent == ["ok"] * 20


async def test_calls_of_one_tenant_that_hang_leave_the_others_their_places(sqlite_url: str, clock: MovingClock) -> None:
    asked: list[str] = []
    hold = asyncio.Event()

    @hookimpl
    async def reply_to(message: Message, gateway: TenantGateway) -> None:
        asked.append(gateway.tenant_id)
        if gateway.tenant_id == "acme":
            await hold.wait()

    async with world(sqlite_url, clock, plugin("slow", reply_to)) as here:
        await globex(here)
        await asyncio.gather(*(here.tell_text("oi", chat_of(number)) for number in range(50)))
        async with asyncio.timeout(10):
            while len(asked) < share(AT_ONCE):
                await asyncio.sleep(0.01)
            await globex_is_told(here, "oi")
            while "globex" not in asked:
                await asyncio.sleep(0.01)
        assert asked == ["acme"] * share(AT_ONCE) + ["globex"]
        hold.set()
        await here.idle()
        assert len(asked) == 51


async def test_no_bots_no_answer_and_the_message_says_so(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        await here.decide("a", enabled=False)
        message = await here.says()
        assert (await here.trail(message)).rule == "no_bots"
        assert here.sent == []


async def test_settings_that_no_longer_fit_switch_a_bot_off(sqlite_url: str, clock: MovingClock) -> None:
    class Config(msgspec.Struct):
        count: int = 1

    @hookimpl
    def plugin_config() -> type[msgspec.Struct]:
        return Config

    @hookimpl
    async def reply_to(config: Config) -> str:
        return str(config.count)

    async with world(sqlite_url, clock, plugin("counted", reply_to, plugin_config)) as here:
        await here.says()
        await here.decide("counted", config={"count": 7})
        await here.says()
        assert here.sent == ["1", "7"]
        await here.decide("counted", config={"count": "sete"})
        message = await here.says()
        [step] = (await here.trail(message)).steps
        assert (step.outcome, len(here.sent)) == ("off", 2)
        assert step.detail == "Expected `int`, got `str`"


# --- once ----------------------------------------------------------------------------------------


async def test_an_event_that_is_handled_again_is_answered_once(sqlite_url: str, clock: MovingClock) -> None:
    asked: list[str | None] = []

    def answer(message: Message) -> str:
        asked.append(message.text)
        return f"resposta {len(asked)}"

    async with world(sqlite_url, clock, bot("a", answer)) as here:
        await here.says()
        events = await here.gateway.store.stored_events("acme", 0, 1000)
        for event in events:
            await here.gateway.automation.handle("acme", event, 2)
        assert (here.sent, asked) == (["resposta 1"], ["oi"])


async def test_a_crash_between_the_commit_and_the_place_answers_once(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        dispatcher = here.gateway.dispatcher

        async def lost(*_: Any) -> list[Any]:
            return []

        dispatcher._keep_lanes = lost  # type: ignore[method-assign]  # the place is never saved
        await here.says()
        assert here.sent == ["pong"]
    clock_lease = 60
    await clock.move(clock_lease)
    async with world(sqlite_url, clock, says("a", "de novo")) as here:
        await here.idle()
        assert here.sent == []
        assert [each.text for each in await here.messages()] == ["oi", "pong"]


async def test_while_the_database_is_away_an_answer_waits_and_its_bot_is_not_asked_again(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    async with world(sqlite_url, clock, bot("a", lambda m: asked.append("x") or "pong")) as here:
        commit = here.gateway.store.commit_answer
        failures = [StoreUnavailable(), StoreUnavailable()]

        async def failing(tenant_id: str, draft: AnswerDraft, **more: Any) -> Any:
            if failures:
                raise failures.pop()
            return await commit(tenant_id, draft, **more)

        monkeypatch.setattr(here.gateway.store, "commit_answer", failing)
        monkeypatch.setattr("fivapp_whatsapp.automation.replies._STORE_RETRY_SECONDS", 0.01)
        await here.says()
        assert (here.sent, asked, failures) == (["pong"], ["x"], [])


# --- choices -------------------------------------------------------------------------------------


MENU = [Choice(id="price", title="Preço"), Choice(id="hours", title="Horário"), Choice(id="person", title="Pessoa")]


def menu(name: str = "menu") -> ModuleType:
    return bot(name, lambda m: m.choice or OutgoingMessage(text="O que deseja?", choices=MENU))


@pytest.mark.parametrize("capabilities", [frozenset({"buttons"}), frozenset({"list"}), frozenset()])
@pytest.mark.parametrize("answer", [{"text": "2"}, {"text": "horario"}, {"text": "Horário", "choice": "hours"}])
async def test_a_choice_comes_back_whatever_form_it_had(
    sqlite_url: str, clock: MovingClock, capabilities: frozenset[str], answer: dict[str, str]
) -> None:
    connector = FakeConnector(capabilities=capabilities)
    async with world(sqlite_url, clock, menu(), connector=connector) as here:
        await here.says("menu")
        [send] = connector.sends
        assert send.message.choices == MENU
        assert (send.message.kind is MessageKind.INTERACTIVE) == bool(capabilities)
        assert ("2. Horário" in (send.message.text or "")) == (not capabilities)
        await here.says(**answer)
        assert here.sent[1:] == ["hours"]


async def test_an_offer_is_over_after_a_day(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, menu()) as here:
        await here.says("menu")
        await here.move(24 * 3600 + 1)
        await here.says("2")
        assert here.sent[1].startswith("O que deseja?")  # type: ignore[union-attr]


# --- outgoing messages ---------------------------------------------------------------------------


async def test_a_session_that_is_not_connected_keeps_the_answer_for_later(sqlite_url: str, clock: MovingClock) -> None:
    connector = FakeConnector()
    async with world(sqlite_url, clock, says("a"), connector=connector) as here:
        connector.report("acme", SessionStatus.RECONNECTING)
        await here.gateway.status("acme")
        await here.says()
        assert here.sent == []
        connector.report("acme", SessionStatus.CONNECTED, phone=PHONE)
        await here.gateway.status("acme")
        here.gateway.outbox.wake()
        async with asyncio.timeout(10):
            while not here.sent:
                await asyncio.sleep(0.01)
        assert here.sent == ["pong"]


async def test_decisions_are_heard(sqlite_url: str, clock: MovingClock) -> None:
    heard = []
    async with world(sqlite_url, clock, says("a")) as here:
        here.gateway.automation.listeners.append(heard.append)
        await here.says("ping")
        [decided] = heard
        assert (decided.outcome, decided.message.text, decided.answers[0].text) == ("answered", "ping", "pong")
        assert decided.trail.plugin == "a"
