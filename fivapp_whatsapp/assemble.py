"""Puts a gateway together from settings: a store, the connectors, the counters. Scripts and commands need no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from .connectors.cloud_api import CloudApiConnector
from .connectors.connection_service import ConnectionServiceConnector
from .db.store import DatabaseStore
from .errors import SettingsError
from .gateway import Gateway
from .guarded import guarded_client
from .metrics import LoopLag, PrometheusMetrics
from .observe import get_logger
from .plugins.registry import Plugins
from .ports import Connector, Pace
from .settings import Settings, load_settings

_log = get_logger(__name__)


def build_gateway(settings: Settings, *, plugins: Plugins | None = None, server: bool = True) -> Gateway:
    """Return a gateway that is not started yet; without `plugins` it has those that are installed.

    `server=False` is for a visit beside a running server. A plugin that cannot be loaded is told of, and stops
    nothing. Raises SettingsError for a DATABASE_URL that names no database, or a FIVAPP_CONNECTOR that nobody brings.
    """
    plugins = Plugins.load(names=settings.plugins) if plugins is None else plugins
    metrics = PrometheusMetrics(strict=False)
    store = DatabaseStore(
        settings.database_url,
        metrics=metrics,
        pending_limit=settings.webhook_pending_limit,
        server=server,
        pace=Pace(settings.send_rate, settings.send_burst),
        keep_webhooks=settings.webhooks_kept_days > 0,
        secrets=(
            *settings.accepted_webhook_keys,
            settings.connection_service_api_key,
            settings.jwt_secret,
            settings.cloud_api_app_secret,
            settings.cloud_api_verify_token,
        ),
    )
    http = guarded_client(allow=settings.http_allow)
    connectors: dict[str, Connector] = {
        "connection_service": ConnectionServiceConnector.from_settings(settings, outside=http),
        **_connectors_of(plugins, settings),
    }
    if settings.cloud_api_app_secret:
        connectors[CloudApiConnector.name] = CloudApiConnector.from_settings(settings)
    if settings.connector not in connectors:
        raise SettingsError(problems=[f"FIVAPP_CONNECTOR: there is only {', '.join(sorted(connectors))}"])
    lag = LoopLag(metrics)
    gateway = Gateway(
        store,
        connectors,
        settings,
        default_connector=settings.connector,
        metrics=metrics,
        companions={"loop lag": lag.run},
        http=http,
        plugins=plugins,
    )
    # Now that the settings could be used: a refusal is alone on the operator's screen.
    plugins.tell()
    metrics.sample("queue_length", lambda: store.waiting, queue="writer")
    metrics.sample("queue_length", lambda: gateway.outbox.in_flight, queue="outbox")
    return gateway


def _connectors_of(plugins: Plugins, settings: Settings) -> dict[str, Connector]:
    """Return the connectors that plugins bring, each made once; one that cannot be made is told of, and missing."""
    found: dict[str, Connector] = {}
    for hook in plugins.hooks("register_connectors"):
        try:
            found |= {name: make(settings) for name, make in hook.function().items()}
        except Exception:
            _log.exception("connectors_not_made", plugin=hook.plugin, hook=hook.name, location=hook.location)
    return found


@asynccontextmanager
async def open_gateway(
    settings: Settings | None = None, *, plugins: Plugins | None = None, **overrides: Any
) -> AsyncIterator[Gateway]:
    """Give a running gateway: `async with open_gateway() as gateway:`.

    Without `settings` they are read from the environment and `.env`; `overrides` are single settings by their
    field's name, such as `database_url`; `plugins` are the installed ones unless they are given. Raises
    SettingsError, StoreUnavailable, StoreLocked.
    """
    if settings is None:
        settings = load_settings(**overrides)
    elif overrides:
        settings = msgspec.structs.replace(settings, **overrides)
    async with build_gateway(settings, plugins=plugins) as gateway:
        yield gateway
