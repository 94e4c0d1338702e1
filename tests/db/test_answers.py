"""A contact's message is answered once: mark, trail and answers come in one transaction, or none of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import ConversationNotFound, MessageNotFound, OverBudget
from fivapp_whatsapp.models import Author, Conversation, Message, MessageStatus, OutgoingMessage, SessionStatus
from fivapp_whatsapp.ports import Outcome
from fivapp_whatsapp.ports.plugins import AnswerDraft, Answered, AnswerStep, AnswerTrail, Limits

from .world import accept, add_connected, change, chat, claim, head, incoming, log, news, receive, send, thread

pytestmark = pytest.mark.anyio
BOT = Author(kind="plugin", id="bot", name="Bot")


async def asked(store: DatabaseStore, *natives: str) -> list[Message]:
    """Let a contact write; returns the messages, oldest first."""
    await receive(store, *(incoming(native, native) for native in natives))
    return [message for message in reversed(await thread(store, await chat(store))) if message.direction == "incoming"]


def draft(conversation: Conversation, messages: list[Message], *answers: str, **more: Any) -> AnswerDraft:
    """Make what the chain decided."""
    steps = [AnswerStep(plugin="bot", outcome="answered", ms=1.5)]
    trail = AnswerTrail(message_id=messages[-1].id, at=datetime.now(UTC), plugin="bot", steps=steps)
    return AnswerDraft(
        conversation_id=conversation.id,
        message_ids=[message.id for message in messages],
        trail=trail,
        author=BOT,
        answers=[OutgoingMessage(text=answer) for answer in answers],
        **more,
    )


async def commit(store: DatabaseStore, made: AnswerDraft, *, tenant: str = "acme") -> Answered:
    expires_at = datetime.now(UTC) + timedelta(minutes=10)
    return await store.commit_answer(tenant, made, owner="p1", lease_seconds=30, expires_at=expires_at)


async def test_answers_are_queued_in_order_and_only_the_first_is_made_at_once(store: DatabaseStore) -> None:
    messages = await asked(store, "n1")
    answered = await commit(store, draft(await chat(store), messages, "one", "two", "three"))
    assert (answered.first, answered.overtaken) == (True, False)
    assert [queued.message.text for queued in answered.queued] == ["one", "two", "three"]
    assert [queued.item is not None for queued in answered.queued] == [True, False, False]
    assert {(queued.message.author, queued.message.status) for queued in answered.queued} == {
        (BOT, MessageStatus.PENDING)
    }
    assert await claim(store) == []
    item = answered.queued[0].item
    assert item is not None
    await store.record_outcome(item, "p1", Outcome(kind="accepted", native_id="w1"))
    assert [item.send.message.text for item in await claim(store)] == ["two"]


async def test_every_message_that_was_answered_has_the_mark_and_the_trail(store: DatabaseStore) -> None:
    messages = await asked(store, "n1", "n2")
    [queued] = (await commit(store, draft(await chat(store), messages, "both"))).queued
    ids = [message.id for message in messages]
    assert await store.marked("acme", [*ids, "nope"]) == set(ids)
    for message_id in ids:
        trail = await store.answer_trail("acme", message_id)
        assert trail is not None
        assert (trail.message_id, trail.plugin, trail.rule) == (message_id, "bot", None)
        assert [(step.plugin, step.outcome, step.ms) for step in trail.steps] == [("bot", "answered", 1.5)]
        assert trail.answer_ids == [queued.message.id]
    assert await store.answer_trail("acme", "nope") is None
    assert await store.marked("acme", []) == set()


async def test_a_second_answer_to_a_message_changes_nothing(store: DatabaseStore) -> None:
    first, second = await asked(store, "n1", "n2")
    conversation = await chat(store)
    await commit(store, draft(conversation, [first], "once"))
    before = await head(store)
    again = await commit(store, draft(conversation, [first, second], "twice", notice="n"))
    assert again == Answered(first=False)
    assert await head(store) == before
    assert await store.marked("acme", [second.id]) == set()


async def test_of_many_answers_at_once_one_is_first(store: DatabaseStore, other_store: DatabaseStore) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    stores = (store, other_store)
    results = await asyncio.gather(
        *(commit(stores[n % 2], draft(conversation, messages, f"answer {n}")) for n in range(10))
    )
    assert [result.first for result in results].count(True) == 1
    assert sum(message.author == BOT for message in await thread(store, conversation)) == 1


async def test_a_message_that_nobody_answers_has_a_mark_with_its_reason(store: DatabaseStore) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    silent = draft(conversation, messages)
    trail = AnswerTrail(message_id=messages[0].id, at=datetime.now(UTC), rule="switched_off")
    before = await head(store)
    await commit(store, AnswerDraft(conversation_id=conversation.id, message_ids=silent.message_ids, trail=trail))
    found = await store.answer_trail("acme", messages[0].id)
    assert found is not None
    assert (found.rule, found.answer_ids) == ("switched_off", [])
    assert await head(store) == before


@pytest.mark.parametrize("until", [None, timedelta(minutes=5)])
async def test_a_human_who_came_first_is_not_spoken_over(store: DatabaseStore, until: timedelta | None) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    paused_until = None if until is None else datetime.now(UTC) + until
    await change(store, conversation, answered_by="human", paused_until=paused_until)
    before = await head(store)
    answered = await commit(store, draft(conversation, messages, "hello", notice="n"))
    assert answered == Answered(first=True, overtaken=True)
    assert await head(store) == before
    trail = await store.answer_trail("acme", messages[0].id)
    assert trail is not None
    assert (trail.rule, trail.answer_ids) == ("human_took_over", [])


async def test_a_human_whose_turn_is_over_does_not_silence_bots(store: DatabaseStore) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    await change(store, conversation, answered_by="human", paused_until=datetime.now(UTC) - timedelta(seconds=1))
    assert len((await commit(store, draft(conversation, messages, "hello"))).queued) == 1


async def test_a_conversation_is_handed_over_with_a_line_that_says_why(store: DatabaseStore) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    until = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    after = await head(store)
    await commit(store, draft(conversation, messages, hand_over_until=until, notice="No bot could answer."))
    now = await chat(store)
    assert (now.answered_by, now.paused_until) == ("human", until)
    updated, line = await log(store, after)
    assert updated.type == "conversation.updated"
    assert (line.data.kind, line.data.text, line.data.author.kind) == ("system", "No bot could answer.", "system")


async def test_a_human_without_end_is_given_no_end(store: DatabaseStore) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    await change(store, conversation, answered_by="human")
    await commit(store, draft(conversation, messages, hand_over_until=datetime.now(UTC) + timedelta(hours=1)))
    assert (await chat(store)).paused_until is None


async def test_an_answer_waits_behind_what_is_being_sent(store: DatabaseStore) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    before = await store.queue_message(
        "acme",
        conversation,
        OutgoingMessage(text="first"),
        Author(kind="api"),
        owner="p1",
        lease_seconds=30,
        expires_at=datetime.now(UTC) + timedelta(minutes=5),
    )
    [queued] = (await commit(store, draft(conversation, messages, "second"))).queued
    assert before.item is not None
    assert queued.item is None


async def test_an_answer_waits_for_its_session(store: DatabaseStore) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    await receive(store, news(SessionStatus.RECONNECTING))
    [queued] = (await commit(store, draft(conversation, messages, "hello"))).queued
    assert queued.item is None
    await receive(store, news(SessionStatus.CONNECTED))
    assert [item.message_id for item in await claim(store)] == [queued.message.id]


async def test_answers_of_which_one_cannot_be_queued_leave_nothing(store: DatabaseStore) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    good = draft(conversation, messages, "good")
    bad = AnswerDraft(
        conversation_id=conversation.id,
        message_ids=good.message_ids,
        trail=good.trail,
        author=BOT,
        answers=[*good.answers, OutgoingMessage(text="bad", quoted_message_id="nope")],
    )
    before = await head(store)
    with pytest.raises(MessageNotFound):
        await commit(store, bad)
    assert await head(store) == before
    assert await store.marked("acme", good.message_ids) == set()


async def test_another_tenants_conversation_is_not_answered(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    messages, conversation = await asked(store, "n1"), await chat(store)
    with pytest.raises(ConversationNotFound):
        await commit(store, draft(conversation, messages, "hello"), tenant="globex")
    await commit(store, draft(conversation, messages, "hello"))
    assert await store.marked("globex", [messages[0].id]) == set()
    assert await store.answer_trail("globex", messages[0].id) is None


async def test_no_text_is_kept_in_a_trail(store: DatabaseStore) -> None:
    messages, conversation = await asked(store, "n1"), await chat(store)
    await commit(store, draft(conversation, messages, "a secret word"))
    assert "secret" not in str(await store.answer_trail("acme", messages[0].id))


# --- what the chain looks back on ------------------------------------------------------------------


async def test_recent_messages_are_those_since_a_time_without_notes(store: DatabaseStore) -> None:
    conversation = await chat(store)
    start = datetime.now(UTC) - timedelta(seconds=1)
    for number in range(5):
        await asked(store, f"n{number}")
        await store.add_note("acme", conversation.id, "note", BOT, system=number % 2 == 0)
    await accept(store, (await send(store, conversation, "reply")).item, "w1")
    recent = await store.recent_messages("acme", conversation.id, start, 100)
    assert [message.text for message in recent] == ["reply", "n4", "n3", "n2", "n1", "n0"]
    assert [m.text for m in await store.recent_messages("acme", conversation.id, start, 2)] == ["reply", "n4"]
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert await store.recent_messages("acme", conversation.id, later, 100) == []
    assert await store.recent_messages("globex", conversation.id, start, 100) == []


async def test_outgoing_messages_are_those_of_each_conversation_since_its_time(store: DatabaseStore) -> None:
    start = datetime.now(UTC) - timedelta(seconds=1)
    first = await chat(store)
    second = await store.open_conversation("acme", "acme", "5511977776666@s.whatsapp.net")
    await asked(store, "n1")
    for conversation, texts in ((first, ("a", "b")), (second, ("c",))):
        await store.add_note("acme", conversation.id, "note", BOT)
        for text in texts:
            await accept(store, (await send(store, conversation, text)).item, f"w-{text}")

    async def outgoing(conversation: Conversation, since: datetime, limit: int = 100) -> list[str | None]:
        found = await store.outgoing_messages("acme", conversation.id, since, limit)
        return [message.text for message in found]

    later = datetime.now(UTC) + timedelta(seconds=1)
    together = await asyncio.gather(
        outgoing(first, start), outgoing(second, start), outgoing(first, later), outgoing(first, start, 1)
    )
    assert together == [["b", "a"], ["c"], [], ["b"]]
    assert await store.outgoing_messages("globex", first.id, start, 100) == []


async def test_a_budget_is_counted_where_it_is_kept(store: DatabaseStore, other_store: DatabaseStore) -> None:
    """Two processes and several sends of one batch cannot pass it together; what people write is none of it."""
    messages = await asked(store, "n1", "n2")
    conversation = await chat(store)
    budget = Limits(per_minute=5, per_hour=9)
    expires_at = datetime.now(UTC) + timedelta(minutes=10)

    async def sends(kept: DatabaseStore, author: Author = BOT, limits: Limits | None = budget) -> str | None:
        content = OutgoingMessage(text="x")
        try:
            await kept.queue_message(
                "acme", conversation, content, author, owner="p", lease_seconds=30, expires_at=expires_at, budget=limits
            )
        except OverBudget as exc:
            return exc.rule
        return None

    for _ in range(3):
        assert await sends(store, Author(kind="api"), None) is None
    assert await asyncio.gather(*(sends(kept) for kept in (store, other_store) * 2)) == [None] * 4
    lines = {"rate_minute": "that was all", "rate_hour": "no"}
    answered = await commit(store, draft(conversation, messages[:1], "a", "b", "c", budget=budget, budget_lines=lines))
    assert ([each.message.text for each in answered.queued], answered.cut) == (["a"], "rate_minute")
    assert [each.text for each in await thread(store, conversation) if each.kind == "system"] == ["that was all"]
    trail = await store.answer_trail("acme", messages[0].id)
    assert trail is not None
    assert (trail.rule, len(trail.answer_ids)) == ("rate_minute", 1)
    assert await asyncio.gather(*(sends(kept) for kept in (store, other_store))) == ["rate_minute"] * 2
    late = await commit(store, draft(conversation, messages[1:], "d", budget=Limits(per_minute=9, per_hour=5)))
    assert (late.queued, late.cut) == ((), "rate_hour")
