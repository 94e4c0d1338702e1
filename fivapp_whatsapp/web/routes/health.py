"""Whether the server lives and is ready, its counters, and the index."""

from __future__ import annotations

import asyncio
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from litestar import Request, Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ControllerRouterHandler

from fivapp_whatsapp.errors import GatewayError
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.web.auth import PUBLIC, require_admin
from fivapp_whatsapp.web.openapi import PATH
from fivapp_whatsapp.web.remembered import Remembered
from fivapp_whatsapp.web.schemas import Health

from .common import TheGateway

LIVE = "/health/live"
_READY_SECONDS = 2.0
_REMEMBERED_SECONDS = 1.0


def package_version() -> str:
    """Return the version of the installed package."""
    try:
        return version("fivapp-whatsapp")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0.0.0"


@get("/", operation_id="index", summary="What is here", opt=PUBLIC, security=[{}])
async def index(gateway: TheGateway, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return name, version and the addresses to go on from, with the prefix of a mount."""
    paths = {"health": "/health/ready", "schema": PATH, "openapi": f"{PATH}/openapi.json", "me": "/api/me"}
    prefix = request.scope.get("root_path", "").rstrip("/")
    links = {name: f"{prefix}{path}" for name, path in paths.items()}
    if gateway.settings.demo:  # the phone page of the simulated connection service
        links["phone"] = gateway.settings.connection_service_url
    return {"name": "fivapp_whatsapp", "version": package_version(), "links": links}


@get(LIVE, operation_id="live", summary="Is the process alive?", opt=PUBLIC, security=[{}])
async def live() -> Health:
    """Answer as long as the event loop turns."""
    return Health(status="ok")


def health_router(gateway: Gateway, *, demo: bool) -> Router:
    """Return the routes of operation; `/metrics` needs an admin's token except in the demo."""
    known: Remembered[bool] = Remembered(gateway.clock.monotonic, _REMEMBERED_SECONDS)

    async def check() -> bool:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await gateway.store.check()
        except (GatewayError, TimeoutError):
            return False
        return True

    @get(
        "/health/ready",
        operation_id="ready",
        summary="Can the server work?",
        opt=PUBLIC,
        security=[{}],
        responses={503: ResponseSpec(Health, description="Not now.", generate_examples=False)},
    )
    async def ready() -> Response[Health]:
        """Answer 200 when the gateway runs and its database answers, else 503; `doctor` says why.

        A plugin that could not be loaded is named and stops nothing: what it is to hear of waits for it.
        """
        # Remembered for a second: anybody may ask, and each question costs the database one.
        fine = gateway.running and bool(await known.get("store", check))
        health = Health(
            status="ready" if fine else "not_ready", broken_plugins=[plugin.name for plugin in gateway.plugins.broken]
        )
        return Response(health, status_code=200 if fine else 503)

    @get(
        "/metrics",
        operation_id="metrics",
        summary="Prometheus metrics",
        media_type="text/plain",
        opt=PUBLIC if demo else {},
        guards=[] if demo else [require_admin],
    )
    async def metrics() -> Response[bytes]:
        """Return counters, gauges and histograms."""
        render = getattr(gateway.metrics, "render", None)
        body, media_type = render() if render is not None else (b"", "text/plain")
        return Response(body, media_type=media_type)

    handlers: list[ControllerRouterHandler] = [index, live, ready, metrics]
    return Router("/", route_handlers=handlers, tags=["Operation"])
