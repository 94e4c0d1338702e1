"""A send is committed first, made by one process at a time, in order, and never a second time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import Conflict, ConversationNotFound, IdempotencyMismatch, MessageNotFound
from fivapp_whatsapp.models import Media, MessageKind, MessageStatus, SessionStatus
from fivapp_whatsapp.ports import OutboxItem

from .world import (
    AGENT,
    ANA,
    AT,
    BIA,
    accept,
    add_connected,
    chat,
    chats,
    claim,
    echo,
    head,
    incoming,
    log,
    news,
    outcome,
    problem,
    receive,
    send,
    sent,
    status,
    thread,
    until,
)

pytestmark = pytest.mark.anyio


async def put_off(store: DatabaseStore, native_id: str = "x") -> OutboxItem:
    """Queue a send that waits, because the service could provably not take it."""
    item = (await send(store, await chat(store), native_id)).item
    await outcome(store, item, "retry", retry_after=0.001)
    await asyncio.sleep(0.01)
    assert item is not None
    return item


# --- queueing --------------------------------------------------------------------------------------


async def test_a_send_is_a_pending_message_and_a_lease_for_who_asked(store: DatabaseStore) -> None:
    conversation = await chat(store)
    after = await head(store)
    queued = await send(store, conversation, "Olá")
    assert queued.created
    assert (queued.message.status, queued.message.text, queued.message.author) == (MessageStatus.PENDING, "Olá", AGENT)
    assert queued.item is not None
    assert (queued.item.attempt, queued.item.tenant_id, queued.item.connector) == (1, "acme", "connection_service")
    assert (queued.item.send.to, queued.item.send.session_id) == (ANA, "acme")
    assert queued.item.send.client_message_id == queued.message.id == queued.item.message_id
    assert queued.item.send.message.text == "Olá"
    event, taken_over = await log(store, after)
    assert (event.type, event.data) == ("message.created", queued.message)
    assert taken_over.type == "conversation.updated"
    assert [c.last_message for c in await chats(store)] == [queued.message]


async def test_a_send_answers_the_customer(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    await send(store, await chat(store))
    assert [c.waiting_since for c in await chats(store)] == [None]


async def test_media_and_a_quote_reach_the_connector(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    [quoted] = await thread(store, await chat(store))
    media = Media(url="https://files.example/a.png", mime_type="image/png")
    queued = await send(store, await chat(store), kind=MessageKind.IMAGE, media=media, quoted_message_id=quoted.id)
    assert queued.item is not None
    assert (queued.item.send.message.kind, queued.item.send.message.media) == (MessageKind.IMAGE, media)
    assert queued.item.send.quoted_native_id == "n1"
    assert queued.message.quoted_message_id == quoted.id


async def test_a_second_send_of_a_conversation_waits_for_the_first(store: DatabaseStore) -> None:
    first = await send(store, await chat(store), "one")
    second = await send(store, await chat(store), "two")
    other = await send(store, await chat(store, BIA), "three")
    assert second.item is None
    assert other.item is not None
    assert await claim(store) == []
    await accept(store, first.item, "n1")
    [item] = await claim(store)
    assert item.message_id == second.message.id


async def test_a_send_waits_while_its_session_is_not_connected(store: DatabaseStore) -> None:
    await receive(store, news(SessionStatus.RECONNECTING))
    queued = await send(store, await chat(store))
    assert queued.item is None
    assert await claim(store) == []
    await receive(store, news(SessionStatus.CONNECTED))
    assert [item.message_id for item in await claim(store)] == [queued.message.id]


@pytest.mark.parametrize("named", ["quoted_message_id", "retry_of"])
async def test_a_send_names_no_message_of_another_conversation_or_tenant(store: DatabaseStore, named: str) -> None:
    await add_connected(store, "globex")
    await receive(store, incoming("n1", session="globex"), incoming("n2", chat=BIA))
    foreign = (await thread(store, (await chats(store, "globex"))[0], "globex"))[0]
    elsewhere = (await thread(store, (await chats(store))[0]))[0]
    conversation, before = await chat(store), await head(store)
    for message_id in (foreign.id, elsewhere.id, "nope"):
        with pytest.raises(MessageNotFound):
            await send(store, conversation, **{named: message_id})
    assert await head(store) > 0
    assert await head(store) == before


async def test_a_conversation_of_another_tenant_takes_no_send(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    theirs = await chat(store, tenant="globex")
    with pytest.raises(ConversationNotFound):
        await send(store, theirs)
    assert await thread(store, theirs, "globex") == []


# --- idempotency keys ------------------------------------------------------------------------------


async def test_one_key_gives_one_message(store: DatabaseStore) -> None:
    conversation = await chat(store)
    queued = await asyncio.gather(*(send(store, conversation, key=("u1", "k")) for _ in range(20)))
    assert len({each.message.id for each in queued}) == 1
    assert [each.created for each in queued].count(True) == 1
    assert sum(each.item is not None for each in queued) == 1
    assert len(await thread(store, conversation)) == 1


async def test_one_key_in_two_stores_gives_one_message(store: DatabaseStore, other_store: DatabaseStore) -> None:
    conversation = await chat(store)
    both = await asyncio.gather(*(send(each, conversation, key=("u1", "k")) for each in (store, other_store)))
    assert both[0].message.id == both[1].message.id
    assert len(await thread(store, conversation)) == 1


async def test_a_known_key_gives_the_message_as_it_is_now(store: DatabaseStore) -> None:
    first = await send(store, await chat(store), key=("u1", "k"))
    await accept(store, first.item, "n1")
    again = await send(store, await chat(store), key=("u1", "k"))
    assert (again.created, again.item) == (False, None)
    assert (again.message.id, again.message.status) == (first.message.id, MessageStatus.ACCEPTED)


async def test_a_key_serves_one_request(store: DatabaseStore) -> None:
    conversation = await chat(store)
    results = await asyncio.gather(
        *(send(store, conversation, key=("u1", "k"), fingerprint=f) for f in ("f", "g")), return_exceptions=True
    )
    assert sum(isinstance(result, IdempotencyMismatch) for result in results) == 1
    assert len(await thread(store, conversation)) == 1


async def test_a_key_belongs_to_its_principal_and_tenant(store: DatabaseStore) -> None:
    await add_connected(store, "globex")
    ours, theirs = await chat(store), await chat(store, tenant="globex")
    await send(store, ours, key=("u1", "k"))
    assert (await send(store, ours, key=("u2", "k"), fingerprint="g")).created
    assert (await send(store, theirs, tenant="globex", key=("u1", "k"), fingerprint="g")).created


# --- claiming --------------------------------------------------------------------------------------


async def test_claims_are_oldest_first_and_one_of_each_conversation(store: DatabaseStore) -> None:
    await receive(store, news(SessionStatus.RECONNECTING))
    people = [await chat(store, f"551199999000{i}@c.us") for i in range(4)]
    queued = [await send(store, people[i % 4], str(i)) for i in range(8)]
    await receive(store, news(SessionStatus.CONNECTED))
    first = await claim(store, limit=3)
    rest = await claim(store, limit=10)
    assert [item.message_id for item in first + rest] == [each.message.id for each in queued[:4]]
    for item in first + rest:
        await accept(store, item, f"n{item.message_id}")
    assert [item.message_id for item in await claim(store)] == [each.message.id for each in queued[4:]]


async def test_two_processes_share_the_work_and_take_nothing_twice(
    store: DatabaseStore, other_store: DatabaseStore
) -> None:
    await receive(store, news(SessionStatus.RECONNECTING))
    for i in range(12):
        await send(store, await chat(store, f"55119999900{i:02d}@c.us"))
    await receive(store, news(SessionStatus.CONNECTED))
    taken = await asyncio.gather(
        *(claim(each, owner=name, limit=12) for each, name in ((store, "a"), (other_store, "b")) for _ in range(3))
    )
    ids = [item.message_id for items in taken for item in items]
    assert len(ids) == len(set(ids)) == 12


async def test_a_send_that_was_put_off_is_made_again_with_its_id(store: DatabaseStore) -> None:
    item = await put_off(store)
    again: list[OutboxItem] = []

    async def claimed() -> bool:
        again.extend(await claim(store))
        return bool(again)

    await until(claimed)
    assert [(each.message_id, each.attempt) for each in again] == [(item.message_id, 2)]
    assert again[0].send.client_message_id == item.send.client_message_id


async def test_a_send_is_not_made_before_its_time(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store))
    message = await outcome(store, queued.item, "retry", retry_after=60.0)
    assert message.status is MessageStatus.PENDING
    assert await claim(store) == []
    assert (await store.check()).outbox_waiting == 1


async def test_a_send_whose_time_is_over_expires_and_the_next_one_goes(store: DatabaseStore) -> None:
    await receive(store, news(SessionStatus.RECONNECTING))
    late = await send(store, await chat(store), "late", expires_in=-1)
    fresh = await send(store, await chat(store), "fresh")
    await receive(store, news(SessionStatus.CONNECTED))
    assert await claim(store) == []
    expired = await store.message("acme", late.message.id)
    assert expired is not None
    assert expired.status is MessageStatus.EXPIRED
    assert expired.error is not None
    assert [item.message_id for item in await claim(store)] == [fresh.message.id]


async def test_a_send_that_would_be_tried_too_late_expires_at_once(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), expires_in=5)
    message = await outcome(store, queued.item, "retry", retry_after=60.0, code="connector_unavailable", detail="away")
    assert message.status is MessageStatus.EXPIRED
    assert message.error == problem("connector_unavailable", "away")


async def test_a_lease_that_ran_out_makes_the_message_unknown_and_it_is_never_sent_again(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), lease=-1)
    after = await head(store)
    for _ in range(3):
        assert await claim(store) == []
    message = await store.message("acme", queued.message.id)
    assert message is not None
    assert (message.status, message.error and message.error.code) == (MessageStatus.UNKNOWN, "lease_lost")
    events = await log(store, after)
    assert [event.type for event in events] == ["message.updated", "notification"]
    assert (events[1].data["code"], events[1].data["messageId"]) == ("message_unknown", message.id)
    check = await store.check()
    assert (check.outbox_waiting, check.outbox_unknown) == (0, 1)


async def test_an_unknown_send_does_not_keep_the_next_ones_waiting(store: DatabaseStore) -> None:
    first = await send(store, await chat(store), "one")
    second = await send(store, await chat(store), "two")
    await outcome(store, first.item, "unknown")
    [item] = await claim(store)
    assert item.message_id == second.message.id
    await accept(store, item, "n2")
    assert (await send(store, await chat(store), "three")).item is not None


# --- outcomes --------------------------------------------------------------------------------------


async def test_an_accepted_send_is_told_once(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store))
    after = await head(store)
    message = await accept(store, queued.item, "n1")
    assert await accept(store, queued.item, "n1") == message
    assert message.status is MessageStatus.ACCEPTED
    assert [(event.type, event.data) for event in await log(store, after)] == [("message.updated", message)]
    steps = await store.timeline("acme", message.id)
    assert [step.status for step in steps] == [MessageStatus.PENDING, MessageStatus.ACCEPTED]
    assert steps[1].at == AT
    assert (await store.check()).outbox_waiting == 0


@pytest.mark.parametrize("kind", ["failed", "unknown"])
async def test_a_send_that_failed_says_why(store: DatabaseStore, kind: str) -> None:
    queued = await send(store, await chat(store))
    message = await outcome(store, queued.item, kind, code="c", detail="d")
    assert (message.status.value, message.error) == (kind, problem("c", "d"))
    assert (await store.timeline("acme", message.id))[-1].error == problem("c", "d")


@pytest.mark.parametrize("kind", ["failed", "unknown", "retry"])
async def test_without_the_lease_a_failure_counts_for_nothing(store: DatabaseStore, kind: str) -> None:
    queued = await send(store, await chat(store), owner="gone")
    message = await outcome(store, queued.item, kind)
    assert message == queued.message
    assert (await store.check()).outbox_waiting == 1


async def test_without_the_lease_a_proof_still_counts(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), lease=-1)
    await claim(store)
    message = await accept(store, queued.item, "n1")
    assert (message.status, message.error) == (MessageStatus.ACCEPTED, None)
    assert (await store.check()).outbox_unknown == 0


async def test_an_old_attempt_cannot_end_a_newer_one(store: DatabaseStore) -> None:
    first = await put_off(store)

    async def claimed() -> bool:
        return bool(await claim(store))

    await until(claimed)
    assert (await outcome(store, first, "failed")).status is MessageStatus.PENDING


async def test_what_was_sent_already_is_not_put_off(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store))
    await receive(store, status(MessageStatus.DELIVERED, "n1", client_message_id=queued.message.id))
    await outcome(store, queued.item, "retry", retry_after=0.001)
    assert (await store.check()).outbox_waiting == 0


async def test_a_send_that_waits_is_not_made_once_it_is_known_to_have_gone_out(store: DatabaseStore) -> None:
    item = await put_off(store)
    await receive(store, status(MessageStatus.SENT, "n1", client_message_id=item.message_id))
    assert (await store.check()).outbox_waiting == 0


# --- a person's word -------------------------------------------------------------------------------


async def test_an_unknown_message_is_settled_as_sent(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store))
    await outcome(store, queued.item, "unknown")
    after = await head(store)
    message = await store.resolve_message("acme", queued.message.id, "sent")
    assert (message.status, message.error) == (MessageStatus.SENT, None)
    assert [event.type for event in await log(store, after)] == ["message.updated"]
    assert (await store.check()).outbox_unknown == 0


async def test_a_waiting_message_is_taken_back(store: DatabaseStore) -> None:
    item = await put_off(store)
    assert (await store.resolve_message("acme", item.message_id, "cancelled")).status is MessageStatus.CANCELLED
    assert await claim(store) == []
    assert (await store.check()).outbox_waiting == 0


async def test_what_is_under_way_or_settled_is_not_resolved(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store))
    for word in ("cancelled", "sent"):
        with pytest.raises(Conflict):
            await store.resolve_message("acme", queued.message.id, word)
    message = await accept(store, queued.item, "n1")
    for word in ("cancelled", "sent", "nonsense"):
        with pytest.raises(Conflict):
            await store.resolve_message("acme", message.id, word)
    with pytest.raises(MessageNotFound):
        await store.resolve_message("globex", message.id, "sent")


async def test_a_timeline_belongs_to_its_tenant(store: DatabaseStore) -> None:
    message = await sent(store, await chat(store), "n1")
    with pytest.raises(MessageNotFound):
        await store.timeline("globex", message.id)


async def test_what_is_young_is_not_forgotten(store: DatabaseStore) -> None:
    await send(store, await chat(store), key=("u1", "k"))
    await accept(store, (await send(store, await chat(store, BIA), "Olá")).item, None)
    await receive(store, status(MessageStatus.READ, "n1"))
    await store.forget_old(datetime.now(UTC) - timedelta(days=7))
    assert not (await send(store, await chat(store), key=("u1", "k"))).created
    await receive(store, echo("n1", "Olá", chat=BIA))
    [message] = await thread(store, await chat(store, BIA))
    assert message.status is MessageStatus.READ
