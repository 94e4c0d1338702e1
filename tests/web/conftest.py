"""A whole server in memory: the application, a gateway on SQLite, and a fake connection service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import pytest

from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.metrics import PrometheusMetrics
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.ports import Store
from fivapp_whatsapp.settings import Secret, Settings
from fivapp_whatsapp.testing.connector import FakeConnector
from fivapp_whatsapp.web.server import create_web

from .tools import KEY, SECRET, FaultyStore, SkippingClock, TestServer


@asynccontextmanager
async def serving(
    folder: Path,
    tenants: Sequence[str] = ("acme", "other"),
    *,
    connector: FakeConnector | None = None,
    plugins: Plugins | None = None,
    **changes: Any,
) -> AsyncIterator[TestServer]:
    """Run a server with these tenants; `changes` are settings."""
    settings = Settings(database_url=Secret(f"sqlite:///{folder}/web.db"), jwt_secret=Secret(SECRET))
    settings = msgspec.structs.replace(settings, **{"send_wait": 2.0, **changes})
    metrics = PrometheusMetrics()
    connector = connector or FakeConnector(capabilities=frozenset({"media", "quote"}), key=KEY)
    clock = SkippingClock()
    store = FaultyStore(DatabaseStore(settings.database_url, metrics=metrics))
    gateway = Gateway(
        cast("Store", store),
        {"connection_service": connector},
        settings,
        metrics=metrics,
        clock=clock,
        plugins=plugins,
    )
    app = create_web(gateway)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # the same protocol, other words
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        for tenant in tenants:
            await gateway.store.add_tenant(tenant, tenant.title())
        yield TestServer(app, gateway, store, connector, client, clock)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TestServer]:
    async with serving(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestServer]:
    """A server for the tests of one file that change nothing in it; no limit of rates stands in their way."""
    lenient: dict[str, Any] = {"rate_failed_logins": 1_000_000, "rate_user": 1_000_000, "rate_user_burst": 1_000_000}
    async with serving(tmp_path_factory.mktemp("shared"), rate_tenant=1_000_000, **lenient) as running:
        yield running
