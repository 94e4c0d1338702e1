"""A connection service made of routes, and the connector that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
import respx

from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector

URL = "http://service.test"
KEY = "key-of-the-service"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class StoppedClock:
    """A clock that moves only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def service() -> respx.MockRouter:
    """The plain seed's service: it has no /capabilities; a test adds the routes that it needs."""
    router = respx.MockRouter(base_url=URL, assert_all_called=False)
    router.get("/capabilities", name="capabilities").respond(404, html="<h1>Not found</h1>")
    return router


@pytest.fixture
async def connector(service: respx.MockRouter, clock: StoppedClock) -> AsyncIterator[ConnectionServiceConnector]:
    made = ConnectionServiceConnector(
        base_url=URL,
        api_key=KEY,
        webhook_keys=[KEY],
        transport=httpx.MockTransport(service.async_handler),
        clock=clock,
    )
    yield made
    await made.close()
