"""Plugins hear of stored events: at least once, in order per conversation, each plugin for itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from fivapp_whatsapp.errors import ConnectorRejected
from fivapp_whatsapp.hookspecs import hookimpl
from fivapp_whatsapp.models import (
    Author,
    Conversation,
    ConversationPatch,
    Group,
    GroupUpdate,
    Message,
    MessageStatus,
    OutgoingMessage,
    Session,
    SessionStatus,
    SessionUpdate,
    StatusUpdate,
)
from fivapp_whatsapp.tenant import TenantGateway
from tests.bots import BIA, GROUP, plugin, world
from tests.moving_clock import MovingClock

from .hearing import until

pytestmark = pytest.mark.anyio


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
        await until(lambda: running == 16)
        await asyncio.sleep(0.1)  # long enough for one more to begin, if it did
        assert running == 16
        release.set()
        await here.idle()
        assert running == 40
