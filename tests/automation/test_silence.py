"""What silences bots, over the real store on SQLite: the belt, rule by rule."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import (
    ConversationPatch,
    Message,
    OutgoingMessage,
)
from fivapp_whatsapp.testing.connector import FakeConnector
from tests.bots import BIA, GROUP, PHONE, plugin, world
from tests.moving_clock import MovingClock

from .answering import AGENT, API, bot, chat_of, says

pytestmark = pytest.mark.anyio


async def test_what_fails_in_rehearsals_pauses_nothing_and_is_told_to_nobody(
    sqlite_url: str, clock: MovingClock
) -> None:
    told: list[str] = []

    @hookimpl
    async def plugin_failed(plugin: str, hook: str) -> None:
        told.append(f"{plugin} {hook}")

    @hookimpl(on_failure="hold")
    async def outgoing_message(message: OutgoingMessage) -> None:
        if message.text == "ruim":
            raise RuntimeError

    def answer(message: Message) -> str | None:
        return str(1 / 0) if message.text == "pior" else message.text

    plugins = (bot("a", answer), plugin("f", outgoing_message), plugin("listener", plugin_failed))
    async with world(sqlite_url, clock, *plugins) as here:
        for text in ("pior", "ruim"):
            for _ in range(5):
                trial = await here.gateway.automation.try_("acme", text)
                assert trial.trail.steps[0].outcome in ("failed", "held")
        await here.says("bom")
        assert (here.sent, told) == (["bom"], [])
        await here.says("pior")
        assert told == ["a reply_to"]


async def test_a_thousand_old_messages_get_no_answer_and_no_line(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        # Hours ago, or, for what a session brings that was just set up, also minutes.
        ages = [timedelta(hours=1), timedelta(days=3), timedelta(minutes=3)]
        told = (here.tell_text(f"m{n}", chat_of(n), clock.now() - ages[n % 3]) for n in range(1000))
        await asyncio.gather(*told)
        await here.idle()
        assert here.sent == []
        for number in range(50):
            assert await here.lines(chat_of(number)) == []
            assert (await here.conversation(chat_of(number))).answered_by == "bot"
        for message in await here.messages(chat_of(1)):
            assert (await here.trail(message)).rule == "too_old"


async def test_what_came_late_goes_to_people_with_one_line_for_each_conversation(
    database_url: str, clock: MovingClock
) -> None:
    async with world(database_url, clock, says("a")) as here:
        await clock.move(3600)
        sent = [clock.now() - timedelta(minutes=10, seconds=-n) for n in range(40)]
        await asyncio.gather(*(here.tell_text(f"m{n}", chat_of(n % 4), at) for n, at in enumerate(sent)))
        conversation = await here.gateway.open_conversation("acme", chat_of(4))
        await here.gateway.dispatcher.drain(1)
        asked = await here.says("já foi respondida", chat=chat_of(4), at=clock.now() - timedelta(minutes=9), wait=False)
        await here.gateway.send("acme", conversation.id, OutgoingMessage(text="sim"), author=API)
    async with world(database_url, clock, says("a")) as here:
        await here.idle()
        assert here.sent == []
        for number in range(4):
            [line] = await here.lines(chat_of(number))
            assert line == (
                "A mensagem chegou com mais de dois minutos de atraso. Pessoas respondem aqui por 30 minutos."
            )
            conversation = await here.conversation(chat_of(number))
            assert (conversation.answered_by, conversation.paused_until) == (
                "human",
                clock.now() + timedelta(minutes=30),
            )
            rules = [(await here.trail(each)).rule for each in await here.messages(chat_of(number))]
            assert rules == ["came_late"] + ["human_answers"] * 9
        assert (await here.trail(asked)).rule == "too_old"
        assert await here.lines(chat_of(4)) == []
        # What comes in time is answered as ever, and after the pause there too.
        await here.says(chat=chat_of(5))
        await here.move(1801)
        await here.says(chat=chat_of(0))
        assert here.sent == ["pong"] * 2


async def test_who_wrote_while_the_bots_were_away_goes_to_people_with_one_line(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        await here.says("um")
        await here.says("um", chat=BIA)
        await here.gateway.dispatcher.drain(1)
        waiting = [await here.says(text, wait=False) for text in ("dois", "três")]
        await here.says("quatro", chat=BIA, wait=False)
        await here.gateway.send("acme", (await here.conversation(BIA)).id, OutgoingMessage(text="oi"), author=API)
        old = await here.says("de ontem", chat=chat_of(7), wait=False, at=clock.now() - timedelta(days=1))
    await clock.move(130)
    async with world(sqlite_url, clock, says("a")) as here:
        await here.idle()
        assert here.sent == []
        assert [(await here.trail(each)).rule for each in (*waiting, old)] == ["missed", "human_answers", "too_old"]
        [line] = await here.lines()
        assert line.startswith("Os robôs estavam parados")
        conversation = await here.conversation()
        assert conversation.answered_by == "human"
        assert conversation.paused_until == clock.now() + timedelta(minutes=30)
        # Somebody had answered Bia meanwhile, and history is nobody's question.
        for chat in (BIA, chat_of(7)):
            assert (await here.conversation(chat)).answered_by == "bot"
            assert await here.lines(chat) == []


async def test_who_wrote_while_the_bots_were_away_is_left_alone_where_bots_say_nothing(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        await here.gateway.dispatcher.drain(1)
        message = await here.says("oi", chat=GROUP, wait=False)
    await clock.move(130)
    async with world(sqlite_url, clock, says("a")) as here:
        await here.idle()
        assert (await here.trail(message)).rule == "group_off"
        assert await here.lines(GROUP) == []


async def test_our_own_messages_are_not_answered(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        message = await here.says("do telefone", from_me=True)
        assert here.sent == []
        assert await here.gateway.answer_trail("acme", message.id) is None


async def test_a_group_is_answered_only_when_it_is_enabled_and_by_its_own_rule_first(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        assert (await here.trail(await here.says(chat=GROUP))).rule == "group_off"
        await here.automation(group_bots="mentioned")
        assert (await here.trail(await here.says(chat=GROUP))).rule == "not_mentioned"
        await here.says(f"oi @{PHONE}", chat=GROUP)
        assert len(here.sent) == 1
        conversation = await here.conversation(GROUP)
        await here.gateway.change_conversation("acme", conversation.id, ConversationPatch(group_bots="always"))
        await here.says(chat=GROUP)
        assert len(here.sent) == 2


async def test_the_kill_switch_silences_every_bot_of_a_tenant(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        await here.automation(enabled=False)
        assert (await here.trail(await here.says())).rule == "bots_off"
        await here.automation(enabled=True)
        await here.says()
        assert here.sent == ["pong"]


async def test_the_bots_of_a_suspended_tenant_are_silent(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        await here.gateway.store.suspend_tenant("acme", True)
        assert (await here.trail(await here.says())).rule == "bots_off"
        assert here.sent == []


@pytest.mark.parametrize("where", ["page", "phone"])
async def test_a_person_who_writes_silences_the_bots_for_a_while(
    sqlite_url: str, clock: MovingClock, where: str
) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        await here.says()
        if where == "phone":
            await here.says("já vejo", from_me=True)
        else:
            await here.gateway.send(
                "acme", (await here.conversation()).id, OutgoingMessage(text="já vejo"), author=AGENT
            )
        before = len(here.sent)
        for _ in range(3):
            assert (await here.trail(await here.says())).rule == "human_answers"
        assert len(here.sent) == before
        assert await here.lines() == ["Uma pessoa responde nesta conversa."]
        await here.move(30 * 60 + 1)
        await here.says()
        assert len(here.sent) == before + 1


async def test_a_program_that_writes_silences_nobody(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        await here.says()
        await here.gateway.send("acme", (await here.conversation()).id, OutgoingMessage(text="fatura"))
        await here.says()
        assert here.sent == ["pong", "fatura", "pong"]


async def test_a_conversation_is_handed_over_and_given_back_with_a_line(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a")) as here:
        await here.says()
        conversation = await here.conversation()
        await here.gateway.hand_over("acme", conversation.id, reason="pediu uma pessoa", by=AGENT)
        assert (await here.trail(await here.says())).rule == "human_answers"
        patch = ConversationPatch(answered_by="bot")
        await here.gateway.change_conversation("acme", conversation.id, patch, by=AGENT)
        await here.says()
        assert here.sent == ["pong", "pong"]
        assert await here.lines() == [
            "Pessoas respondem aqui, os robôs pausam (Bea): pediu uma pessoa",
            "Os robôs voltam a responder aqui (Bea).",
        ]


async def test_a_person_who_writes_while_a_bot_thinks_wins(sqlite_url: str, clock: MovingClock) -> None:
    thinking, think = asyncio.Event(), asyncio.Event()

    async def answer() -> str:
        thinking.set()
        await think.wait()
        return "tarde demais"

    async with world(sqlite_url, clock, bot("a", lambda m: answer())) as here:
        message = await here.says(wait=False)
        await thinking.wait()
        await here.gateway.send("acme", (await here.conversation()).id, OutgoingMessage(text="oi!"), author=AGENT)
        think.set()
        await here.idle()
        assert here.sent == ["oi!"]
        assert (await here.trail(message)).rule == "human_took_over"


async def test_budgets_hold_across_restarts_and_say_so_once(sqlite_url: str, clock: MovingClock) -> None:
    numbered = bot("a", lambda m: f"sobre {m.text}")
    limits = {"bot_replies_per_minute": 3, "bot_replies_per_hour": 5}
    async with world(sqlite_url, clock, numbered, **limits) as here:
        for n in range(2):
            await here.says(f"a{n}")
    async with world(sqlite_url, clock, numbered, **limits) as here:
        rules = [(await here.trail(await here.says(f"b{n}"))).rule for n in range(3)]
        assert rules == [None, "rate_minute", "rate_minute"]
        assert len(await here.lines()) == 1
        await here.move(61)
        rules = [(await here.trail(await here.says(f"c{n}"))).rule for n in range(3)]
        assert rules == [None, None, "rate_hour"]
        assert len(await here.lines()) == 2
        await here.says(chat=BIA)
        assert here.sent[-1] == "sobre oi"


async def test_the_same_answer_to_the_same_text_five_times_pauses_the_bots_for_ten_minutes(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, says("a", "Não entendi.")) as here:
        rules = [(await here.trail(await here.says("Não entendi."))).rule for _ in range(7)]
        assert rules == [None] * 5 + ["loop"] * 2
        assert (await here.trail(await here.says("outra coisa"))).rule == "loop"
        [line] = await here.lines()
        assert "dez minutos" in line
        await here.move(601)
        assert (await here.trail(await here.says("outra coisa"))).rule is None


async def test_two_bots_that_answer_each_other_stop_by_themselves(sqlite_url: str, clock: MovingClock) -> None:
    """The other side answers each message at once, with other words each time."""
    connector = FakeConnector()
    async with world(sqlite_url, clock, bot("a", lambda m: f"re: {m.text}"), connector=connector) as here:
        await here.says("0")
        for n in range(1, 40):
            before = len(connector.sends)
            if before < n:
                break
            await here.says(str(n))
        assert len(connector.sends) == 10
