"""The application under a prefix of FastAPI, Starlette and another Litestar, and before its lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import fastapi
import httpx
import pytest
from litestar import Litestar, asgi
from litestar.types import Receive, Scope, Send
from starlette.applications import Starlette
from starlette.routing import Mount

from fivapp_whatsapp.app import create_app, lifespan
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.settings import Secret, Settings

from .tools import SECRET, assert_problem, bearer, make_token

pytestmark = pytest.mark.anyio

KEY = "key-of-the-webhooks"


def make_app(folder: Path) -> Litestar:
    url = Secret(f"sqlite:///{folder}/mount.db")
    settings = Settings(database_url=url, jwt_secret=Secret(SECRET), connection_service_api_key=Secret(KEY))
    return create_app(gateway=build_gateway(settings, plugins=Plugins()))


def under_fastapi(app: Litestar) -> Any:
    @asynccontextmanager
    async def running(host: fastapi.FastAPI) -> AsyncIterator[None]:
        async with lifespan(app):
            yield

    host = fastapi.FastAPI(lifespan=running)
    host.mount("/wa", app)  # type: ignore[arg-type]
    return host


def under_starlette(app: Litestar) -> Any:
    @asynccontextmanager
    async def running(host: Starlette) -> AsyncIterator[None]:
        async with lifespan(app):
            yield

    return Starlette(routes=[Mount("/wa", app=app)], lifespan=running)  # type: ignore[arg-type]


def under_litestar(app: Litestar) -> Any:
    @asgi("/wa", is_mount=True, copy_scope=True)
    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    @asynccontextmanager
    async def running(host: Litestar) -> AsyncIterator[None]:
        async with lifespan(app):
            yield

    return Litestar([mounted], lifespan=[running], openapi_config=None)


def running(host: Any) -> AbstractAsyncContextManager[Any]:
    return host.lifespan() if isinstance(host, Litestar) else host.router.lifespan_context(host)


HOSTS: list[Callable[[Litestar], Any]] = [under_fastapi, under_starlette, under_litestar]


@pytest.mark.parametrize("make_host", HOSTS)
async def test_it_works_under_a_prefix_of_any_host(make_host: Callable[[Litestar], Any], tmp_path: Path) -> None:
    app = make_app(tmp_path)
    host = make_host(app)
    transport = httpx.ASGITransport(host)
    async with running(host), httpx.AsyncClient(transport=transport, base_url="http://host.test/wa") as client:
        await app.gateway.store.add_tenant("acme", "Acme")  # type: ignore[attr-defined]
        token = bearer(make_token())
        assert (await client.get("/health/ready")).json() == {"status": "ready"}
        assert (await client.get("/api/me", headers=token)).json()["id"] == "ana"
        assert_problem(await client.get("/api/me"), 401, "not_authenticated")
        assert_problem(await client.get("/api/nope", headers=token), 404, "route_not_found")
        assert_problem(await client.get("/api/media/1", headers=token), 404, "plugin_not_installed")
        made = await client.post("/api/sessions", json={"label": "sales"}, headers=token)
        assert made.json()["id"] == "acme.sales"
        assert (await client.get("/api/sessions/acme.sales", headers=token)).json()["status"] == "disconnected"
        body = {"tenantId": "acme.sales", "from": "5511988887777@c.us", "message": "Hi", "messageId": "m1"}
        for path in ("/api/webhooks/whatsapp", f"/api/webhooks/whatsapp/{KEY}"):
            reply = await client.post(path, json=body, headers={"x-api-key": KEY})
            assert reply.json() == {"success": True, "message": "Message processed successfully"}
        assert_problem(await client.post("/api/webhooks/whatsapp/x", json=body), 401, "webhook_unauthorized")
        items = (await client.get("/api/conversations", headers=token)).json()["items"]
        assert [item["lastMessage"]["text"] for item in items] == ["Hi"]
        assert (await client.get("/schema/openapi.json", headers=token)).status_code == 200
    assert not app.gateway.running  # type: ignore[attr-defined]


async def test_before_its_lifespan_it_says_so_and_only_lives(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway.test") as client:  # type: ignore[arg-type]
        assert (await client.get("/health/live")).json() == {"status": "ok"}
        for method, path in (
            ("GET", "/api/me"),
            ("GET", "/health/ready"),
            ("POST", "/api/webhooks/whatsapp"),
            ("GET", "/"),
            ("GET", "/nope"),
        ):
            reply = await client.request(method, path, headers=bearer(make_token()))
            assert_problem(reply, 503, "lifespan_not_started")
            assert reply.headers["retry-after"] == "5"


async def test_a_gateway_that_runs_already_is_neither_started_nor_stopped(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    gateway = app.gateway  # type: ignore[attr-defined]
    async with gateway:
        second = create_app(gateway=gateway)
        async with lifespan(second):
            assert gateway.running
        assert gateway.running
    assert not gateway.running
