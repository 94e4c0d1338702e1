"""Webhooks of connection services: the hot path, so a plain ASGI handler that reads, hands over and answers.

A body that proves its key is answered the same whether it was new, known or set aside: a sender has nothing to
learn from the difference. What is not proven is always the same 401.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

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

    async def answer(connector: str, url_key: str | None, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope.get("method") != "POST":
                raise MethodNotAllowed("POST")
            body = await read_body(scope, receive, limit)
            if body is None:
                return
            headers = Headers(scope["headers"])
            await gateway.receive(connector, headers.get("x-api-key") or url_key, headers, body)
        except GatewayError as exc:
            await send_problem(scope, send, exc)
            return
        # A new one each time, for those around us add headers to it.
        start: Any = {**_START, "headers": [*_START["headers"]]}
        await send(start)
        await send(_END)

    @asgi("/api/webhooks/whatsapp", opt=PUBLIC, copy_scope=False)
    async def receive_webhook(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(_DEFAULT, None, scope, receive, send)

    # A mount, for Litestar finds no ASGI handler by a path with parameters.
    @asgi("/api/webhooks", is_mount=True, opt=PUBLIC, copy_scope=False)
    async def receive_addressed_webhook(scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].removesuffix("/").split("/")
        name = parts[1] if len(parts) == 3 and not parts[0] else ""
        by_key = name == "whatsapp"
        connector = _DEFAULT if by_key else name
        if connector not in gateway.connectors:
            await send_problem(scope, send, RouteNotFound())
            return
        # For the log and the metrics, which never see the key.
        scope["path_template"] = "/api/webhooks/whatsapp/{key}" if by_key else "/api/webhooks/{connector}/{session_id}"
        await answer(connector, parts[2] if by_key else None, scope, receive, send)

    return [receive_webhook, receive_addressed_webhook]
