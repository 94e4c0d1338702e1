"""The watch over sessions, over the real store on SQLite and a connector that counts what it is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from fivapp_whatsapp import monitor
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import (
    ConnectorError,
    ConnectorKeyRefused,
    ConnectorNotConnected,
    ConnectorProtocolError,
    ConnectorRejected,
    ConnectorRestricted,
    ConnectorUnavailable,
    OutcomeUnknown,
)
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import (
    Conversation,
    MessageStatus,
    OutgoingMessage,
    Session,
    SessionStatus,
    SessionUpdate,
    StatusUpdate,
)
from fivapp_whatsapp.outbox import Sent
from fivapp_whatsapp.ports import SystemClock
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.testing.connector import FakeConnector

pytestmark = pytest.mark.anyio


class SkippingClock(SystemClock):
    """The machine's clock, which a test moves on; its UTC time only where that is asked for."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.later = timedelta()

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead

    def now(self) -> datetime:
        return super().now() + self.later


class CountingConnector(FakeConnector):
    """Counts the questions for each session's status, and how often each was started."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.started: Counter[str] = Counter()
        self.starts: str | None = None

    async def start_session(self, session_id: str, name: str) -> SessionUpdate:
        self.started[session_id] += 1
        if self.starts is not None:
            raise ConnectorRejected(self.starts)
        return await super().start_session(session_id, name)

    async def session_status(self, session_id: str) -> SessionUpdate:
        self.asked[session_id] += 1
        return await super().session_status(session_id)


@pytest.fixture
def connector() -> CountingConnector:
    return CountingConnector()


@pytest.fixture
def clock() -> SkippingClock:
    return SkippingClock()


@pytest.fixture
async def gateway(
    connector: CountingConnector, sqlite_url: str, clock: SkippingClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(monitor, "_TICK", 0.05)
    settings = Settings(poll_pairing=0.1, poll_connected=86_400.0)
    async with Gateway(DatabaseStore(sqlite_url), {connector.name: connector}, settings, clock=clock) as gateway:
        for tenant_id in ("acme", "zeta"):
            await gateway.store.add_tenant(tenant_id, tenant_id)
        yield gateway


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(0.01)


async def told(gateway: Gateway) -> list[str]:
    page = await gateway.store.events("acme", 0, 100)
    return [event.data["code"] for event in page.events if event.type == "notification"]


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (ConnectorUnavailable("no answer"), "unreachable"),
        (ConnectorKeyRefused("401"), "degraded"),
        (ConnectorProtocolError("no JSON"), "degraded"),
    ],
)
async def test_people_are_told_once_that_a_service_does_not_serve_us_until_it_does(
    gateway: Gateway, connector: CountingConnector, error: ConnectorError, problem: str
) -> None:
    await gateway.connect("acme")
    connector.unreachable = error
    before = connector.asked["acme"]
    await until(lambda: connector.asked["acme"] >= before + 3)
    session = await gateway.session("acme", "acme")
    assert (session.status, session.problem, session.error) == ("qr_ready", problem, error.detail)
    assert await told(gateway) == [f"session_{problem}"]
    connector.unreachable = None
    view = await gateway.status("acme")
    assert (view.session.problem, view.session.error) == (None, None)
    connector.unreachable = error
    with pytest.raises(type(error)):
        await gateway.connect("acme")
    assert await told(gateway) == [f"session_{problem}"] * 2


@pytest.mark.parametrize(
    "status", [SessionStatus.CONNECTED, SessionStatus.FAILED, SessionStatus.LOGGED_OUT, SessionStatus.RESTRICTED]
)
async def test_a_settled_session_is_asked_seldom_and_one_on_its_way_often(
    gateway: Gateway, connector: CountingConnector, status: SessionStatus
) -> None:
    connector.report("acme", status)
    await gateway.connect("acme")
    await gateway.connect("zeta")
    await until(lambda: connector.asked["zeta"] >= 4)
    assert connector.asked["acme"] == 1


async def test_a_session_that_is_connected_anew_is_asked_soon_again(
    gateway: Gateway, connector: CountingConnector
) -> None:
    connector.report("acme", SessionStatus.FAILED)
    await gateway.connect("acme")
    await until(lambda: connector.asked["acme"] == 1)
    connector.report("acme", SessionStatus.QR_READY)
    await gateway.connect("acme")
    connector.report("acme", SessionStatus.CONNECTED)
    await until(lambda: connector.asked["acme"] >= 2)


# --- what sends tell -------------------------------------------------------------------------------


async def conversation_of(gateway: Gateway, connector: CountingConnector) -> Conversation:
    """Connect the first session and open a conversation."""
    connector.report("acme", SessionStatus.CONNECTED)
    await gateway.connect("acme")
    await until(lambda: connector.asked["acme"] == 1)
    # A clock that went on before the next question has its time would put that off with it.
    due = gateway.monitor._due  # nothing else tells it
    await until(lambda: due.get("acme", 0.0) > SystemClock().monotonic() + 60)
    return await gateway.open_conversation("acme", "5511988887777")


async def send(gateway: Gateway, conversation: Conversation) -> Sent:
    async with asyncio.timeout(4):  # far less than a send waits for its end
        return await gateway.send("acme", conversation.id, OutgoingMessage(text="a"), wait=60)


async def reaches(gateway: Gateway, sent: Sent, status: MessageStatus) -> None:
    async with asyncio.timeout(10):
        while (await gateway.message("acme", sent.message.id)).status is not status:
            await asyncio.sleep(0.02)


async def test_a_send_into_a_session_that_was_lost_waits_until_it_is_connected(
    gateway: Gateway, connector: CountingConnector
) -> None:
    conversation = await conversation_of(gateway, connector)
    connector.report("acme", SessionStatus.RECONNECTING)
    connector.fail_sends = [ConnectorNotConnected()]
    sent = await send(gateway, conversation)
    assert (sent.message.status, sent.waiting_for) == (MessageStatus.PENDING, "session_connected")
    # Its status is asked at once, not after `poll_connected`; what follows is not tried meanwhile.
    await until(lambda: connector.asked["acme"] >= 2)
    async with asyncio.timeout(5):
        while (await gateway.session("acme", "acme")).status is not SessionStatus.RECONNECTING:
            await asyncio.sleep(0.01)
    later = await send(gateway, conversation)
    assert (later.waiting_for, len(connector.sends)) == ("session_connected", 1)
    connector.report("acme", SessionStatus.CONNECTED)
    for one in (sent, later):
        await reaches(gateway, one, MessageStatus.ACCEPTED)


async def test_a_send_that_is_refused_for_our_key_waits_and_people_are_told_once(
    gateway: Gateway, connector: CountingConnector
) -> None:
    conversation = await conversation_of(gateway, connector)
    refused = ConnectorKeyRefused("The connection service refuses CONNECTION_SERVICE_API_KEY (401).")
    connector.fail_sends = [refused, refused]
    with capture_logs() as lines:
        sent = await send(gateway, conversation)
    assert (sent.message.status, sent.waiting_for) == (MessageStatus.PENDING, "connection_service")
    [line] = [line for line in lines if line["event"] == "session_problem"]
    assert (line["log_level"], line["detail"]) == ("warning", refused.detail)
    session = await gateway.session("acme", "acme")
    assert (session.problem, session.error) == ("degraded", refused.detail)
    await reaches(gateway, sent, MessageStatus.ACCEPTED)
    assert len(connector.sends) == 3
    assert await told(gateway) == ["session_degraded"]
    async with asyncio.timeout(5):
        while (await gateway.session("acme", "acme")).problem is not None:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("status", [SessionStatus.RECONNECTING, SessionStatus.QR_READY, SessionStatus.LOGGED_OUT])
async def test_a_send_does_not_wait_for_a_session_that_is_known_not_to_be_connected(
    gateway: Gateway, connector: CountingConnector, status: SessionStatus
) -> None:
    conversation = await conversation_of(gateway, connector)
    connector.report("acme", status)
    await gateway.status("acme")
    sent = await send(gateway, conversation)
    assert (sent.message.status, sent.waiting_for) == (MessageStatus.PENDING, "session_connected")


# --- restarts --------------------------------------------------------------------------------------


async def test_a_session_that_the_service_forgot_is_started_again_and_people_are_told_once(
    gateway: Gateway, connector: CountingConnector, clock: SkippingClock
) -> None:
    await conversation_of(gateway, connector)
    del connector.statuses["acme"]
    clock.ahead += 86_400
    await until(lambda: connector.started["acme"] == 2)
    async with asyncio.timeout(10):
        while (await gateway.session("acme", "acme")).status is not SessionStatus.QR_READY:
            await asyncio.sleep(0.01)
    assert await told(gateway) == ["session_disconnected"]


async def test_restarts_become_rarer_while_they_do_not_help(
    gateway: Gateway, connector: CountingConnector, clock: SkippingClock
) -> None:
    await conversation_of(gateway, connector)
    del connector.statuses["acme"]
    connector.starts = "not now"
    clock.ahead += 86_400
    await until(lambda: connector.started["acme"] == 2)
    for started, wait in ((3, 10), (4, 20), (5, 40)):
        clock.ahead += wait - 5
        asked = connector.asked["acme"]
        await until(lambda asked=asked: connector.asked["acme"] > asked + 1)  # type: ignore[misc]
        assert connector.started["acme"] == started - 1
        clock.ahead += 5
        await until(lambda started=started: connector.started["acme"] == started)  # type: ignore[misc]
    assert await told(gateway) == ["session_disconnected"]


async def test_a_session_that_a_person_stopped_stays_stopped(
    gateway: Gateway, connector: CountingConnector, clock: SkippingClock
) -> None:
    await conversation_of(gateway, connector)
    await gateway.connect("zeta")
    await gateway.disconnect("acme")
    clock.ahead += 86_400
    await until(lambda: connector.asked["zeta"] >= 3)
    assert connector.started["acme"] == 1
    assert await told(gateway) == []


# --- what is wrong although the service calls it connected --------------------------------------------


async def problem(gateway: Gateway, wanted: str | None) -> Session:
    """Wait until the session has a problem, or none."""
    async with asyncio.timeout(10):
        while (found := await gateway.session("acme", "acme")).problem != wanted:
            await asyncio.sleep(0.01)
    return found


async def test_sends_that_nobody_answers_degrade_the_session_until_one_is_answered(
    gateway: Gateway, connector: CountingConnector
) -> None:
    await conversation_of(gateway, connector)
    connector.fail_sends = [OutcomeUnknown("no answer")] * 5
    with capture_logs() as lines:
        for number in range(5):
            await send(gateway, await gateway.open_conversation("acme", f"55119888{number:05d}"))
        found = await problem(gateway, "degraded")
    assert found.error is not None
    assert "has not answered its sends since" in found.error
    assert found.status is SessionStatus.CONNECTED
    assert len([line for line in lines if line["event"] == "session_problem"]) == 1
    asked = connector.asked["acme"]
    for _ in range(3):  # people are told once, and the page is not moved by each look
        await gateway.status("acme")
    assert connector.asked["acme"] == asked + 3
    assert (await told(gateway)).count("session_degraded") == 1
    # The pause is over, one send is tried, and all is well.
    await gateway.store.change_session("acme", "acme", update=update(SessionStatus.RECONNECTING))
    await gateway.store.change_session("acme", "acme", update=update(SessionStatus.CONNECTED))
    sent = await send(gateway, await gateway.open_conversation("acme", "5511988889999"))
    assert sent.message.status is MessageStatus.ACCEPTED
    assert (await problem(gateway, None)).error is None


def update(status: SessionStatus, **more: str) -> SessionUpdate:
    return SessionUpdate(session_id="acme", status=status, **more)


async def test_silence_after_a_send_degrades_the_session_until_something_is_heard(
    gateway: Gateway, connector: CountingConnector, clock: SkippingClock
) -> None:
    conversation = await conversation_of(gateway, connector)
    delivered = connector.webhook(StatusUpdate(session_id="acme", status=MessageStatus.DELIVERED, native_id="N1"))
    await gateway.receive("connection_service", "fake-key", {}, delivered)
    clock.later += timedelta(seconds=5)
    await send(gateway, conversation)
    clock.later += timedelta(seconds=590)
    clock.ahead += 60
    assert (await gateway.status("acme")).session.problem is None
    clock.later += timedelta(seconds=20)
    view = await gateway.status("acme")
    assert (view.session.problem, view.session.error is not None) == ("degraded", True)
    assert await told(gateway) == ["session_degraded"]
    await gateway.receive("connection_service", "fake-key", {}, delivered)
    clock.ahead += 60
    assert (await gateway.status("acme")).session.problem is None


async def test_a_number_that_whatsapp_restricts_waits_for_its_end(
    gateway: Gateway, connector: CountingConnector, clock: SkippingClock
) -> None:
    conversation = await conversation_of(gateway, connector)
    end = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    connector.fail_sends = [ConnectorRestricted("limited for an hour", until=end)]
    sent = await send(gateway, conversation)
    assert (sent.message.status, sent.waiting_for) == (MessageStatus.PENDING, "session_connected")
    session = await gateway.session("acme", "acme")
    assert (session.status, session.error, session.restricted_until) == ("restricted", "limited for an hour", end)
    assert await told(gateway) == ["session_restricted"]
    # The service calls it connected all the same.
    assert (await gateway.status("acme")).session.status is SessionStatus.RESTRICTED
    later = await send(gateway, conversation)
    assert (later.waiting_for, len(connector.sends)) == ("session_connected", 1)
    # A person who connects again believes the service.
    await gateway.connect("acme")
    for one in (sent, later):
        await reaches(gateway, one, MessageStatus.ACCEPTED)
