"""The pace of a session's sends, the pause while its service does not answer, and whose turn it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import MessageStatus, SendResult, SessionStatus, now_ms
from fivapp_whatsapp.ports import OutboxItem, Outcome, Pace, UnknownSend

from .world import (
    OWNER,
    add_connected,
    chat,
    claim,
    incoming,
    news,
    outcome,
    receive,
    run_sql,
    send,
    sent,
    status,
    thread,
)

pytestmark = pytest.mark.anyio
PAUSE_IS_OVER = "UPDATE fivapp_send_gate SET held_until = 1"
PACE_IS_OVER = "UPDATE fivapp_send_gate SET paced_until = paced_until - 60000"


@pytest.fixture
async def paced(database_url: str) -> AsyncIterator[DatabaseStore]:
    """A store whose sessions send two messages at once, then one in ten seconds."""
    store = DatabaseStore(database_url, pace=Pace(rate=0.1, burst=2))
    await store.start()
    await add_connected(store)
    yield store
    await store.close()


async def queue(store: DatabaseStore, number: int, **more: str) -> OutboxItem | None:
    """Queue a message to the numbered contact; returns what may be sent at once."""
    conversation = await chat(store, f"55119888{number:05d}", **more)  # type: ignore[arg-type]  # tenant, session
    return (await send(store, conversation, **more)).item  # type: ignore[arg-type]


async def fail(store: DatabaseStore, times: int, **facts: object) -> None:
    """Let so many sends to different contacts go unanswered."""
    for number in range(times):
        item = await queue(store, 500 + number)
        assert item is not None
        await outcome(store, item, "unknown", code="outcome_unknown", fault=True, **facts)


# --- the pace --------------------------------------------------------------------------------------


async def test_a_session_sends_a_burst_and_then_keeps_its_pace(paced: DatabaseStore, database_url: str) -> None:
    made = [await queue(paced, number) for number in range(4)]
    assert [item is not None for item in made] == [True, True, False, False]
    assert await claim(paced) == []
    await run_sql(database_url, "UPDATE fivapp_send_gate SET paced_until = paced_until - 10000")
    assert len(await claim(paced)) == 1


async def test_what_waited_for_its_pace_long_enough_goes_as_a_burst_again(
    paced: DatabaseStore, database_url: str
) -> None:
    for number in range(5):
        await queue(paced, number)
    await run_sql(database_url, PACE_IS_OVER)
    assert len(await claim(paced)) == 2


async def test_a_pace_is_each_sessions_own(paced: DatabaseStore) -> None:
    await add_connected(paced, "acme", "acme.sales")
    for number in range(3):
        await queue(paced, number)
    conversation = await chat(paced, session="acme.sales")
    assert (await send(paced, conversation)).item is not None


async def test_two_processes_keep_one_pace(paced: DatabaseStore, database_url: str) -> None:
    other = DatabaseStore(database_url, server=False, pace=Pace(rate=0.1, burst=2))
    await other.start()
    try:
        made = [await queue(store, number) for number, store in enumerate((paced, other, paced, other))]
    finally:
        await other.close()
    assert [item is not None for item in made] == [True, True, False, False]


# --- the pause while nobody answers ------------------------------------------------------------------


async def test_five_sends_in_a_row_that_nobody_answered_pause_the_session(store: DatabaseStore) -> None:
    await fail(store, 4)
    assert await queue(store, 1) is not None
    await fail(store, 1)
    queued = await send(store, await chat(store, "5511988800002"))
    assert (queued.item, queued.paused, queued.message.status) == (None, True, MessageStatus.PENDING)
    assert await claim(store) == []


async def test_after_the_pause_one_send_goes_alone_and_its_answer_lets_the_others_go(
    store: DatabaseStore, database_url: str
) -> None:
    await fail(store, 5)
    for number in range(3):
        await queue(store, number)
    await run_sql(database_url, PAUSE_IS_OVER)
    [probe] = await claim(store)
    assert await claim(store) == []
    assert await queue(store, 9) is None
    await outcome(store, probe, "accepted", native_id="N1", fault=False)
    assert len(await claim(store)) == 3


async def test_a_probe_that_nobody_answers_makes_the_pause_longer(store: DatabaseStore, database_url: str) -> None:
    await fail(store, 5)
    first = await held_for(database_url)
    await queue(store, 1)
    await run_sql(database_url, PAUSE_IS_OVER)
    [probe] = await claim(store)
    await outcome(store, probe, "unknown", code="outcome_unknown", fault=True)
    assert await held_for(database_url) > first + 3000
    assert await claim(store) == []


async def test_a_refusal_is_an_answer(store: DatabaseStore) -> None:
    await fail(store, 4)
    item = await queue(store, 1)
    await outcome(store, item, "failed", code="not_on_whatsapp", fault=False)
    await fail(store, 4)
    assert await queue(store, 2) is not None


async def test_what_says_nothing_of_the_service_leaves_the_count(store: DatabaseStore) -> None:
    await fail(store, 4)
    item = await queue(store, 1)
    await outcome(store, item, "retry", code="not_connected", retry_after=60.0)
    await fail(store, 1)
    assert await queue(store, 2) is None


async def test_a_service_that_asks_for_a_pause_gets_it_for_the_whole_session(
    store: DatabaseStore, database_url: str
) -> None:
    item = await queue(store, 1)
    await outcome(store, item, "retry", code="connector_unavailable", retry_after=30.0, hold=30.0)
    assert await queue(store, 2) is None
    assert 25_000 < await held_for(database_url) <= 30_000


async def test_another_sessions_service_is_not_paused(store: DatabaseStore) -> None:
    await add_connected(store, "beta")
    await fail(store, 5)
    assert (await send(store, await chat(store, tenant="beta"), tenant="beta")).item is not None


async def test_a_session_that_is_connected_anew_sends_at_once(store: DatabaseStore) -> None:
    await fail(store, 5)
    await receive(store, news(SessionStatus.RECONNECTING))
    await receive(store, news(SessionStatus.CONNECTED))
    assert await queue(store, 1) is not None


async def held_for(url: str) -> int:
    """Return for how many milliseconds the gate is closed, by the clock of the test."""
    [[held]] = await run_sql(url, "SELECT held_until FROM fivapp_send_gate")
    return int(held) - now_ms()


# --- a clock that was wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ahead",
    [
        "UPDATE fivapp_outbox SET not_before = not_before + 3600000",
        "UPDATE fivapp_send_gate SET held_until = {ahead}",
        "UPDATE fivapp_send_gate SET paced_until = {ahead}",
    ],
)
async def test_a_wait_that_was_set_by_a_clock_an_hour_ahead_is_over_once_it_is_right(
    paced: DatabaseStore, database_url: str, ahead: str
) -> None:
    for number in range(3):
        await queue(paced, number)
    assert await claim(paced) == []
    await run_sql(database_url, PACE_IS_OVER)
    await run_sql(database_url, ahead.format(ahead=now_ms() + 3_600_000))
    assert len(await claim(paced)) == 1


async def test_a_pace_goes_on_after_a_clock_was_an_hour_ahead(paced: DatabaseStore, database_url: str) -> None:
    await queue(paced, 0)
    await run_sql(database_url, f"UPDATE fivapp_send_gate SET paced_until = {now_ms() + 3_600_000}")
    sent_at_once = [await queue(paced, number) for number in (1, 2, 3)]
    assert [item is not None for item in sent_at_once] == [True, True, False]


# --- whose turn it is ----------------------------------------------------------------------------------


async def waiting(store: DatabaseStore, tenant: str, count: int) -> None:
    """Queue messages to different contacts, which nobody makes yet."""
    for number in range(count):
        conversation = await chat(store, f"55119777{number:05d}", tenant=tenant)
        await send(store, conversation, tenant=tenant, owner=None)


async def test_tenants_take_turns_however_much_one_has(store: DatabaseStore) -> None:
    await add_connected(store, "beta")
    await waiting(store, "acme", 8)
    await waiting(store, "beta", 2)
    taken = await claim(store, limit=4)
    assert [item.tenant_id for item in taken] == ["acme", "beta", "acme", "beta"]


async def test_a_tenant_takes_no_more_than_its_share(store: DatabaseStore) -> None:
    await add_connected(store, "beta")
    await waiting(store, "acme", 8)
    await waiting(store, "beta", 1)
    taken = await claim(store, limit=6, share=4, taken={"acme": 2})
    assert sorted(item.tenant_id for item in taken) == ["acme", "acme", "beta"]
    assert await claim(store, limit=6, share=4, taken={"acme": 4}) == []


async def test_a_send_that_nobody_may_make_at_once_waits_for_its_turn(store: DatabaseStore) -> None:
    queued = await send(store, await chat(store), owner=None)
    assert (queued.item, queued.paused) == (None, False)
    assert [item.message_id for item in await claim(store)] == [queued.message.id]


# --- what a look-up proves ------------------------------------------------------------------------------


async def in_doubt(store: DatabaseStore) -> UnknownSend:
    await outcome(store, (await send(store, await chat(store))).item, "unknown", code="outcome_unknown")
    [doubt] = await store.unknown_sends()
    return doubt


async def test_a_send_in_doubt_tells_whom_to_ask_and_since_when(store: DatabaseStore) -> None:
    doubt = await in_doubt(store)
    assert (doubt.connector, doubt.session_id) == ("connection_service", "acme")
    assert doubt.ended_at >= doubt.queued_at
    assert [each.message_id for each in await store.unknown_sends(ended_after=doubt.queued_at)]
    assert await store.unknown_sends(ended_after=doubt.ended_at) == []


async def test_a_look_up_that_found_it_settles_it_with_the_reports_that_came_before(store: DatabaseStore) -> None:
    doubt = await in_doubt(store)
    await receive(store, status(MessageStatus.DELIVERED, "N9"))
    message = await store.record_found(doubt, SendResult(native_id="N9"))
    assert message.status is MessageStatus.DELIVERED
    assert await store.unknown_sends() == []
    await receive(store, incoming("N9", "Olá", from_me=True, sender="5511900000000@c.us"))
    assert len(await thread(store, await chat(store))) == 1


async def test_a_look_up_that_found_it_without_its_id_still_knows_its_echo(store: DatabaseStore) -> None:
    doubt = await in_doubt(store)
    assert (await store.record_found(doubt, SendResult())).status is MessageStatus.ACCEPTED
    await receive(store, incoming("N7", "Olá", from_me=True, sender="5511900000000@c.us"))
    assert len(await thread(store, await chat(store))) == 1
    assert (await sent(store, await chat(store), "N8")).status is MessageStatus.ACCEPTED


async def test_an_outcome_tells_whether_others_may_have_waited_for_it(store: DatabaseStore) -> None:
    conversation = await chat(store, "5511988880001")
    first, second = await send(store, conversation), await send(store, conversation)
    assert await frees(store, first.item)
    [item] = await claim(store)
    assert item.message_id == second.message.id
    assert not await frees(store, item)


async def test_an_outcome_that_ends_a_pause_tells_that_others_may_have_waited(
    store: DatabaseStore, database_url: str
) -> None:
    await fail(store, 5)
    await run_sql(database_url, PAUSE_IS_OVER)
    assert await frees(store, await queue(store, 1), fault=False)


async def frees(store: DatabaseStore, item: OutboxItem | None, **facts: Any) -> bool:
    """Let the connection service accept a send; returns whether others may go now."""
    assert item is not None
    return (await store.record_outcome(item, OWNER, Outcome(kind="accepted", native_id=item.message_id, **facts))).frees


async def test_an_outcome_tells_that_others_may_wait_for_a_pace_that_is_used_up(
    paced: DatabaseStore, database_url: str
) -> None:
    first, second = await queue(paced, 1), await queue(paced, 2)
    assert await frees(paced, first)  # the burst of two is used up
    await run_sql(database_url, PACE_IS_OVER)
    assert not await frees(paced, second)
