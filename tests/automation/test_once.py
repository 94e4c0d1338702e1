"""What hooks do through the gateway is done once, however often they run, and within the budget of its kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp.errors import ConnectorRejected, Hold
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import Author, Choice, Message, MessageKind, MessageStatus, OutgoingMessage
from fivapp_whatsapp.tenant import Scope, TenantGateway
from fivapp_whatsapp.testing.connector import FakeConnector
from tests.bots import World, plugin, world
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio
AGENT = Author(kind="agent", id="u1", name="Bea")


def doer(do: Callable[..., Any]) -> ModuleType:
    """Make a plugin that does something with each message it hears of."""

    @hookimpl
    async def message_received(message: Message, gateway: TenantGateway, attempt: int) -> None:
        await do(gateway, message, attempt)

    return plugin("doer", message_received)


async def outgoing(here: World) -> list[str | None]:
    """Return the texts that were queued, oldest first."""
    return [each.text for each in await here.messages() if each.direction == "outgoing"]


# --- once ------------------------------------------------------------------------------------------


async def test_what_a_hook_notes_is_noted_once_however_often_it_runs(sqlite_url: str, clock: MovingClock) -> None:
    async def notes(gateway: TenantGateway, message: Message, attempt: int) -> None:
        first = await gateway.note(message.conversation_id, f"um, tentativa {attempt}")
        await gateway.note(message.conversation_id, "dois", key="segundo")
        assert first.text == "um, tentativa 1"
        if attempt == 1:
            raise RuntimeError

    async with world(sqlite_url, clock, doer(notes)) as here:
        await here.says()
        await here.move(1)
        noted = [each.text for each in await here.messages() if each.kind is MessageKind.NOTE]
        assert noted == ["um, tentativa 1", "dois"]
        await here.says()
        await here.move(1)
        assert len(await here.messages()) == 6


async def test_a_note_that_only_the_first_run_makes_does_not_move_the_numbers_of_what_is_sent(
    sqlite_url: str, clock: MovingClock
) -> None:
    async def sends(gateway: TenantGateway, message: Message, attempt: int) -> None:
        if attempt == 1:
            await gateway.note(message.conversation_id, "uma tentativa")
        await gateway.send(message.conversation_id, "um")
        await gateway.send(message.conversation_id, "dois")
        if attempt == 1:
            raise RuntimeError

    async with world(sqlite_url, clock, doer(sends)) as here:
        await here.says()
        await here.move(1)
        assert here.sent == ["um", "dois"]


async def test_a_second_run_gets_its_first_messages_back_also_when_they_used_the_budget_up(
    sqlite_url: str, clock: MovingClock
) -> None:
    got: list[list[str | None]] = []

    async def sends(gateway: TenantGateway, message: Message, attempt: int) -> None:
        sent = [await gateway.send(message.conversation_id, f"{attempt}-{n}") for n in range(3)]
        got.append([each.text for each in sent])
        if attempt == 1:
            raise RuntimeError

    async with world(sqlite_url, clock, doer(sends), bot_replies_per_minute=3) as here:
        await here.says()
        await here.move(1)
        assert got == [["1-0", "1-1", "1-2"]] * 2
        assert here.sent == ["1-0", "1-1", "1-2"]


async def test_a_known_key_gives_its_message_back_without_asking_anybody(sqlite_url: str, clock: MovingClock) -> None:
    asked: list[str | None] = []

    @hookimpl
    def outgoing_message(message: OutgoingMessage) -> None:
        asked.append(message.text)
        if len(asked) > 1:
            raise Hold("once is enough")

    async with world(sqlite_url, clock, plugin("filter", outgoing_message)) as here:
        conversation_id = (await here.says()).conversation_id
        sends = [
            await here.gateway.send(
                "acme", conversation_id, OutgoingMessage(text="x"), author=AGENT, idempotency_key=("u", "k")
            )
            for _ in range(2)
        ]
        assert sends[0].message.id == sends[1].message.id
        assert (asked, here.sent) == (["x"], ["x"])


async def test_what_is_sent_while_a_message_is_looked_at_goes_out_once_when_it_is_made_ready_again(
    sqlite_url: str, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    @hookimpl
    async def reply_to(message: Message) -> list[str]:
        return ["um", "dois"]

    @hookimpl
    async def outgoing_message(message: OutgoingMessage, gateway: TenantGateway, conversation: Any) -> None:
        asked.append(message.text)
        await gateway.send(conversation, f"cópia de {message.text}")
        await gateway.note(conversation.id, f"nota sobre {message.text}")

    async with world(sqlite_url, clock, plugin("copy", outgoing_message, reply_to)) as here:
        commit, crashes = here.gateway.store.commit_answer, [True]

        async def crashing(*given: Any, **more: Any) -> Any:
            if crashes:
                crashes.clear()
                raise RuntimeError("it went away before the commit")
            return await commit(*given, **more)

        monkeypatch.setattr(here.gateway.store, "commit_answer", crashing)
        await here.says()
        await here.move(1)
        assert asked == ["um", "dois"] * 2
        assert sorted(map(str, here.sent)) == ["cópia de dois", "cópia de um", "dois", "um"]
        notes = [each.text for each in await here.messages() if each.kind is MessageKind.NOTE]
        assert notes == ["nota sobre um", "nota sobre dois"]


async def test_what_is_sent_while_a_persons_message_is_looked_at_goes_out_once_under_its_key(
    sqlite_url: str, clock: MovingClock
) -> None:
    held = [True]

    @hookimpl
    async def outgoing_message(message: OutgoingMessage, gateway: TenantGateway, conversation: Any) -> None:
        await gateway.send(conversation, f"cópia de {message.text}")
        if held:
            raise Hold("wait")

    async with world(sqlite_url, clock, plugin("copy", outgoing_message)) as here:
        conversation_id = (await here.says()).conversation_id

        async def send(key: str) -> None:
            await here.gateway.send(
                "acme", conversation_id, OutgoingMessage(text="a"), author=AGENT, idempotency_key=("u", key)
            )

        with pytest.raises(Hold):
            await send("k")
        held.clear()
        await send("k")
        await here.idle()
        assert here.sent == ["cópia de a", "a"]
        await send("another")
        await here.idle()
        assert here.sent == ["cópia de a", "a"] * 2


async def test_what_is_sent_while_messages_are_looked_at_has_a_budget_that_holds_nobodys_message_back(
    sqlite_url: str, clock: MovingClock
) -> None:
    @hookimpl
    async def outgoing_message(message: OutgoingMessage, gateway: TenantGateway, conversation: Any) -> None:
        await gateway.send(conversation, f"cópia de {message.text}")

    async with world(sqlite_url, clock, plugin("copy", outgoing_message), bot_replies_per_minute=2) as here:
        conversation_id = (await here.says()).conversation_id
        for number in range(8):
            await here.gateway.send("acme", conversation_id, OutgoingMessage(text=f"{number}"), author=AGENT)
        await here.idle()
        assert here.sent == ["cópia de 0", "0", "cópia de 1", "1", *(f"{number}" for number in range(2, 8))]
        health = here.gateway.runner.health("copy", "acme")
        assert (health.failures, health.reason) == (6, None), "nor does a spent budget pause it"


async def test_a_message_that_is_sent_again_goes_out_as_it_was(sqlite_url: str, clock: MovingClock) -> None:
    asked: list[str | None] = []

    @hookimpl
    def outgoing_message(message: OutgoingMessage) -> OutgoingMessage:
        asked.append(message.text)
        return msgspec.structs.replace(message, text=f"{message.text} – Loja")

    connector = FakeConnector()
    async with world(sqlite_url, clock, plugin("sign", outgoing_message), connector=connector) as here:
        conversation_id = (await here.says()).conversation_id
        connector.fail_sends.append(ConnectorRejected("no"))
        menu = OutgoingMessage(text="menu", choices=[Choice(id="a", title="A"), Choice(id="b", title="B")])
        first = await here.gateway.send("acme", conversation_id, menu, author=AGENT)
        assert first.message.status is MessageStatus.FAILED
        again = await here.gateway.retry("acme", first.message.id, author=AGENT)
        assert again.message.text == first.message.text == "menu – Loja\n1. A\n2. B"
        assert (again.message.choices, asked) == (first.message.choices, ["menu"])


async def test_a_name_that_is_a_number_is_not_the_number_of_something_else(sqlite_url: str, clock: MovingClock) -> None:
    async def does(gateway: TenantGateway, message: Message, attempt: int) -> None:
        for key in (None, "1", "2"):
            sent = await gateway.send(message.conversation_id, f"envio {key}", key=key)
            noted = await gateway.note(message.conversation_id, f"nota {key}", key=key)
            assert (sent.text, noted.text) == (f"envio {key}", f"nota {key}")
        if attempt == 1:
            raise RuntimeError

    async with world(sqlite_url, clock, doer(does)) as here:
        await here.says()
        await here.move(1)
        assert await outgoing(here) == [f"{what} {key}" for key in (None, "1", "2") for what in ("envio", "nota")]


async def test_timers_of_two_runs_are_one_only_when_they_are_the_same(sqlite_url: str, clock: MovingClock) -> None:
    @hookimpl
    async def message_received(message: Message, gateway: TenantGateway, attempt: int) -> None:
        if attempt == 1:
            await gateway.later("first", timedelta(seconds=60))
            await gateway.later("both", timedelta(seconds=60))
            raise RuntimeError
        await gateway.later("both", timedelta(seconds=60))
        await gateway.later("second", timedelta(seconds=60))

    @hookimpl
    async def timer(key: str, conversation: Any, gateway: TenantGateway) -> None:
        await gateway.send(conversation, key)

    async with world(sqlite_url, clock, plugin("alarm", message_received, timer)) as here:
        await here.says()
        await here.move(1)
        await here.move(70)
        assert sorted(map(str, await outgoing(here))) == ["both", "first", "second"]


def test_the_id_of_a_timer_is_that_of_its_key_and_conversation_in_each_run() -> None:
    first, second = Scope(key="7:message_received"), Scope(key="7:message_received")
    ids = [
        first.timer_id("acme:a", *each) for each in (("x", "c1"), ("y", "c1"), ("x", "c2"), ("x", None), ("x", "c1"))
    ]
    assert len(set(ids)) == 5
    assert [second.timer_id("acme:a", *each) for each in (("y", "c1"), ("x", "c1"), ("x", "c1"))] == [
        ids[1],
        ids[0],
        ids[4],
    ]


async def test_a_timer_that_a_second_run_sets_again_sends_nothing_twice(sqlite_url: str, clock: MovingClock) -> None:
    rang: list[str] = []

    @hookimpl
    async def message_received(message: Message, gateway: TenantGateway, attempt: int) -> None:
        await gateway.later("reminder", timedelta(seconds=0.1))
        if attempt == 1:
            raise RuntimeError

    @hookimpl
    async def timer(key: str, conversation: Any, gateway: TenantGateway) -> None:
        rang.append(key)
        await gateway.send(conversation, f"lembrete {len(rang)}")
        if len(rang) == 2:
            await gateway.later("reminder", timedelta(seconds=5))

    async with world(sqlite_url, clock, plugin("alarm", message_received, timer)) as here:
        await here.says()
        await here.move(0.15)
        assert here.sent == ["lembrete 1"]
        await here.move(1)
        assert (len(rang), here.sent) == (2, ["lembrete 1"])
        await here.move(6)
        assert (len(rang), here.sent) == (3, ["lembrete 1", "lembrete 3"])


# --- the budget --------------------------------------------------------------------------------------


async def test_a_list_is_cut_where_the_budget_of_its_conversation_ends(sqlite_url: str, clock: MovingClock) -> None:
    @hookimpl
    async def reply_to(message: Message) -> Any:
        return [f"{n}" for n in range(10)] if message.text == "muitas" else f"sobre {message.text}"

    async with world(sqlite_url, clock, plugin("a", reply_to)) as here:
        for number in range(7):
            await here.says(f"m{number}")
        message = await here.says("muitas")
        assert (await outgoing(here))[7:] == ["0", "1", "2"]
        trail = await here.trail(message)
        assert (trail.plugin, trail.rule, len(trail.answer_ids)) == ("a", "rate_minute", 3)
        # Once is enough: the next message that meets the same rule is not told of again.
        assert (await here.trail(await here.says("e agora?"))).rule == "rate_minute"
        [line] = await here.lines()
        assert "limite de respostas por minuto" in line


async def test_what_hooks_send_at_the_same_time_is_counted_all_the_same(sqlite_url: str, clock: MovingClock) -> None:
    refused: list[BaseException] = []

    async def sends(gateway: TenantGateway, message: Message, attempt: int) -> None:
        texts = [str(number) for number in range(30)]
        calls = (gateway.send(message.conversation_id, text, key=text) for text in texts)
        found = await asyncio.gather(*calls, return_exceptions=True)
        refused.extend(each for each in found if isinstance(each, BaseException))

    async with world(sqlite_url, clock, doer(sends)) as here:
        await here.says()
        assert len(await outgoing(here)) == 10
        assert [isinstance(each, Hold) for each in refused] == [True] * 20
        assert "limite de respostas por minuto" in str(refused[0])


async def test_the_budget_of_the_hour_cuts_as_well_and_people_have_none(sqlite_url: str, clock: MovingClock) -> None:
    @hookimpl
    async def reply_to(message: Message) -> Any:
        return [f"{message.text}{n}" for n in range(4)]

    async with world(sqlite_url, clock, plugin("a", reply_to), bot_replies_per_hour=6) as here:
        await here.says("a")
        await here.move(61)
        message = await here.says("b")
        assert await outgoing(here) == ["a0", "a1", "a2", "a3", "b0", "b1"]
        assert (await here.trail(message)).rule == "rate_hour"
        for number in range(12):
            await here.gateway.send("acme", message.conversation_id, OutgoingMessage(text=f"{number}"), author=AGENT)
        assert len(await outgoing(here)) == 18
