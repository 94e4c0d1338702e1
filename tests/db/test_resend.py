"""Where a service sends nothing twice that has the same id, a send that may have gone out is made again, in time."""

from __future__ import annotations

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import Conflict
from fivapp_whatsapp.models import Message, MessageStatus
from fivapp_whatsapp.ports import Claimed, OutboxItem

from .world import OWNER, accept, chat, claim, echo, log, outcome, receive, run_sql, send, status, thread

pytestmark = pytest.mark.anyio
RESEND = frozenset({"connection_service"})
LEASES_ARE_OVER = "UPDATE fivapp_outbox SET lease_until = 1"
TIME_IS_OVER = "UPDATE fivapp_outbox SET expires_at = 1"
NOW_IS_THE_TIME = "UPDATE fivapp_outbox SET not_before = 1"


async def in_flight(store: DatabaseStore, text: str = "Olá") -> OutboxItem:
    item = (await send(store, await chat(store), text)).item
    assert item is not None
    return item


async def in_doubt(store: DatabaseStore, url: str, text: str = "Olá") -> OutboxItem:
    """A send that may have gone out and waits to be made again."""
    item = await in_flight(store, text)
    await outcome(store, item, "retry", in_doubt=True, retry_after=60.0, code="outcome_unknown", detail="no answer")
    await run_sql(url, NOW_IS_THE_TIME)
    return item


async def take(store: DatabaseStore, owner: str = "p2") -> Claimed:
    return await store.claim_sends(owner, 10, 30, resend=RESEND)


async def state(store: DatabaseStore, item: OutboxItem) -> Message:
    found = await store.message("acme", item.message_id)
    assert found is not None
    return found


async def test_a_send_whose_process_died_is_made_again_with_its_id(store: DatabaseStore, database_url: str) -> None:
    first = await in_flight(store)
    await run_sql(database_url, LEASES_ARE_OVER)
    claimed = await take(store)
    [again] = claimed.items
    assert (claimed.unknown, claimed.expired) == (0, 0)
    assert again.send.client_message_id == first.send.client_message_id
    assert (again.attempt, again.in_doubt, first.in_doubt) == (2, True, False)
    assert (await state(store, first)).status is MessageStatus.PENDING
    assert not (await take(store)).items


async def test_where_a_service_might_send_twice_it_is_unknown(store: DatabaseStore, database_url: str) -> None:
    item = await in_flight(store)
    await run_sql(database_url, LEASES_ARE_OVER)
    claimed = await store.claim_sends("p2", 10, 30, resend=frozenset({"another"}))
    assert (claimed.items, claimed.unknown) == ([], 1)
    assert (await state(store, item)).status is MessageStatus.UNKNOWN


async def test_a_send_in_doubt_is_not_made_again_once_the_service_might_send_twice(
    store: DatabaseStore, database_url: str
) -> None:
    item = await in_doubt(store, database_url)
    assert await claim(store, owner="p2") == []
    assert (await state(store, item)).status is MessageStatus.UNKNOWN
    assert (await store.check()).outbox_unknown == 1


async def test_a_send_in_doubt_that_is_accepted_is_sent_once(store: DatabaseStore, database_url: str) -> None:
    await in_doubt(store, database_url)
    [again] = (await take(store, OWNER)).items
    message = await accept(store, again, "w1")
    assert message.status is MessageStatus.ACCEPTED
    assert (await store.check()).outbox_waiting == 0


async def test_a_send_in_doubt_whose_time_is_over_is_unknown_not_expired(
    store: DatabaseStore, database_url: str
) -> None:
    item = await in_doubt(store, database_url)
    await run_sql(database_url, TIME_IS_OVER)
    claimed = await take(store)
    assert (claimed.items, claimed.expired, claimed.unknown) == ([], 0, 1)
    message = await state(store, item)
    assert message.error is not None
    assert (message.status, message.error.code) == (MessageStatus.UNKNOWN, "outcome_unknown")
    assert [event.type for event in await log(store)][-2:] == ["message.updated", "notification"]


async def test_a_send_whose_process_died_and_whose_time_is_over_is_unknown(
    store: DatabaseStore, database_url: str
) -> None:
    item = await in_flight(store)
    await run_sql(database_url, LEASES_ARE_OVER)
    await run_sql(database_url, TIME_IS_OVER)
    assert (await take(store)).unknown == 1
    assert (await state(store, item)).status is MessageStatus.UNKNOWN


async def test_a_try_that_would_come_too_late_leaves_it_unknown(store: DatabaseStore) -> None:
    item = (await send(store, await chat(store), expires_in=5)).item
    message = await outcome(store, item, "retry", in_doubt=True, retry_after=60.0, code="outcome_unknown")
    assert message.status is MessageStatus.UNKNOWN


async def test_a_doubt_stays_when_the_next_try_provably_did_nothing(store: DatabaseStore, database_url: str) -> None:
    item = await in_doubt(store, database_url)
    [again] = (await take(store, OWNER)).items
    await outcome(store, again, "retry", retry_after=60.0, code="connector_unavailable")
    await run_sql(database_url, TIME_IS_OVER)
    assert (await take(store)).unknown == 1
    assert (await state(store, item)).status is MessageStatus.UNKNOWN


async def test_a_send_in_doubt_cannot_be_taken_back(store: DatabaseStore, database_url: str) -> None:
    item = await in_doubt(store, database_url)
    with pytest.raises(Conflict):
        await store.resolve_message("acme", item.message_id, "cancelled")


async def test_an_echo_settles_a_send_in_doubt(store: DatabaseStore, database_url: str) -> None:
    item = await in_doubt(store, database_url, "Olá")
    receipt = await receive(store, echo("w1", "Olá"))
    assert receipt.stored == 0
    assert (await state(store, item)).status is MessageStatus.ACCEPTED
    assert not (await take(store)).items
    assert len(await thread(store, await chat(store))) == 1


async def test_a_report_settles_a_send_in_doubt(store: DatabaseStore, database_url: str) -> None:
    item = await in_doubt(store, database_url)
    await receive(store, status(MessageStatus.DELIVERED, "w1", client_message_id=item.message_id))
    assert not (await take(store)).items
    assert (await state(store, item)).status is MessageStatus.DELIVERED


async def test_those_behind_a_send_in_doubt_wait_for_it(store: DatabaseStore, database_url: str) -> None:
    first = await in_doubt(store, database_url)
    second = await send(store, await chat(store), "second")
    assert second.item is None
    [item] = (await take(store, OWNER)).items
    assert item.message_id == first.message_id
