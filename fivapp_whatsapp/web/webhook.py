"""Webhooks of connection services: the hot path, so a plain ASGI handler that reads, hands over and answers.

A body that proves its key is answered the same whether it was new, known or set aside: a sender has nothing to
learn from the difference. What is not proven is always the same 401.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from fivapp_whatsapp.errors import GatewayError
from fivapp_whatsapp.gateway import Gateway

from .auth import PUBLIC
from .errors import MethodNotAllowed, RouteNotFound
from .problems import send_problem
from .requests import read_body

_BODY = b'{"success":true,"message":"Message processed successfully"}'
_START: Any = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))],
}
_END: Any = {"type": "http.response.body", "body": _BODY, "more_body": False}
_DEFAULT = "connection_service"


class Headers(Mapping[str, str]):
    """A request's headers by their lower-case names, decoded only when a connector asks for one."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        wanted = name.lower().encode("latin-1")
        for key, value in self._raw:
            if key == wanted:
                return value.decode("latin-1")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key.decode("latin-1") for key, _ in self._raw))

    def __len__(self) -> int:
        return len({key for key, _ in self._raw})


def webhook_handlers(gateway: Gateway) -> list[ASGIRouteHandler]:
    """Return the handlers of `/api/webhooks/…`; each proves its sender itself, by the connector's rules."""
    limit = gateway.settings.webhook_body_limit

    async def answer(connector: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if cast("HTTPScope", scope)["method"] != "POST":
                raise MethodNotAllowed("POST")
            if connector not in gateway.connectors:
                raise RouteNotFound
            body = await read_body(scope, receive, limit)
            if body is None:
                return
            headers = Headers(scope["headers"])
            key = headers.get("x-api-key") or scope["path_params"].get("key")
            await gateway.receive(connector, key, headers, body)
        except GatewayError as exc:
            await send_problem(scope, send, exc)
            return
        # A new one each time, for those around us add headers to it.
        start: Any = {**_START, "headers": [*_START["headers"]]}
        await send(start)
        await send(_END)

    @asgi(["/api/webhooks/whatsapp", "/api/webhooks/whatsapp/{key:str}"], opt=PUBLIC, copy_scope=False)
    async def receive_webhook(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(_DEFAULT, scope, receive, send)

    @asgi("/api/webhooks/{connector:str}/{session_id:str}", opt=PUBLIC, copy_scope=False)
    async def receive_signed_webhook(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope["path_params"]["connector"], scope, receive, send)

    return [receive_webhook, receive_signed_webhook]
