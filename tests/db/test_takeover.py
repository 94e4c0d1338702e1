"""Who writes into a conversation, from the page or on the phone, has it for a while; bots and programs do not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import Author, Choice, Conversation, MessageStatus, OutgoingMessage
from fivapp_whatsapp.ports.plugins import AutomationSettings

from .world import (
    AGENT,
    ANA,
    BIA,
    GROUP,
    change,
    chat,
    chats,
    claim,
    echo,
    head,
    incoming,
    log,
    outcome,
    receive,
    run_sql,
    send,
    thread,
)

pytestmark = pytest.mark.anyio


def now() -> datetime:
    return datetime.now(UTC)


def pause(conversation: Conversation) -> float | None:
    """Return for how many minutes more a human has it; 0 when none has it, None without end."""
    if conversation.answered_by != "human":
        return 0
    until = conversation.paused_until
    return None if until is None else round((until - now()).total_seconds() / 60)


async def write(store: DatabaseStore, author: Author) -> None:
    conversation, expires_at = await chat(store), now() + timedelta(minutes=5)
    await store.queue_message(
        "acme", conversation, OutgoingMessage(text="x"), author, owner="p", lease_seconds=30, expires_at=expires_at
    )


async def typed(store: DatabaseStore, native_id: str = "n1", **more: Any) -> None:
    await receive(store, echo(native_id, "typed", **{"at": now()} | more))


async def test_an_agents_message_pauses_the_bots_and_browsers_see_it(store: DatabaseStore) -> None:
    after = await head(store)
    await write(store, AGENT)
    assert pause(await chat(store)) == 30
    events = [event for event in await log(store, after) if event.type == "conversation.updated"]
    assert [pause(event.data) for event in events][-1] == 30


@pytest.mark.parametrize("kind", ["api", "plugin", "system"])
async def test_programs_do_not_take_over(store: DatabaseStore, kind: Any) -> None:
    await write(store, Author(kind=kind))
    assert pause(await chat(store)) == 0


async def test_a_message_typed_on_the_phone_pauses_the_bots(store: DatabaseStore) -> None:
    await receive(store, incoming("n0"))
    after = await head(store)
    await typed(store)
    assert pause(await chat(store)) == 30
    assert [event.type for event in await log(store, after)] == ["message.created", "conversation.updated"]


async def test_a_message_typed_in_a_group_or_a_new_chat_pauses_the_bots(store: DatabaseStore) -> None:
    await typed(store, "n1", chat=GROUP)
    await typed(store, "n2", chat=BIA)
    assert [pause(conversation) for conversation in await chats(store)] == [30, 30]


async def test_a_contacts_message_pauses_nothing(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    assert pause(await chat(store)) == 0


async def test_an_echo_of_a_bots_own_message_is_no_human(store: DatabaseStore) -> None:
    await write(store, Author(kind="plugin", id="bot"))
    await receive(store, echo("w1", "x", at=now()))
    assert pause(await chat(store)) == 0
    assert [message.author.kind for message in await thread(store, await chat(store))] == ["plugin"]


async def test_the_echo_of_choices_is_no_human_however_they_went_out(store: DatabaseStore) -> None:
    choices = [Choice(id="1", title="Yes"), Choice(id="2", title="No")]
    conversation, expires_at = await chat(store), now() + timedelta(minutes=5)
    message = OutgoingMessage(text="Shall we?", choices=choices)
    bot = Author(kind="plugin", id="bot")
    await store.queue_message("acme", conversation, message, bot, owner="p", lease_seconds=30, expires_at=expires_at)
    await receive(store, echo("w1", "Shall we?\n\n1. Yes\n2. No", at=now()))
    assert pause(await chat(store)) == 0
    assert len(await thread(store, conversation)) == 1


async def test_what_was_typed_long_ago_pauses_nothing_and_what_was_typed_a_while_ago_less(store: DatabaseStore) -> None:
    await typed(store, "n1", at=now() - timedelta(hours=2))
    assert pause(await chat(store)) == 0
    await typed(store, "n2", at=now() - timedelta(minutes=20))
    assert pause(await chat(store)) == 10
    await typed(store, "n3", at=now() + timedelta(hours=5))
    assert pause(await chat(store)) == 30


@pytest.mark.parametrize(("minutes", "expected"), [(5, 5), (0, 0), (120, 120)])
async def test_a_tenant_says_how_long_a_pause_is(store: DatabaseStore, minutes: int, expected: int) -> None:
    await store.set_automation("acme", AutomationSettings(pause_minutes=minutes))
    await write(store, AGENT)
    assert pause(await chat(store)) == expected
    await typed(store, chat=BIA)
    assert pause(await chat(store, BIA)) == expected


async def test_another_tenants_settings_do_not_count(store: DatabaseStore) -> None:
    await store.add_tenant("globex", "Globex")
    await store.set_automation("globex", AutomationSettings(pause_minutes=5))
    await write(store, AGENT)
    assert pause(await chat(store)) == 30


async def test_a_human_who_has_it_longer_or_without_end_keeps_it(store: DatabaseStore) -> None:
    await change(store, await chat(store), answered_by="human")
    await write(store, AGENT)
    assert pause(await chat(store)) is None
    await change(store, await chat(store), answered_by="human", paused_until=now() + timedelta(hours=2))
    await write(store, AGENT)
    assert pause(await chat(store)) == 120


async def test_a_pause_grows_with_each_message_and_begins_anew_when_it_is_over(store: DatabaseStore) -> None:
    await change(store, await chat(store), answered_by="human", paused_until=now() + timedelta(minutes=3))
    await write(store, AGENT)
    assert pause(await chat(store)) == 30
    await change(store, await chat(store), answered_by="human", paused_until=now() - timedelta(minutes=3))
    await write(store, AGENT)
    assert pause(await chat(store)) == 30


async def test_one_conversation_is_taken_over_and_no_other(store: DatabaseStore) -> None:
    await chat(store, BIA)
    await write(store, AGENT)
    assert pause(await chat(store, BIA)) == 0


async def test_the_same_key_again_is_no_second_word(store: DatabaseStore, database_url: str) -> None:
    await send(store, await chat(store), key=("u1", "k"))
    await run_sql(database_url, "UPDATE fivapp_conversation SET answered_by = 'bot', paused_until = NULL")
    await send(store, await chat(store), key=("u1", "k"))
    assert pause(await chat(store)) == 0


# --- choices, and rules for groups -----------------------------------------------------------------


async def test_choices_reach_the_page_and_the_connector(store: DatabaseStore) -> None:
    choices = ["Yes", Choice(id="no", title="No", description="really")]
    expected = [Choice(id="Yes", title="Yes"), Choice(id="no", title="No", description="really")]
    queued = await send(store, await chat(store), choices=choices)
    assert queued.message.choices == expected
    assert [message.choices for message in await thread(store, await chat(store))] == [expected]
    assert queued.item is not None
    assert queued.item.send.message.choices == expected
    await outcome(store, queued.item, "retry", retry_after=0.001)
    await asyncio.sleep(0.01)
    [again] = await claim(store)
    assert again.send.message.choices == expected


async def test_a_message_without_choices_has_none(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store))
    assert queued.item is not None
    assert (list(queued.message.choices), list(queued.item.send.message.choices)) == ([], [])
    assert queued.message.status is MessageStatus.PENDING


async def test_what_a_contact_chose_is_kept(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", "Yes", choice="yes-1"), incoming("n2", "free text"))
    assert [message.choice for message in await thread(store, await chat(store, ANA))] == [None, "yes-1"]


async def test_a_group_has_a_rule_of_its_own_for_bots(store: DatabaseStore) -> None:
    assert (await chat(store, GROUP)).group_bots is None
    assert (await change(store, await chat(store, GROUP), group_bots="mentioned")).group_bots == "mentioned"
    assert (await change(store, await chat(store, GROUP), labels=["a"])).group_bots == "mentioned"
    assert (await change(store, await chat(store, GROUP), group_bots=None)).group_bots is None
