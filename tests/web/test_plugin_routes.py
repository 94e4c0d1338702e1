"""Routes of plugins are served with what their handlers ask for."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from litestar import get
from litestar.di import NamedDependency

from fivapp_whatsapp import Gateway, TenantGateway, User, hookimpl, load_settings
from fivapp_whatsapp.assemble import build_gateway
from fivapp_whatsapp.plugins import Plugins
from fivapp_whatsapp.web.plugin_routes import plugin_routers


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
