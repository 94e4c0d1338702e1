"""A send that may have gone out is made again only where the service sends nothing twice that has the same id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fivapp_whatsapp import tries
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import ConnectorUnavailable, OutcomeUnknown
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import MessageStatus, OutgoingMessage, SessionStatus
from fivapp_whatsapp.outbox import Sent
from fivapp_whatsapp.ports import SystemClock
from fivapp_whatsapp.repeats import Repeats
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.testing.connector import FakeConnector

pytestmark = pytest.mark.anyio
IDEMPOTENT = frozenset({"idempotent_send"})


class Service(FakeConnector):
    """A connector whose service may change its word, or say none."""

    def __init__(self) -> None:
        super().__init__(capabilities=IDEMPOTENT)
        self.able: bool | None = True
        self.asked = 0

    async def capabilities(self) -> frozenset[str]:
        self.asked += 1
        if self.able is None:
            raise ConnectorUnavailable
        return IDEMPOTENT if self.able else frozenset()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(tries, "_RETRY_SECONDS", (0.05,))
    return Service()


@pytest.fixture
async def gateway(service: Service, sqlite_url: str) -> AsyncIterator[Gateway]:
    settings = Settings(send_expiry=3.0)
    async with Gateway(DatabaseStore(sqlite_url), {service.name: service}, settings) as gateway:
        await gateway.store.add_tenant("acme", "Acme")
        service.report("acme", SessionStatus.CONNECTED)
        await gateway.connect("acme")
        yield gateway


async def send(gateway: Gateway) -> Sent:
    conversation = await gateway.open_conversation("acme", "5511988880001")
    return await gateway.send("acme", conversation.id, OutgoingMessage(text="oi"), wait=8.0)


@pytest.mark.parametrize("failure", [OutcomeUnknown("no answer"), RuntimeError("a defect")])
async def test_a_send_without_an_answer_is_made_again_with_its_id(
    gateway: Gateway, service: Service, failure: Exception
) -> None:
    service.fail_sends = [failure, failure]  # type: ignore[list-item]  # a defect is no ConnectorError
    sent = await send(gateway)
    assert sent.message.status is MessageStatus.ACCEPTED
    assert [each.client_message_id for each in service.sends] == [sent.message.id] * 3


@pytest.mark.parametrize("able", [False, None])
async def test_where_the_service_does_not_say_so_it_is_unknown_at_once(
    gateway: Gateway, service: Service, able: bool | None
) -> None:
    gateway.outbox._repeats = Repeats({service.name: service}, SystemClock())
    service.able = able
    service.fail_sends = [OutcomeUnknown()]
    assert (await send(gateway)).message.status is MessageStatus.UNKNOWN
    assert len(service.sends) == 1


async def test_a_service_that_can_no_longer_do_it_is_not_asked_twice(gateway: Gateway, service: Service) -> None:
    service.hold.clear()
    service.fail_sends = [OutcomeUnknown()]
    sending = asyncio.create_task(send(gateway))
    while not service.sends:
        await asyncio.sleep(0.005)
    await gateway.outbox._repeats.ask(service.name)
    service.able = None  # away, as it is when a call ends without an answer
    service.hold.set()
    await asyncio.sleep(0.3)
    assert len(service.sends) == 1
    service.able = False
    message = (await sending).message
    assert (message.status, len(service.sends)) == (MessageStatus.UNKNOWN, 1)
    assert message.error is not None
    assert message.error.code == "outcome_unknown"


async def test_a_service_that_is_back_in_time_is_asked_again(gateway: Gateway, service: Service) -> None:
    service.hold.clear()
    service.fail_sends = [OutcomeUnknown()]
    sending = asyncio.create_task(send(gateway))
    while not service.sends:
        await asyncio.sleep(0.005)
    await gateway.outbox._repeats.ask(service.name)
    service.able = None
    service.hold.set()
    await asyncio.sleep(0.3)
    service.able = True
    assert (await sending).message.status is MessageStatus.ACCEPTED
    assert len({each.client_message_id for each in service.sends}) == 1


@pytest.mark.parametrize(("able", "status", "sends"), [(True, "accepted", 1), (False, "unknown", 0)])
async def test_what_a_killed_process_sent_waits_until_the_service_says_whether_it_may_be_repeated(
    gateway: Gateway, service: Service, able: bool, status: str, sends: int
) -> None:
    """The process that comes after finds the lease over while the service does not answer yet."""
    conversation = await gateway.open_conversation("acme", "5511988880001")
    gateway.outbox._repeats = Repeats({service.name: service}, SystemClock())
    gateway.outbox._draining = True
    sending = asyncio.create_task(gateway.send("acme", conversation.id, OutgoingMessage(text="oi"), wait=8.0))
    while not (await gateway.store.claim_sends("killed", 1, 0.05)).items:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.1)
    service.able = None
    service.asked = 0
    gateway.outbox._draining = False
    gateway.outbox.wake()
    while not service.asked:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.3)
    assert (service.sends, sending.done()) == ([], False)
    service.able = able
    assert (await sending).message.status == status
    assert len(service.sends) == sends


async def test_a_send_that_never_gets_an_answer_ends_unknown_not_expired(gateway: Gateway, service: Service) -> None:
    service.fail_sends = [OutcomeUnknown()] * 1000
    message = (await send(gateway)).message
    assert message.status is MessageStatus.UNKNOWN
    assert len(service.sends) > 1


async def test_a_service_that_has_said_its_word_is_not_asked_again_for_each_look(service: Service) -> None:
    repeats = Repeats({service.name: service}, SystemClock())
    service.able = None
    for _ in range(3):
        await repeats.learn()
    assert (service.asked, repeats.known) == (1, frozenset())
    service.able = True
    assert await repeats.ask(service.name)
    for _ in range(3):
        await repeats.learn()
    assert (service.asked, repeats.known) == (2, {service.name})


async def test_a_service_that_hangs_keeps_nobody_waiting(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fivapp_whatsapp.repeats._ASK_SECONDS", 0.05)

    async def hang() -> frozenset[str]:
        await asyncio.Event().wait()
        return frozenset()

    monkeypatch.setattr(service, "capabilities", hang)
    repeats = Repeats({service.name: service}, SystemClock())
    async with asyncio.timeout(2):
        assert await repeats.ask(service.name) is None
