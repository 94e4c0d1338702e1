"""The Litestar application around a gateway: routes, authentication, problems, and its lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from litestar import Litestar, Router, asgi
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler
from litestar.types import (
    ASGIApp,
    ControllerRouterHandler,
    LifeSpanReceive,
    LifeSpanScope,
    LifeSpanSend,
    Receive,
    Scope,
    Send,
)

from fivapp_whatsapp.errors import Overloaded
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import User
from fivapp_whatsapp.observe import new_correlation_id
from fivapp_whatsapp.settings import Settings

from .auth import PUBLIC, Authenticator, AuthMiddleware
from .errors import LifespanNotStarted, PluginNotInstalled, RouteNotFound
from .frame import Exchange, Handshake, keep_error
from .idempotency import IdempotencyMiddleware
from .live import STREAM, live_handlers
from .openapi import openapi_config
from .origins import exact_origins
from .pages import page_router
from .passwords import Passwords
from .plugin_routes import plugin_routers
from .problems import answer, send_problem
from .requests import ApiRequest, check_request
from .routes.accounts import account_router
from .routes.common import TheGateway
from .routes.conversations import conversation_router
from .routes.health import LIVE, health_router, package_version
from .routes.messages import message_router
from .routes.plugins import plugin_router
from .routes.quick_replies import quick_reply_router
from .routes.sessions import session_router
from .webhook import WEBHOOK, webhook_handlers

# Each belongs to a bundled plugin, which answers there when it is installed.
PLUGIN_PATHS = ("/api/media", "/api/groups", "/api/push")


class WebApp(Litestar):
    """A Litestar application that runs a gateway; usable alone or mounted under a prefix of another application."""

    gateway: Gateway
    _receive_webhook: ASGIApp
    _at_once = 0

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """Serve one connection; every HTTP request gets its id, its line in the log and its counts here."""
        if scope["type"] == ScopeType.HTTP:
            await self._exchange(scope, receive, send)  # type: ignore[arg-type]
            return
        if scope["type"] == ScopeType.WEBSOCKET:
            await self._shake_hands(scope, receive, send)  # type: ignore[arg-type]
            return
        await super().__call__(scope, receive, send)

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, send, new_correlation_id())
        # Event streams never end by themselves, and have a limit of their own.
        counts = not scope["path"].endswith(STREAM)
        self._at_once += counts
        try:
            if scope["path"].endswith(LIVE):
                await super().__call__(scope, receive, exchange.send)
            elif not self.gateway.running:
                await send_problem(scope, exchange.send, LifespanNotStarted())
            elif counts and self._at_once > self.gateway.settings.requests_at_once:
                # Refused before anything is read: what was accepted before is to be finished.
                await send_problem(scope, exchange.send, Overloaded())
            elif scope["path"] == WEBHOOK:
                # Routing, and layers that this route has no use for, would be a fifth of its cost.
                scope["path_template"] = WEBHOOK
                await self._receive_webhook(scope, receive, exchange.send)
            else:
                await super().__call__(scope, receive, exchange.send)
        finally:
            self._at_once -= counts
            exchange.finish(self.gateway.metrics)

    async def _shake_hands(self, scope: Scope, receive: Receive, send: Send) -> None:
        handshake = Handshake(scope, send, new_correlation_id())
        try:
            if not self.gateway.running:
                await receive()
                await send_problem(scope, handshake.send, LifespanNotStarted())
            else:
                await super().__call__(scope, receive, handshake.send)
        finally:
            handshake.finish()


def create_web(gateway: Gateway) -> WebApp:
    """Return the application around a gateway; its lifespan starts and stops the gateway unless it runs already.

    Raises SettingsError for origins, proxies or keys that cannot be used.
    """
    settings = gateway.settings
    authenticator = Authenticator(gateway.store, settings, gateway.clock)
    webhooks = webhook_handlers(gateway)
    app = WebApp(
        _handlers(gateway, authenticator, webhooks),
        dependencies=_dependencies(gateway),
        middleware=[
            AuthMiddleware(authenticator, gateway.clock),
            IdempotencyMiddleware(gateway.store, settings.body_limit),
        ],
        before_request=check_request,
        exception_handlers={Exception: answer},
        after_exception=[keep_error],
        request_class=ApiRequest,
        request_max_body_size=settings.body_limit,
        openapi_config=openapi_config(settings, package_version(), dict(PUBLIC) if settings.demo else {}),
        cors_config=_cors(settings),
        lifespan=[_running],
        state=State({"authenticator": authenticator}),
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )
    app.gateway = gateway
    app._receive_webhook = webhooks[0].fn
    return app


@asynccontextmanager
async def _running(app: Litestar) -> AsyncIterator[None]:
    assert isinstance(app, WebApp)  # noqa: S101  # create_web makes no other
    if app.gateway.running:  # its owner started it, and will stop it
        yield
        return
    async with app.gateway:
        yield


def _handlers(
    gateway: Gateway, authenticator: Authenticator, webhooks: Sequence[ASGIRouteHandler]
) -> list[ControllerRouterHandler]:
    routers = plugin_routers(gateway)
    return [
        session_router(),
        conversation_router(),
        message_router(),
        plugin_router(),
        account_router(),
        quick_reply_router(),
        health_router(gateway, demo=gateway.settings.demo),
        page_router(gateway.settings),
        Router("/", route_handlers=live_handlers(gateway, authenticator), tags=["Live"]),
        *webhooks,
        *routers.values(),
        *(_not_installed(path) for path in PLUGIN_PATHS if path.removeprefix("/api/") not in routers),
    ]


def _not_installed(path: str) -> ASGIRouteHandler:
    @asgi(path, is_mount=True, copy_scope=False)
    async def not_installed(scope: Scope, receive: Receive, send: Send) -> None:
        # A mount matches without a boundary: /api/mediation is nobody's.
        await send_problem(scope, send, PluginNotInstalled() if scope["path"].startswith("/") else RouteNotFound())

    return not_installed


def _dependencies(gateway: Gateway) -> dict[str, Provide]:
    passwords = Passwords()

    def provide_gateway() -> Gateway:
        return gateway

    def provide_passwords() -> Passwords:
        return passwords

    # It takes the gateway so that the two are provided one after the other: what can be provided at the same time
    # gets a task each, and the tasks took longer than all that is provided.
    def provide_user(request: ApiRequest, gateway: TheGateway) -> User:
        return request.user

    return {
        "gateway": Provide(provide_gateway, sync_to_thread=False),
        "passwords": Provide(provide_passwords, sync_to_thread=False),
        "user": Provide(provide_user, sync_to_thread=False),
    }


def _cors(settings: Settings) -> CORSConfig | None:
    """Return the rules for pages of other origins: none unless they are named, and then only those, exactly."""
    origins = exact_origins(settings)
    if not origins:
        return None
    return CORSConfig(
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
        allow_credentials=True,
        expose_headers=["Idempotency-Replayed", "Retry-After", "X-Request-Id"],
    )
