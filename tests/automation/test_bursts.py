"""Bots that wait until a contact has written all, over the real store on SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import (
    Message,
    MessageKind,
    OutgoingMessage,
)
from fivapp_whatsapp.ports.plugins import AnswerDraft, AnswerTrail
from tests.bots import BIA, GROUP, PHONE, plugin, world
from tests.moving_clock import MovingClock

from .answering import AGENT, bot

pytestmark = pytest.mark.anyio


def gathers(name: str, quiet_for: float = 5.0) -> ModuleType:
    @hookimpl(quiet_for=quiet_for)
    async def reply_to(messages: list[Message], message: Message) -> str:
        assert messages[-1] == message
        return " / ".join(each.text or "" for each in messages)

    return plugin(name, reply_to)


async def test_a_bot_hears_of_all_that_nobody_answered_however_much_it_is(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, gathers("a", 60.0)) as here:
        for number in range(12):
            await here.says(f"m{number}")
        await here.move(61)
        assert here.sent == [" / ".join(f"m{number}" for number in range(12))]


async def test_a_patient_bot_is_asked_once_about_all_that_was_written(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, gathers("a")) as here:
        written = []
        for text in ("oi", "tudo bem?", "qual o preço?"):
            written.append(await here.says(text))
            await here.move(3)
        assert here.sent == []
        await here.move(2.5)
        assert here.sent == ["oi / tudo bem? / qual o preço?"]
        for message in written:
            assert (await here.trail(message)).plugin == "a"
        await here.says("obrigada")
        await here.move(6)
        assert here.sent[1:] == ["obrigada"]


async def test_impatient_bots_before_it_are_asked_about_each_message_at_once(
    sqlite_url: str, clock: MovingClock
) -> None:
    ping = bot("ping", lambda m: "pong" if m.text == "ping" else None)
    async with world(sqlite_url, clock, ping, gathers("slow")) as here:
        first = await here.says("olá")
        await here.says("ping")
        assert here.sent == ["pong"]
        await here.move(10)
        # What was written before has been answered with it.
        assert here.sent == ["pong"]
        assert (await here.trail(first)).plugin == "ping"
        await here.says("e agora?")
        await here.move(6)
        assert here.sent == ["pong", "e agora?"]


async def test_a_burst_survives_a_restart_and_its_time_with_it(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, gathers("a", 20.0)) as here:
        await here.says("oi")
        await here.move(5)
        await here.says("tem?")
    await clock.move(10)
    async with world(sqlite_url, clock, gathers("a", 20.0)) as here:
        await here.move(9)
        assert here.sent == []
        await here.move(2)
        assert here.sent == ["oi / tem?"]
        await here.says("e agora?")
    await clock.move(30)
    async with world(sqlite_url, clock, gathers("a", 20.0)) as here:
        await here.idle()  # silent for long enough already
        assert here.sent == ["e agora?"]


async def test_all_that_was_written_before_a_restart_is_one_question(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, gathers("a")) as here:
        for text in ("oi", "tudo bem?", "qual o preço?"):
            await here.says(text)
    await clock.move(30)
    async with world(sqlite_url, clock, gathers("a")) as here:
        await here.idle()
        assert here.sent == ["oi / tudo bem? / qual o preço?"]


async def test_a_bot_may_wait_for_silence_longer_than_a_message_may_be_old(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, gathers("a", 300.0)) as here:
        await here.says("oi")
    await clock.move(200)
    async with world(sqlite_url, clock, gathers("a", 300.0)) as here:
        await here.idle()
        assert here.sent == []
        await here.move(101)
        assert here.sent == ["oi"]


def a_patient_thinker() -> tuple[asyncio.Event, asyncio.Event, Callable[..., Any]]:
    """Return a bot's answer after five quiet seconds, what it sets when it thinks, and what it waits for then."""
    thinking, think = asyncio.Event(), asyncio.Event()

    @hookimpl(quiet_for=5)
    async def reply_to(messages: list[Message]) -> str:
        thinking.set()
        await think.wait()
        return " / ".join(each.text or "" for each in messages)

    return thinking, think, reply_to


async def test_what_comes_while_a_patient_bot_thinks_is_another_turn(sqlite_url: str, clock: MovingClock) -> None:
    thinking, think, reply_to = a_patient_thinker()
    async with world(sqlite_url, clock, plugin("a", reply_to)) as here:
        await here.says("um")
        await clock.move(6)
        await thinking.wait()
        await here.says("dois", wait=False)
        think.set()
        await here.idle()
        assert here.sent == ["um"]
        await here.move(6)
        assert here.sent == ["um", "dois"]


async def test_a_bot_that_begins_to_think_while_a_message_is_read_is_not_broken_off(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    thinking, think, reply_to = a_patient_thinker()
    async with world(sqlite_url, clock, plugin("a", reply_to)) as here:
        first = await here.says("um")
        marked = here.gateway.store.marked

        async def slow(tenant_id: str, message_ids: Any) -> set[str]:
            found = await marked(tenant_id, message_ids)
            if first.id not in message_ids:
                await clock.move(6)
                await thinking.wait()
                asyncio.get_running_loop().call_later(0.1, think.set)
            return found

        monkeypatch.setattr(here.gateway.store, "marked", slow)
        second = await here.says("dois", wait=False)
        await think.wait()
        monkeypatch.setattr(here.gateway.store, "marked", marked)
        await here.idle()
        assert here.sent == ["um", "dois"]  # each a turn of its own; silence after the second is over as well
        assert (await here.trail(second)).plugin == "a"


async def test_a_mark_that_another_process_set_does_not_lose_the_newer_messages_answer(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, gathers("a")) as here:
        first = await here.says("um")
        trail = AnswerTrail(message_id=first.id, at=clock.now(), rule="bots_off")
        draft = AnswerDraft(conversation_id=first.conversation_id, message_ids=[first.id], trail=trail)
        store = here.gateway.store
        await store.commit_answer("acme", draft, owner="other", lease_seconds=1, expires_at=clock.now())
        second = await here.says("dois")
        await here.move(6)
        assert here.sent == ["um / dois"]
        assert (await here.trail(second)).plugin == "a"
        assert (await here.trail(first)).rule == "bots_off"


async def test_a_person_who_writes_ends_a_burst_without_an_answer(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, gathers("a")) as here:
        message = await here.says("oi")
        await here.gateway.send("acme", (await here.conversation()).id, OutgoingMessage(text="oi!"), author=AGENT)
        await here.move(6)
        assert here.sent == ["oi!"]
        assert (await here.trail(message)).rule == "human_answers"


async def test_a_reaction_or_an_old_message_does_not_silence_a_bot_that_waits(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, gathers("a")) as here:
        asked = await here.says("qual o preço?")
        await here.move(3)
        reaction = await here.says("👍", kind=MessageKind.REACTION)
        old = await here.says("de ontem", at=clock.now() - timedelta(days=1))
        await here.move(2.5)
        assert here.sent == ["qual o preço?"]
        assert (await here.trail(asked)).plugin == "a"
        assert (await here.trail(reaction)).rule == "reaction"
        assert (await here.trail(old)).rule == "too_old"


async def test_what_follows_a_mention_belongs_to_it_while_the_bot_waits(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, gathers("a")) as here:
        await here.automation(group_bots="mentioned")
        mention = f"oi @{PHONE}"
        await here.says(mention, chat=GROUP)
        await here.move(3)
        await here.says("qual o preço?", chat=GROUP)
        await here.move(6)
        assert here.sent == [f"{mention} / qual o preço?"]
        assert (await here.trail(await here.says("e nada mais", chat=GROUP))).rule == "not_mentioned"


async def test_other_conversations_do_not_wait_for_a_burst(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, gathers("a")) as here:
        await here.says("de ana")
        await here.move(4)
        await here.says("de bia", chat=BIA)
        await here.move(1.5)
        assert here.sent == ["de ana"]
        await here.move(4)
        assert here.sent == ["de ana", "de bia"]
