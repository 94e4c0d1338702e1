"""Who writes: told to colleagues on every process, and to the contact where the service can."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import ConnectorUnavailable
from fivapp_whatsapp.feed import Frame
from fivapp_whatsapp.models import Author, Conversation
from fivapp_whatsapp.testing.connector import FakeConnector
from fivapp_whatsapp.typing_marks import TypingMarks
from tests.db.world import add_connected, chat
from tests.fake_log import FakeLog, Running
from tests.moving_clock import MovingClock

pytestmark = pytest.mark.anyio
ANA = Author(kind="agent", id="ana", name="Ana")


def _connector() -> FakeConnector:
    return FakeConnector(capabilities=frozenset({"typing"}))


def _conversation(id: str = "c1") -> Conversation:
    return Conversation(
        id=id,
        session_id="acme",
        chat_id="5511988887777@c.us",
        title="Rita",
        is_group=False,
        status="open",
        unread_count=0,
        last_message=None,
        answered_by="bot",
        labels=[],
    )


async def test_both_processes_hear_who_writes(database_url: str) -> None:
    stores = [DatabaseStore(database_url), DatabaseStore(database_url, server=False)]
    heard: list[list[tuple[str, Any]]] = [[], []]
    for store, words in zip(stores, heard, strict=True):
        store.hear(lambda tenant, text, words=words: words.append((tenant, msgspec.json.decode(text))))
        await store.start()
    try:
        await add_connected(stores[0])
        conversation = await chat(stores[0])
        marks = TypingMarks(stores[0], MovingClock())
        told = [words for words in heard if words is heard[0] or database_url.startswith("postgresql")]
        async with asyncio.timeout(10):
            while not all(told):
                await marks.tell_colleagues("acme", conversation, True, ANA)
                await asyncio.sleep(0.05)
        data = {"conversationId": conversation.id, "userId": "ana", "name": "Ana", "on": True}
        assert {repr(each) for words in told for each in words} == {repr(("acme", {"type": "typing", "data": data}))}
    finally:
        for store in reversed(stores):
            await store.close()


async def test_the_contact_is_told_once_in_some_seconds_and_at_the_end() -> None:
    clock, connector = MovingClock(), _connector()
    marks = TypingMarks(None, clock)  # type: ignore[arg-type]  # the contact is told without a store
    conversation = _conversation()
    for seconds, on in ((0, False), (0, True), (1, True), (2, True), (0, False), (0, False), (0, True)):
        await clock.move(seconds)
        await marks.tell_contact(connector, conversation, on)

    assert connector.typed == [(conversation.session_id, conversation.chat_id, on) for on in (True, True, False, True)]


async def test_a_service_that_cannot_or_does_not_answer_is_no_error() -> None:
    marks = TypingMarks(None, MovingClock())  # type: ignore[arg-type]  # as above
    cannot, silent = FakeConnector(capabilities=frozenset()), _connector()
    silent.unreachable = ConnectorUnavailable()
    await marks.tell_contact(cannot, _conversation("a"), True)
    await marks.tell_contact(silent, _conversation("b"), True)

    assert cannot.typed == silent.typed == []


async def test_a_frame_that_is_no_event_moves_no_cursor_and_is_not_replayed() -> None:
    log = FakeLog()
    async with Running(log) as running:
        feed = running.feed
        log.commit()
        with feed.subscribe("acme") as subscription:
            frames = aiter(subscription)
            assert [(await anext(frames)).type for _ in range(2)] == ["hello", "live"]
            feed.tell_typing("acme", '{"type":"typing"}')
            feed.tell_typing("other", '{"type":"typing"}')
            before = subscription.seq
            assert await anext(frames) == Frame(None, "typing", b'{"type":"typing"}')
            assert subscription.seq == before
            log.commit()
            assert (await anext(frames)).seq == 2
        with feed.subscribe("acme", after=0) as later:
            frames = aiter(later)
            kinds = [(await anext(frames)).type for _ in range(4)]
            assert kinds == ["hello", "message.created", "message.created", "live"]
