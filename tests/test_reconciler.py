"""A look-up proves that a send went out, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import ConnectorUnavailable, OutcomeUnknown
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Message, MessageStatus, OutgoingMessage, SendResult, SessionStatus
from fivapp_whatsapp.ports import NoMetrics, OutgoingSend, SystemClock
from fivapp_whatsapp.reconciler import LOOK_AT_SECONDS, Reconciler
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.testing.connector import FakeConnector

pytestmark = pytest.mark.anyio
LOOKUP = frozenset({"lookup"})


class LaterClock(SystemClock):
    """The machine's clock, which a test puts forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class Forgetful(FakeConnector):
    """Takes sends and answers none; a look-up finds those that it is told to know."""

    def __init__(self) -> None:
        super().__init__(capabilities=LOOKUP)
        self.knows = False
        self.looked: list[str] = []
        self.broken: Exception | None = None

    async def send(self, send: OutgoingSend) -> SendResult:
        self.sends.append(send)
        raise OutcomeUnknown("no answer")

    async def find_sent(self, session_id: str, client_message_id: str) -> SendResult | None:
        self.looked.append(client_message_id)
        if self.broken is not None:
            raise self.broken
        return SendResult(native_id=f"N-{client_message_id}") if self.knows else None


@pytest.fixture
def service() -> Forgetful:
    return Forgetful()


@pytest.fixture
async def gateway(service: Forgetful, sqlite_url: str) -> AsyncIterator[Gateway]:
    async with Gateway(DatabaseStore(sqlite_url), {service.name: service}, Settings()) as gateway:
        await gateway.store.add_tenant("acme", "Acme")
        service.report("acme", SessionStatus.CONNECTED)
        await gateway.connect("acme")
        yield gateway


@pytest.fixture
def clock() -> LaterClock:
    return LaterClock()


@pytest.fixture
def reconciler(gateway: Gateway, service: Forgetful, clock: LaterClock) -> Reconciler:
    return Reconciler(gateway.store, {service.name: service}, clock=clock, metrics=NoMetrics())


async def send(gateway: Gateway) -> Message:
    conversation = await gateway.open_conversation("acme", "5511988880001")
    return (await gateway.send("acme", conversation.id, OutgoingMessage(text="oi"))).message


async def test_a_send_whose_answer_was_lost_is_found_at_once_and_sent_once(
    gateway: Gateway, service: Forgetful
) -> None:
    service.knows = True
    message = await send(gateway)
    assert message.status is MessageStatus.ACCEPTED
    assert (len(service.sends), service.looked) == (1, [message.id])
    assert await gateway.store.unknown_sends() == []


async def test_what_is_not_found_stays_unknown_and_is_found_later(
    gateway: Gateway, service: Forgetful, clock: LaterClock, reconciler: Reconciler
) -> None:
    message = await send(gateway)
    assert message.status is MessageStatus.UNKNOWN
    service.knows = True
    await reconciler.look()
    assert (await gateway.message("acme", message.id)).status is MessageStatus.UNKNOWN  # it is not time yet
    clock.ahead = timedelta(seconds=LOOK_AT_SECONDS[0] + 0.1)
    await reconciler.look()
    assert (await gateway.message("acme", message.id)).status is MessageStatus.ACCEPTED
    assert len(service.sends) == 1


async def test_looks_become_rarer_and_end(
    gateway: Gateway, service: Forgetful, clock: LaterClock, reconciler: Reconciler
) -> None:
    message = await send(gateway)
    service.looked.clear()
    for seconds in range(0, 1000, 4):
        clock.ahead = timedelta(seconds=seconds)
        await reconciler.look()
    assert service.looked == [message.id] * len(LOOK_AT_SECONDS)
    assert (await gateway.message("acme", message.id)).status is MessageStatus.UNKNOWN


@pytest.mark.parametrize("error", [ConnectorUnavailable("away"), RuntimeError("a defect")])
async def test_a_look_up_that_fails_proves_nothing_and_breaks_nothing(
    gateway: Gateway, service: Forgetful, error: Exception
) -> None:
    service.broken = error
    assert (await send(gateway)).status is MessageStatus.UNKNOWN
    assert len(service.sends) == 1


async def test_a_service_without_look_ups_is_not_asked(gateway: Gateway, service: Forgetful) -> None:
    service.can(lookup=False)
    assert (await send(gateway)).status is MessageStatus.UNKNOWN
    assert service.looked == []


async def test_a_look_up_that_hangs_is_given_up(
    gateway: Gateway, service: Forgetful, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fivapp_whatsapp.reconciler._FIND_SECONDS", 0.05)

    async def hang(session_id: str, client_message_id: str) -> SendResult | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr(service, "find_sent", hang)
    assert (await send(gateway)).status is MessageStatus.UNKNOWN
