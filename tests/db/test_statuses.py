"""Statuses meet their message in whatever order they, the reply and the echo come."""

from __future__ import annotations

import itertools

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import Message, MessageStatus, WebhookEvent

from .world import (
    AT,
    accept,
    chat,
    echo,
    head,
    incoming,
    log,
    outcome,
    problem,
    receive,
    send,
    sent,
    status,
    thread,
)

pytestmark = pytest.mark.anyio
S = MessageStatus


async def test_a_status_only_goes_up(store: DatabaseStore) -> None:
    message = await sent(store, await chat(store), "n1")
    seen = []
    for value in (S.SENT, S.READ, S.DELIVERED, S.FAILED, S.PENDING, S.PLAYED, S.RECEIVED):
        await receive(store, status(value, "n1"))
        found = await store.message("acme", message.id)
        assert found is not None
        seen.append(found.status)
    assert seen == [S.SENT, S.READ, S.READ, S.READ, S.READ, S.PLAYED, S.PLAYED]


async def test_a_repeated_status_is_told_once(store: DatabaseStore) -> None:
    await sent(store, await chat(store), "n1")
    after = await head(store)
    for _ in range(3):
        await receive(store, status(S.READ, "n1"), status(S.READ, "n1"))
    assert [event.type for event in await log(store, after)] == ["message.updated"]


async def test_a_proof_of_arrival_takes_an_error_away(store: DatabaseStore) -> None:
    message = await sent(store, await chat(store), "n1")
    await receive(store, status(S.FAILED, "n1", error=problem()))
    failed = await store.message("acme", message.id)
    await receive(store, status(S.DELIVERED, "n1"))
    arrived = await store.message("acme", message.id)
    assert failed is not None
    assert arrived is not None
    assert (failed.status, failed.error) == (S.FAILED, problem())
    assert (arrived.status, arrived.error) == (S.DELIVERED, None)


@pytest.mark.parametrize("order", list(itertools.permutations((S.DELIVERED, S.READ, S.SENT))))
async def test_statuses_that_came_before_the_reply_wait_for_it(
    store: DatabaseStore, order: tuple[MessageStatus, ...]
) -> None:
    queued = await send(store, await chat(store))
    for value in order:
        await receive(store, status(value, "n1"))
    pending = await store.message("acme", queued.message.id)
    assert pending is not None
    assert pending.status is S.PENDING
    after = await head(store)
    message = await accept(store, queued.item, "n1")
    assert message.status is S.READ
    assert [event.type for event in await log(store, after)] == ["message.updated"]
    steps = {step.status for step in await store.timeline("acme", message.id)}
    assert steps == {S.PENDING, S.ACCEPTED, S.SENT, S.DELIVERED, S.READ}


async def test_a_parked_failure_keeps_its_reason(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store))
    await receive(store, status(S.FAILED, "n1", error=problem()))
    message = await accept(store, queued.item, "n1")
    assert (message.status, message.error) == (S.FAILED, problem())


async def test_a_status_by_our_own_id_needs_no_reply(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store))
    await receive(store, status(S.READ, "n9"))
    await receive(store, status(S.SENT, "n9", client_message_id=queued.message.id))
    message = await store.message("acme", queued.message.id)
    assert message is not None
    assert message.status is S.READ
    assert (await accept(store, queued.item, "n9")).status is S.READ


async def test_a_status_without_an_id_of_ours_changes_nothing(store: DatabaseStore) -> None:
    after = await head(store)
    await receive(store, status(S.READ, client_message_id="nope"))
    assert await head(store) == after


async def test_a_status_of_an_incoming_message_changes_nothing(store: DatabaseStore) -> None:
    await receive(store, incoming("n1"))
    after = await head(store)
    await receive(store, status(S.READ, "n1"))
    assert await head(store) == after
    [message] = await thread(store, await chat(store))
    assert message.status is S.RECEIVED


async def test_of_each_step_the_earliest_time_is_kept(store: DatabaseStore) -> None:
    message = await sent(store, await chat(store), "n1")
    for hour in (5, 3, 4):
        await receive(store, status(S.READ, "n1", at=AT.replace(hour=hour)))
    steps = await store.timeline("acme", message.id)
    assert steps[-1].at == AT.replace(hour=3)


# --- echoes ----------------------------------------------------------------------------------------


async def one_message(store: DatabaseStore) -> Message:
    [message] = await thread(store, await chat(store))
    return message


async def test_an_echo_before_the_reply_is_the_send_itself(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), "Olá")
    assert (await receive(store, echo("n1", "Olá"))).stored == 0
    assert (await one_message(store)).status is S.ACCEPTED
    await receive(store, status(S.READ, "n1"))
    assert (await accept(store, queued.item, "n1")).status is S.READ
    assert (await one_message(store)).author.kind == "agent"


async def test_an_echo_after_the_reply_is_a_duplicate(store: DatabaseStore) -> None:
    await sent(store, await chat(store), "n1", "Olá")
    assert (await receive(store, echo("n1", "Olá"))).duplicates == 1
    await one_message(store)


async def test_an_echo_with_our_id_is_the_send_whatever_its_text(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), "Olá")
    await receive(store, echo("n1", "Olá, mundo", client_message_id=queued.message.id))
    await receive(store, status(S.DELIVERED, "n1"))
    assert (await one_message(store)).status is S.DELIVERED


async def test_an_echo_settles_a_send_whose_outcome_was_not_known(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), "Olá")
    await outcome(store, queued.item, "unknown", code="timeout")
    await receive(store, echo("n1", "Olá"))
    message = await one_message(store)
    assert (message.status, message.error) == (S.ACCEPTED, None)
    assert (await store.check()).outbox_unknown == 0


async def test_an_echo_gives_its_id_to_a_send_that_was_accepted_without_one(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), "Olá")
    await accept(store, queued.item, None)
    await receive(store, status(S.READ, "n1"))
    await receive(store, echo("n1", "Olá"))
    assert (await one_message(store)).status is S.READ


async def test_one_echo_takes_one_send(store: DatabaseStore) -> None:
    for _ in range(2):
        await accept(store, (await send(store, await chat(store), "Olá")).item, None)
    await receive(store, echo("n1", "Olá"), echo("n2", "Olá"), echo("n3", "Olá"))
    messages = await thread(store, await chat(store))
    assert [message.author.kind for message in messages] == ["phone", "agent", "agent"]


async def test_after_a_retry_the_echo_is_the_retrys(store: DatabaseStore) -> None:
    first = await send(store, await chat(store), "Olá")
    await outcome(store, first.item, "unknown")
    again = await send(store, await chat(store), "Olá", retry_of=first.message.id)
    await receive(store, echo("n1", "Olá"))
    await accept(store, again.item, "n1")
    old, new = [await store.message("acme", each.message.id) for each in (first, again)]
    assert old is not None
    assert new is not None
    assert (old.status, new.status, new.retry_of) == (S.UNKNOWN, S.ACCEPTED, old.id)


async def test_another_text_from_the_phone_is_a_message_of_its_own(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), "Olá")
    assert (await receive(store, echo("n1", "Outra coisa"))).stored == 1
    await accept(store, queued.item, "n2")
    messages = await thread(store, await chat(store))
    assert [message.author.kind for message in messages] == ["phone", "agent"]


async def test_a_send_that_provably_did_not_go_out_takes_no_echo(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), "Olá")
    await outcome(store, queued.item, "retry", retry_after=60.0)
    assert (await receive(store, echo("n1", "Olá"))).stored == 1


# --- order never matters ---------------------------------------------------------------------------


STORY: list[WebhookEvent | None] = [
    status(S.SENT, "n1"),
    status(S.FAILED, "n1", error=problem()),
    status(S.READ, "n1"),
    None,  # the send's own outcome
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(STORY))))[::5])
async def test_the_end_is_the_same_in_every_order(store: DatabaseStore, order: tuple[int, ...]) -> None:
    queued = await send(store, await chat(store))
    for place in (*order, *reversed(order)):
        event = STORY[place]
        await (accept(store, queued.item, "n1") if event is None else receive(store, event))
    message = await store.message("acme", queued.message.id)
    assert message is not None
    assert (message.status, message.error) == (S.READ, None)
    steps = {
        step.status: (step.at if step.status is not S.PENDING else None, step.error)
        for step in await store.timeline("acme", message.id)
    }
    assert steps == {
        S.PENDING: (None, None),
        S.ACCEPTED: (AT, None),
        S.SENT: (AT, None),
        S.FAILED: (AT, problem()),
        S.READ: (AT, None),
    }
