"""The outbox under more sends than it makes at once, over the real store on SQLite."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from fivapp_whatsapp import outbox
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import ConnectorUnavailable, OutcomeUnknown
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Author, Message, MessageStatus, OutgoingMessage, SendResult, SessionStatus
from fivapp_whatsapp.places import SHARE
from fivapp_whatsapp.ports import Claimed, NoMetrics, OutgoingSend, Queued
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.testing.connector import FakeConnector

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def connected(
    store: DatabaseStore,
    connector: FakeConnector,
    settings: Settings | None = None,
    *,
    tenants: Sequence[str] = ("acme",),
    **more: Any,
) -> AsyncIterator[Gateway]:
    """Run a gateway whose tenants have a connected session each."""
    async with Gateway(store, {connector.name: connector}, settings or Settings(), **more) as gateway:
        for tenant_id in tenants:
            await gateway.store.add_tenant(tenant_id, tenant_id)
            connector.report(tenant_id, SessionStatus.CONNECTED)
            await gateway.connect(tenant_id)
        yield gateway


async def test_what_one_tenant_sends_beyond_its_places_waits_in_the_store_and_is_sent_once(sqlite_url: str) -> None:
    connector = FakeConnector()
    async with connected(DatabaseStore(sqlite_url), connector, tenants=("acme", "beta")) as gateway:
        connector.hold.clear()
        sent = [await _send(gateway, number) for number in range(SHARE + 3)]
        await _until(lambda: len(connector.sends) == SHARE)
        await asyncio.sleep(0.05)  # long enough for more to begin, if they did
        assert (len(connector.sends), gateway.outbox.in_flight) == (SHARE, SHARE)
        # The connection service of one tenant hangs; another tenant's message is on its way at once.
        other = await _send(gateway, 1, "beta")
        await _until(lambda: len(connector.sends) == SHARE + 1)
        assert connector.sends[-1].client_message_id == other.id
        connector.hold.set()
        for message in sent:
            await _until_accepted(gateway, message)
        assert len({send.client_message_id for send in connector.sends}) == len(connector.sends) == SHARE + 4


class OneAtATime(FakeConnector):
    """Answers as many sends as `answers` were given."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = asyncio.Semaphore(0)

    async def send(self, send: OutgoingSend) -> SendResult:
        result = await super().send(send)
        await self.answers.acquire()
        return result


async def test_a_place_that_is_given_back_goes_to_who_waits_for_one_not_at_the_next_look(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_TICK_SECONDS", 3600.0)
    connector = OneAtATime()
    async with connected(DatabaseStore(sqlite_url), connector) as gateway:
        for number in range(SHARE + 3):
            await _send(gateway, number)
        await _until(lambda: len(connector.sends) == SHARE)
        await asyncio.sleep(0.05)  # until nobody looks any more
        for more in (1, 2, 3):
            connector.answers.release()
            await _until(lambda wanted=SHARE + more: len(connector.sends) == wanted)
        for _ in range(SHARE):
            connector.answers.release()


class Asked(DatabaseStore):
    """Counts how often it was asked for sends that are due."""

    times = 0

    async def claim_sends(self, *args: Any, **more: Any) -> Claimed:
        self.times += 1
        return await super().claim_sends(*args, **more)


async def test_sends_that_others_do_not_wait_for_are_not_followed_by_a_look_for_others(sqlite_url: str) -> None:
    connector, store = FakeConnector(), Asked(sqlite_url)
    async with connected(store, connector) as gateway:
        before, began = store.times, time.monotonic()
        for number in range(30):
            await gateway.outbox.finish(await _queue(gateway, number), 8.0)
        # It looks once a second, whatever happens.
        assert store.times - before <= time.monotonic() - began + 2


async def test_what_stands_behind_in_a_conversation_goes_out_as_soon_as_its_turn_comes(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_TICK_SECONDS", 3600.0)
    connector = FakeConnector()
    async with connected(DatabaseStore(sqlite_url), connector) as gateway:
        for message in [await _send(gateway, 1) for _ in range(8)]:
            await _until_accepted(gateway, message)


class SlowToTwo(FakeConnector):
    """Keeps sends to the second number until `slow` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = asyncio.Event()

    async def send(self, send: OutgoingSend) -> SendResult:
        result = await super().send(send)
        if send.to.startswith("5511988800002"):
            await self.slow.wait()
        return result


class Counts(NoMetrics):
    """Notes the names of what is counted."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        self.names.append(name)


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def connector() -> FakeConnector:
    return FakeConnector()


@pytest.fixture
async def gateway(connector: FakeConnector, counts: Counts, sqlite_url: str) -> AsyncIterator[Gateway]:
    settings = Settings(send_expiry=2.0)
    async with connected(DatabaseStore(sqlite_url), connector, settings, metrics=counts) as gateway:
        yield gateway


async def test_a_gateway_that_stops_ends_what_is_in_flight_and_begins_nothing_more(sqlite_url: str) -> None:
    connector = SlowToTwo()
    async with connected(DatabaseStore(sqlite_url), connector) as gateway:
        connector.hold.clear()
        first, slow, behind_first = [await _send(gateway, number) for number in (1, 2, 1)]
        await _until(lambda: len(connector.sends) == 2)
        stopping = asyncio.create_task(gateway.stop())
        connector.hold.set()
        await _until_accepted(gateway, first)
        await asyncio.sleep(0.1)  # long enough for the next to begin, if it did
        connector.slow.set()
        await stopping
    assert len(connector.sends) == 2
    store = DatabaseStore(sqlite_url)
    await store.start()
    try:
        found = [await store.message("acme", message.id) for message in (first, slow, behind_first)]
        claimed = await store.claim_sends("another", 10, 30.0)
    finally:
        await store.close()
    assert [message.status for message in found if message] == ["accepted", "accepted", "pending"]
    assert [item.message_id for item in claimed.items] == [behind_first.id]


async def test_what_does_not_end_in_time_is_broken_off(gateway: Gateway, connector: FakeConnector) -> None:
    connector.hold.clear()
    message = await _send(gateway, 1)
    await _until(lambda: gateway.outbox.in_flight == 1)
    await gateway.outbox.drain(0.01)
    assert gateway.outbox.in_flight == 0
    assert (await gateway.message("acme", message.id)).status is MessageStatus.PENDING


async def test_a_request_hears_at_once_that_its_message_expired_and_it_counts_as_failed(
    gateway: Gateway, connector: FakeConnector, counts: Counts
) -> None:
    connector.fail_sends = [ConnectorUnavailable("away", retry_after=60.0)]
    conversation = await gateway.open_conversation("acme", "5511988880001")
    sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="oi"), wait=8.0)
    assert sent.message.status is MessageStatus.EXPIRED
    assert [name for name in counts.names if name.startswith(("messages_", "sends_"))] == ["messages_failed_total"]


async def test_a_service_that_answers_nothing_is_tried_by_few_and_people_hear_at_once_that_others_wait(
    gateway: Gateway, connector: FakeConnector
) -> None:
    connector.fail_sends = [OutcomeUnknown("no answer")] * 9
    for number in range(5):
        conversation = await gateway.open_conversation("acme", f"55119888{number:05d}")
        sent = await gateway.send("acme", conversation.id, OutgoingMessage(text="oi"))
        assert sent.message.status is MessageStatus.UNKNOWN
    async with asyncio.timeout(1):
        later = await gateway.send("acme", conversation.id, OutgoingMessage(text="oi"), wait=8.0)
    assert (later.message.status, later.waiting_for) == (MessageStatus.PENDING, "connection_service")
    assert len(connector.sends) == 5


async def test_a_service_that_wants_us_to_wait_is_left_alone_by_the_whole_session(
    gateway: Gateway, connector: FakeConnector
) -> None:
    connector.fail_sends = [ConnectorUnavailable("429", retry_after=0.4)]
    first = await _send(gateway, 1)
    await _until(lambda: len(connector.sends) == 1 and not connector.fail_sends)
    await _until(lambda: gateway.outbox.in_flight == 0)
    second = await _send(gateway, 2)
    assert len(connector.sends) == 1
    for message in (first, second):
        await _until_accepted(gateway, message)


async def _queue(gateway: Gateway, number: int) -> Queued:
    """Queue a message as a request does, to be made at once."""
    conversation = await gateway.open_conversation("acme", f"55119888{number:05d}")
    with gateway.outbox.place("acme") as owner:
        return await gateway.store.queue_message(
            "acme",
            conversation,
            OutgoingMessage(text="oi"),
            Author(kind="api"),
            owner=owner,
            lease_seconds=30.0,
            expires_at=gateway.clock.now() + timedelta(seconds=60),
        )


async def _send(gateway: Gateway, number: int, tenant_id: str = "acme") -> Message:
    conversation = await gateway.open_conversation(tenant_id, f"55119888{number:05d}")
    return (await gateway.send(tenant_id, conversation.id, OutgoingMessage(text="oi"), wait=0.001)).message


async def _until_accepted(gateway: Gateway, message: Message) -> list[MessageStatus]:
    async with asyncio.timeout(8):
        while (await gateway.message("acme", message.id)).status is not MessageStatus.ACCEPTED:
            await asyncio.sleep(0.01)
    return [step.status for step in await gateway.timeline("acme", message.id)]


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(8):
        while not happened():
            await asyncio.sleep(0.005)
