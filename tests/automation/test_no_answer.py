"""When no bot can answer, over the real store on SQLite: people take over, and a line says why."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from types import ModuleType

import msgspec
import pytest

from fivapp_whatsapp.errors import Hold
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import (
    Message,
    OutgoingMessage,
)
from fivapp_whatsapp.plugins.admin import PluginAdmin
from fivapp_whatsapp.plugins.health import PluginHealth
from tests.bots import plugin, world
from tests.moving_clock import MovingClock

from .answering import bot, chat_of, fails, globex, globex_is_told, outcomes, says, silent

pytestmark = pytest.mark.anyio


async def test_when_no_bot_could_answer_people_take_over_and_a_line_says_why(
    sqlite_url: str, clock: MovingClock
) -> None:
    late = bot("late", lambda m: asyncio.sleep(30), timeout=0.05)
    async with world(sqlite_url, clock, fails("broken"), late, language="en") as here:
        await here.automation(pause_minutes=5)
        await here.says()
        conversation = await here.conversation()
        assert conversation.answered_by == "human"
        assert conversation.paused_until is not None
        assert timedelta(minutes=4) < conversation.paused_until - clock.now() <= timedelta(minutes=5)
        [line] = await here.lines()
        assert "broken failed: ValueError in" in line
        assert "late took too long" in line
        message = await here.says("e agora?")
        assert (await here.trail(message)).rule == "human_answers"
        assert len(await here.lines()) == 1


async def test_a_bots_api_that_is_away_for_five_minutes_gives_its_customers_to_people_and_takes_them_back(
    sqlite_url: str, clock: MovingClock
) -> None:
    back = clock.now() + timedelta(minutes=5)

    def answer(message: Message) -> str:
        if clock.now() < back:
            raise ConnectionError
        return f"sobre {message.text}"

    async with world(sqlite_url, clock, bot("llm", answer)) as here:
        await here.automation(pause_minutes=5)
        for number in range(30):
            await here.says(f"m{number}", chat=chat_of(number))
            await here.move(9.5)
        assert here.sent == []
        for number in range(30):
            assert (await here.conversation(chat_of(number))).answered_by == "human"
            [line] = await here.lines(chat_of(number))
            assert line.startswith("Nenhum robô pôde responder (llm ")
        # Most of them never waited for a call: the bot was paused, and the line says so.
        assert here.gateway.runner.health("llm", "acme").failures < 30
        await here.move(310)
        assert clock.now() > back
        for number in range(30):
            await here.says("voltou?", chat=chat_of(number))
        assert here.sent == ["sobre voltou?"] * 30


async def test_system_lines_are_in_one_language(sqlite_url: str, clock: MovingClock) -> None:
    english = {"took", "longer", "than", "is", "paused", "failed", "failing", "in", "held", "back", "could", "not"}
    late = bot("tarda", lambda m: asyncio.sleep(30), timeout=0.05)
    odd, empty = bot("estranho", lambda m: 42), bot("vazio", lambda m: "  ")
    bots = [fails("quebrado"), late, odd, empty, says("retido", "x")]
    async with world(sqlite_url, clock, *bots, keeps_back("x", "palavra proibida")) as here:
        for number in range(6):
            await here.says(f"m{number}", chat=chat_of(number))
        lines = [line for number in range(6) for line in await here.lines(chat_of(number))]
    assert "quebrado falhou: ValueError em answering.py" in lines[0]
    assert "estranho falhou: devolveu o que o gancho não aceita (answering.py:" in lines[0]
    assert "vazio falhou: invalid_input (answering.py:" in lines[0]
    assert "retido foi retido: palavra proibida" in lines[0]
    assert "quebrado está pausado: falhou muitas vezes seguidas" in lines[5]
    words = {word for line in lines for word in re.findall(r"[a-z]+", line.lower())}
    assert words & english == set()


async def test_a_bundled_bot_that_nobody_configured_is_not_asked(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, fails("broken"), silent("autoreply")) as here:
        plugins = here.gateway.plugins
        bundled = msgspec.structs.replace(plugins.get("autoreply"), source="bundled")
        plugins._arrange([plugins.get("broken"), bundled])
        message = await here.says()
        trail = await here.trail(message)
        assert [step.plugin for step in trail.steps] == ["broken"]
        assert (await here.conversation()).answered_by == "human"


def keeps_back(word: str, why: str = "not that") -> ModuleType:
    @hookimpl
    def outgoing_message(message: OutgoingMessage) -> None:
        if message.text == word:
            raise Hold(why)

    return plugin("filter", outgoing_message)


async def test_after_an_answer_that_is_held_back_the_next_bot_is_asked(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a", "de a"), says("b", "de b"), keeps_back("de a")) as here:
        message = await here.says()
        assert here.sent == ["de b"]
        assert await outcomes(here, message) == [("a", "held"), ("b", "answered")]
        assert await here.lines() == []


async def test_when_all_that_bots_would_say_is_held_back_people_take_over(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, says("a", "x"), fails("b"), keeps_back("x")) as here:
        await here.says()
        assert (await here.conversation()).answered_by == "human"
        [line] = await here.lines()
        assert "a foi retido: not that; b falhou" in line
        assert here.sent == []


async def test_a_held_answer_beside_a_bot_that_had_nothing_to_say_leaves_a_line(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, says("a", "x"), silent("b"), keeps_back("x")) as here:
        await here.says()
        assert (await here.conversation()).answered_by == "bot"
        assert await here.lines() == ["A resposta de a foi retida: not that"]


async def test_one_bot_that_had_nothing_to_say_leaves_the_conversation_to_the_bots(
    sqlite_url: str, clock: MovingClock
) -> None:
    async with world(sqlite_url, clock, fails("broken"), silent("quiet")) as here:
        await here.says()
        assert (await here.conversation()).answered_by == "bot"
        assert await here.lines() == []


async def test_a_bot_that_fails_by_one_tenants_settings_answers_all_others(
    database_url: str, clock: MovingClock
) -> None:
    class Config(msgspec.Struct):
        address: str = "good"

    @hookimpl
    def plugin_config() -> type[msgspec.Struct]:
        return Config

    @hookimpl
    async def reply_to(config: Config) -> str:
        if config.address == "dead":
            raise ConnectionError
        return "pong"

    async with world(database_url, clock, plugin("shop", reply_to, plugin_config)) as here:
        await globex(here)
        await here.decide("shop", config={"address": "dead"})
        for number in range(6):
            await here.tell_text("oi", chat_of(number))
            await here.idle()
        assert here.gateway.runner.pauses() == [("acme", "shop", "reply_to")]
        await globex_is_told(here, "oi")
        await here.idle()
        assert here.sent == ["pong"]
        pages = {
            tenant: (await PluginAdmin(here.gateway).plugin(tenant, "shop")).health for tenant in ("acme", "globex")
        }
        assert pages["globex"] == PluginHealth()
        assert (pages["acme"].reason, pages["acme"].paused_hooks) == ("failing", ("reply_to",))
        # Nor does one tenant's word reach what is another's.
        await PluginAdmin(here.gateway).resume("globex", "shop")
        assert here.gateway.runner.paused("shop", "reply_to", "acme") == "failing"
        await here.decide("shop", config={"address": "good"})
        await PluginAdmin(here.gateway).resume("acme", "shop")
        await here.says(chat=chat_of(9))
        assert here.sent == ["pong"] * 2


async def test_a_paused_bot_is_passed_over(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, fails("broken"), says("good")) as here:
        messages = [await here.says(f"m{n}") for n in range(6)]
        assert await outcomes(here, messages[-1]) == [("broken", "paused"), ("good", "answered")]
        here.gateway.runner.resume("broken")
        await here.move(60)
        assert await outcomes(here, await here.says()) == [("broken", "failed"), ("good", "answered")]
