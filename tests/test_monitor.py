"""The watch over sessions, over the real store on SQLite and a connector that counts what it is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.errors import ConnectorError, ConnectorProtocolError, ConnectorRejected, ConnectorUnavailable
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import SessionStatus, SessionUpdate
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.testing.connector import FakeConnector

pytestmark = pytest.mark.anyio


class CountingConnector(FakeConnector):
    """Counts the questions for each session's status."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    async def session_status(self, session_id: str) -> SessionUpdate:
        self.asked[session_id] += 1
        return await super().session_status(session_id)


@pytest.fixture
def connector() -> CountingConnector:
    return CountingConnector()


@pytest.fixture
async def gateway(connector: CountingConnector, sqlite_url: str) -> AsyncIterator[Gateway]:
    settings = Settings(poll_pairing=0.1, poll_connected=86_400.0)
    async with Gateway(DatabaseStore(sqlite_url), {connector.name: connector}, settings) as gateway:
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
        (ConnectorRejected("401", reason="invalid_key"), "degraded"),
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
