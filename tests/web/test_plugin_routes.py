"""Routes of plugins are served with what their handlers ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from litestar import Request, get, post
from litestar.di import NamedDependency

from fivapp_whatsapp import Gateway, TenantGateway, User, hookimpl, load_settings, upload_route
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.web import requests
from fivapp_whatsapp.web.plugin_routes import plugin_routers
from tests.plugins.test_docs import EXAMPLES

from .conftest import serving
from .tools import assert_problem, make_token


@get("/all")
async def everything(
    gateway: NamedDependency[TenantGateway],
    user: NamedDependency[User],
    config: NamedDependency[Any],
    host: NamedDependency[Gateway],
) -> None:
    """Ask for all that there is."""


@get("/nothing")
async def nobody_knows(stranger: NamedDependency[str]) -> None:
    """Ask for what there is not."""


def _plugin(*handlers: Any) -> ModuleType:
    @hookimpl
    def register_routes() -> list[Any]:
        return list(handlers)

    module = ModuleType("routed")
    module.register_routes = register_routes  # type: ignore[attr-defined]
    return module


def _gateway(**modules: ModuleType) -> Gateway:
    settings = load_settings({}, env_file=None, database_url="sqlite:///unused.db")
    return build_gateway(settings, plugins=Plugins.load(modules=modules, installed=False))


def test_a_handler_may_ask_for_its_view_the_user_its_settings_and_the_whole_gateway() -> None:
    gateway = _gateway(routed=_plugin(everything))
    routers = plugin_routers(gateway)
    assert list(routers) == ["routed"]
    assert gateway.plugins.broken == ()


def test_a_handler_that_cannot_be_served_breaks_its_own_plugin_alone() -> None:
    gateway = _gateway(good=_plugin(everything), bad=_plugin(nobody_knows))
    assert list(plugin_routers(gateway)) == ["good"]
    assert [broken.name for broken in gateway.plugins.broken] == ["bad"]


def test_the_routes_of_what_is_installed_are_served() -> None:
    gateway = build_gateway(load_settings({}, env_file=None, database_url="sqlite:///unused.db"))
    assert {"chatbot", "push"} <= plugin_routers(gateway).keys()


@post("/", opt=upload_route, request_max_body_size=None)
async def take(request: Request[Any, Any, Any]) -> int:
    """Count the bytes of a file."""
    return sum([len(piece) async for piece in request.stream()])


@pytest.mark.anyio
async def test_a_file_may_take_its_time_but_not_stand_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.5)

    async def body(*, stops: bool) -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"piece"
            await asyncio.sleep(0.1)
        if stops:
            await asyncio.Event().wait()

    login = {"Authorization": f"Bearer {make_token()}"}
    async with serving(tmp_path, plugins=Plugins.load(modules={"routed": _plugin(take)}, installed=False)) as server:
        whole = await server.client.post("/api/routed/", content=body(stops=False), headers=login)
        assert (whole.status_code, whole.json()) == (201, 40)
        broken = await server.client.post("/api/routed/", content=body(stops=True), headers=login)
        assert_problem(broken, 408, "request_timeout")


@pytest.mark.anyio
async def test_the_routes_of_the_docs_do_what_they_say(tmp_path: Path) -> None:
    (code,) = [block for block in EXAMPLES if "register_routes" in block]
    (tmp_path / "counter.py").write_text(code, encoding="utf-8")
    plugins = Plugins.load(files=[tmp_path / "counter.py"], installed=False)
    async with serving(tmp_path, plugins=plugins) as server:
        assert server.gateway.plugins.broken == ()
        login = {"Authorization": f"Bearer {make_token()}"}
        sent = await server.client.post("/api/counter/file", content=b"x" * 300_000, headers=login)
        assert (sent.status_code, sent.json()) == (200, {"count": 300_000}), sent.text
        shown = await server.call("GET", "/api/counter/count", role="agent")
        assert shown.json() == {"count": 300_000, "askedBy": "ana"}
        assert (await server.call("GET", "/api/counter/count", tenant="other")).json()["count"] == 0
        module = plugins.get("counter").module
        link = f"/api/counter/shared/acme/{module.signature(server.gateway, 'acme')}"
        assert (await server.client.get(link)).json() == 300_000
        assert_problem(await server.client.get(link.replace("acme", "other")), 404, "route_not_found")
        assert_problem(await server.client.get("/api/counter/count"), 401, "not_authenticated")
        assert_problem(await server.call("POST", "/api/counter/count", role="agent"), 403, "role_required")
        assert (await server.call("POST", "/api/counter/count")).status_code == 200
        assert (await server.client.get(link)).json() == 0
