"""The reply chain over the real store on SQLite: who is asked, what is answered, what silences the bots."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp.automation.asking import AT_ONCE, share
from fivapp_whatsapp.errors import Hold, StoreUnavailable
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import (
    Author,
    Choice,
    ConversationPatch,
    IncomingMessage,
    Message,
    MessageKind,
    OutgoingMessage,
    SessionStatus,
)
from fivapp_whatsapp.plugins.admin import PluginAdmin
from fivapp_whatsapp.plugins.health import PluginHealth
from fivapp_whatsapp.ports.plugins import AnswerDraft, AnswerTrail, StepReason
from fivapp_whatsapp.tenant import TenantGateway
from fivapp_whatsapp.testing.connector import FakeConnector
from tests.bots import BIA, GROUP, PHONE, World, plugin, world
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio
AGENT = Author(kind="agent", id="u1", name="Bea")
API = Author(kind="api")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovingClock:
    clock = MovingClock()
    clock.install(monkeypatch)
    return clock


def bot(name: str, answer: Callable[[Message], Any], **options: Any) -> ModuleType:
    """Make a bot; `answer` may return whatever a bot may, raise, or return something to await."""

    @hookimpl(**options)
    async def reply_to(message: Message) -> Any:
        found = answer(message)
        return await found if asyncio.iscoroutine(found) else found

    return plugin(name, reply_to)


def says(name: str, text: str = "pong", **options: Any) -> ModuleType:
    return bot(name, lambda message: text, **options)


def silent(name: str, **options: Any) -> ModuleType:
    return bot(name, lambda message: None, **options)


def fails(name: str) -> ModuleType:
    def fail(message: Message) -> None:
        raise ValueError("the secret of +55 11 98888-7777")

    return bot(name, fail)


async def outcomes(here: World, message: Message) -> list[tuple[str, str]]:
    return [(step.plugin, step.outcome) for step in (await here.trail(message)).steps]


# --- who is asked ----------------------------------------------------------------------------------


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
        assert failed.detail == f"ValueError in test_replies.py:{line}"
        assert failed.reason == StepReason("raised", "ValueError", f"test_replies.py:{line}")


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
        assert "not a text or an OutgoingMessage (test_replies.py:" in odd.detail
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
        await asyncio.gather(*(here.tell_text("oi", _chat(number)) for number in range(20)))
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
        await asyncio.gather(*(here.tell_text("oi", _chat(number)) for number in range(50)))
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


# --- when nobody can answer ------------------------------------------------------------------------


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
            await here.says(f"m{number}", chat=_chat(number))
            await here.move(9.5)
        assert here.sent == []
        for number in range(30):
            assert (await here.conversation(_chat(number))).answered_by == "human"
            [line] = await here.lines(_chat(number))
            assert line.startswith("Nenhum robô pôde responder (llm ")
        # Most of them never waited for a call: the bot was paused, and the line says so.
        assert here.gateway.runner.health("llm", "acme").failures < 30
        await here.move(310)
        assert clock.now() > back
        for number in range(30):
            await here.says("voltou?", chat=_chat(number))
        assert here.sent == ["sobre voltou?"] * 30


async def test_system_lines_are_in_one_language(sqlite_url: str, clock: MovingClock) -> None:
    english = {"took", "longer", "than", "is", "paused", "failed", "failing", "in", "held", "back", "could", "not"}
    late = bot("tarda", lambda m: asyncio.sleep(30), timeout=0.05)
    odd, empty = bot("estranho", lambda m: 42), bot("vazio", lambda m: "  ")
    bots = [fails("quebrado"), late, odd, empty, says("retido", "x")]
    async with world(sqlite_url, clock, *bots, keeps_back("x", "palavra proibida")) as here:
        for number in range(6):
            await here.says(f"m{number}", chat=_chat(number))
        lines = [line for number in range(6) for line in await here.lines(_chat(number))]
    assert "quebrado falhou: ValueError em test_replies.py" in lines[0]
    assert "estranho falhou: devolveu o que o gancho não aceita (test_replies.py:" in lines[0]
    assert "vazio falhou: invalid_input (test_replies.py:" in lines[0]
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
            await here.tell_text("oi", _chat(number))
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
        await here.says(chat=_chat(9))
        assert here.sent == ["pong"] * 2


async def globex(here: World) -> None:
    """Let there be another tenant, with a session of its own."""
    here.connector.report("globex", SessionStatus.CONNECTED)
    await here.gateway.store.add_tenant("globex", "Globex")
    await here.gateway.connect("globex")


async def globex_is_told(here: World, text: str) -> None:
    now = here.clock.now()
    told = IncomingMessage(session_id="globex", native_id=f"g{now}", chat_id=BIA, sender=BIA, text=text, at=now)
    await here.tell(told)


async def test_a_paused_bot_is_passed_over(sqlite_url: str, clock: MovingClock) -> None:
    async with world(sqlite_url, clock, fails("broken"), says("good")) as here:
        messages = [await here.says(f"m{n}") for n in range(6)]
        assert await outcomes(here, messages[-1]) == [("broken", "paused"), ("good", "answered")]
        here.gateway.runner.resume("broken")
        await here.move(60)
        assert await outcomes(here, await here.says()) == [("broken", "failed"), ("good", "answered")]


# --- the belt --------------------------------------------------------------------------------------


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
        told = (here.tell_text(f"m{n}", _chat(n), clock.now() - ages[n % 3]) for n in range(1000))
        await asyncio.gather(*told)
        await here.idle()
        assert here.sent == []
        for number in range(50):
            assert await here.lines(_chat(number)) == []
            assert (await here.conversation(_chat(number))).answered_by == "bot"
        for message in await here.messages(_chat(1)):
            assert (await here.trail(message)).rule == "too_old"


async def test_what_came_late_goes_to_people_with_one_line_for_each_conversation(
    database_url: str, clock: MovingClock
) -> None:
    async with world(database_url, clock, says("a")) as here:
        await clock.move(3600)
        sent = [clock.now() - timedelta(minutes=10, seconds=-n) for n in range(40)]
        await asyncio.gather(*(here.tell_text(f"m{n}", _chat(n % 4), at) for n, at in enumerate(sent)))
        conversation = await here.gateway.open_conversation("acme", _chat(4))
        await here.gateway.dispatcher.drain(1)
        asked = await here.says("já foi respondida", chat=_chat(4), at=clock.now() - timedelta(minutes=9), wait=False)
        await here.gateway.send("acme", conversation.id, OutgoingMessage(text="sim"), author=API)
    async with world(database_url, clock, says("a")) as here:
        await here.idle()
        assert here.sent == []
        for number in range(4):
            [line] = await here.lines(_chat(number))
            assert line == (
                "A mensagem chegou com mais de dois minutos de atraso. Pessoas respondem aqui por 30 minutos."
            )
            conversation = await here.conversation(_chat(number))
            assert (conversation.answered_by, conversation.paused_until) == (
                "human",
                clock.now() + timedelta(minutes=30),
            )
            rules = [(await here.trail(each)).rule for each in await here.messages(_chat(number))]
            assert rules == ["came_late"] + ["human_answers"] * 9
        assert (await here.trail(asked)).rule == "too_old"
        assert await here.lines(_chat(4)) == []
        # What comes in time is answered as ever, and after the pause there too.
        await here.says(chat=_chat(5))
        await here.move(1801)
        await here.says(chat=_chat(0))
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
        old = await here.says("de ontem", chat=_chat(7), wait=False, at=clock.now() - timedelta(days=1))
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
        for chat in (BIA, _chat(7)):
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


def _chat(number: int) -> str:
    return f"55119888{number % 50:05d}@c.us"


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


# --- once ------------------------------------------------------------------------------------------


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


# --- bursts ----------------------------------------------------------------------------------------


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


async def test_what_comes_while_a_patient_bot_thinks_is_another_turn(sqlite_url: str, clock: MovingClock) -> None:
    thinking, think = asyncio.Event(), asyncio.Event()

    @hookimpl(quiet_for=5)
    async def reply_to(messages: list[Message]) -> str:
        thinking.set()
        await think.wait()
        return " / ".join(each.text or "" for each in messages)

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
    thinking, think = asyncio.Event(), asyncio.Event()

    @hookimpl(quiet_for=5)
    async def reply_to(messages: list[Message]) -> str:
        thinking.set()
        await think.wait()
        return " / ".join(each.text or "" for each in messages)

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


# --- choices ---------------------------------------------------------------------------------------

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


# --- outgoing messages -----------------------------------------------------------------------------


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
