"""Routes of plugins: under `/api/<plugin>`, for users of a tenant, with the plugin's own view of the gateway.

A handler asks for what it needs by name: `gateway` is the TenantGateway of the user's tenant, `user` is the user,
`config` the plugin's settings for the tenant, `host` the whole Gateway. A route that is open to anybody (a link
that carries its own signature) is marked `opt=public_route` and can only ask for `host`.
"""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Router
from litestar.di import Provide

# Litestar reads the annotations of what it provides.
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import User
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.plugins.registry import Hook, Plugin
from fivapp_whatsapp.tenant import TenantGateway

from .auth import PUBLIC, require_admin
from .requests import ANY_BODY, ApiRequest

__all__ = ["admin_only", "plugin_routers", "public_route", "upload_route"]
_log = get_logger(__name__)

# What plugins write on their handlers: `opt=public_route`, `opt=upload_route`, `guards=[admin_only]`.
public_route = PUBLIC
upload_route = {ANY_BODY: True}
admin_only = require_admin


def plugin_routers(gateway: Gateway) -> dict[str, Router]:
    """Return a router for each plugin that has routes, by its name; one whose routes cannot be used has none."""
    found: dict[str, Router] = {}
    for hook in gateway.plugins.hooks("register_routes"):
        plugin = gateway.plugins.get(hook.plugin)
        try:
            found[plugin.name] = _router(gateway, plugin, hook)
        except Exception as exc:
            # The intake and the other plugins go on without it; the page and doctor say so.
            _log.exception("plugin_routes_refused", plugin=plugin.name)
            gateway.plugins.complain(plugin.name, f"its routes cannot be used ({type(exc).__name__}): {hook.location}")
    return found


def _router(gateway: Gateway, plugin: Plugin, hook: Hook) -> Router:
    handlers = list(hook.function())

    def make() -> Router:
        return Router(
            f"/api/{plugin.name}",
            route_handlers=handlers,
            dependencies=_dependencies(gateway, plugin.name),
            tags=[plugin.title or plugin.name],
        )

    # Litestar looks at handlers when it is given them: a mistake shall show here, not end the server's start.
    Litestar([make()], openapi_config=None, logging_config=None, request_class=ApiRequest)
    return make()


def _dependencies(gateway: Gateway, plugin: str) -> dict[str, Provide]:
    def provide_host() -> Gateway:
        return gateway

    def provide_user(request: ApiRequest) -> User:
        return request.user

    def provide_view(request: ApiRequest) -> TenantGateway:
        return gateway.as_plugin(request.user.tenant_id, plugin)

    async def provide_config(request: ApiRequest) -> Any:
        return await gateway.as_plugin(request.user.tenant_id, plugin).config()

    return {
        "host": Provide(provide_host, sync_to_thread=False),
        "user": Provide(provide_user, sync_to_thread=False),
        "gateway": Provide(provide_view, sync_to_thread=False),
        "config": Provide(provide_config),
    }
