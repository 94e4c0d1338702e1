"""What becomes of groups is told to browsers and plugins: subjects are titles, texts are in no event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import Group, GroupUpdate

from .world import ANA, AT, BIA, GROUP, add_connected, chat, chats, head, incoming, log, receive

pytestmark = pytest.mark.anyio


def update(change: Any, *, session: str = "acme", **more: Any) -> GroupUpdate:
    return GroupUpdate(session_id=session, chat_id=GROUP, change=change, at=AT, **more)


async def test_a_new_subject_is_the_conversations_title(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", chat=GROUP, sender=ANA, group_name="Old"))
    after = await head(store)
    await receive(store, update("subject", subject="New"))
    conversation = await chat(store, GROUP)
    assert conversation.title == "New"
    assert [c.title for c in await chats(store, query="new")] == ["New"]
    updated, told = await log(store, after)
    assert (updated.type, updated.data.title) == ("conversation.updated", "New")
    group = Group(chat_id=GROUP, conversation_id=conversation.id, subject="New", change="subject")
    assert (told.type, told.conversation_id) == ("group.updated", conversation.id)
    assert (told.data.chat_id, told.data.subject, told.data.change) == (group.chat_id, group.subject, group.change)


async def test_who_joined_is_told_and_changes_nothing_else(store: DatabaseStore) -> None:
    await receive(store, incoming("n1", chat=GROUP, sender=ANA, group_name="Team"))
    after = await head(store)
    await receive(store, update("joined", changed=[BIA, ANA]))
    [told] = await log(store, after)
    assert isinstance(told.data, Group)
    assert (told.data.change, list(told.data.changed), told.data.subject) == ("joined", [BIA, ANA], "Team")
    [event] = await store.stored_events("acme", after, 10)
    assert (event.type, event.data) == ("group.updated", {"change": "joined", "changed": [BIA, ANA]})


async def test_a_change_whose_webhook_comes_twice_is_told_once(store: DatabaseStore) -> None:
    changes = [update("joined", changed=[BIA]), update("subject", subject="Team")]
    for event in (*changes, *changes):
        await receive(store, event)
    await receive(store, *changes, *changes)
    later = GroupUpdate(session_id="acme", chat_id=GROUP, change="joined", changed=[BIA], at=AT + timedelta(seconds=1))
    await receive(store, later, later)
    told = [event.data for event in await store.stored_events("acme", 0, 100) if event.type == "group.updated"]
    assert [one["change"] for one in told] == ["joined", "subject", "joined"]


async def test_a_change_without_a_time_is_told_each_time(store: DatabaseStore) -> None:
    for _ in range(2):
        await receive(store, GroupUpdate(session_id="acme", chat_id=GROUP, change="joined", changed=[BIA]))
    told = [event for event in await store.stored_events("acme", 0, 100) if event.type == "group.updated"]
    assert len(told) == 2


async def test_the_same_change_in_another_session_is_another(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    for session in ("acme", "globex"):
        await receive(store, update("joined", session=session, changed=[BIA]))
    assert len([e for e in await store.stored_events("globex", 0, 100) if e.type == "group.updated"]) == 1


async def test_a_group_that_was_never_seen_gets_its_conversation(store: DatabaseStore) -> None:
    await receive(store, update("subject", subject="Team"))
    [conversation] = await chats(store, view="groups")
    assert (conversation.title, conversation.is_group, conversation.contact_id) == ("Team", True, None)
    assert (conversation.unread_count, conversation.last_message) == (0, None)
    await receive(store, incoming("n1", chat=GROUP, sender=ANA))
    assert [c.id for c in await chats(store, view="groups")] == [conversation.id]


async def test_a_group_without_a_subject_is_named_by_its_address(store: DatabaseStore) -> None:
    await receive(store, update("left", changed=[ANA]))
    assert [c.title for c in await chats(store)] == [GROUP]


async def test_a_subject_is_in_no_event(store: DatabaseStore) -> None:
    await receive(store, update("subject", subject="a secret plan"))
    assert all("secret" not in str(event) for event in await store.stored_events("acme", 0, 100))


async def test_a_group_of_another_tenants_session_is_theirs(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    await receive(store, update("subject", session="globex", subject="Theirs"))
    assert await chats(store) == []
    assert [c.title for c in await chats(store, "globex")] == ["Theirs"]


async def test_a_group_of_a_session_that_nobody_has_is_quarantined(store: DatabaseStore) -> None:
    receipt = await receive(store, update("subject", session="nobody", subject="x"))
    assert receipt.quarantined == 1
