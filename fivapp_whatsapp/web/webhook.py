"""Webhooks of connection services: the hot path, so a plain ASGI handler that reads, hands over and answers.

A body that proves its key is answered the same whether it was new, known or set aside: a sender has nothing to
learn from the difference. What is not proven is always the same 401.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import SESSION_ID
from fivapp_whatsapp.ports import Connector

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
WEBHOOK = "/api/webhooks/whatsapp"
_SESSION_ID = re.compile(SESSION_ID)


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
    """Return the handlers of `/api/webhooks/…`; each proves its sender itself, by the connector's rules.

    The first is that of WEBHOOK. It reads no state of Litestar's, and answers every error itself.
    """
    limit = gateway.settings.webhook_body_limit

    async def answer(
        connector: str,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        url_key: str | None = None,
        session_id: str | None = None,
    ) -> None:
        try:
            if session_id is not None and scope.get("method") == "GET":
                await _answer_challenge(gateway.connectors[connector], scope, send)
                return
            if scope.get("method") != "POST":
                raise MethodNotAllowed("POST")
            body = await read_body(scope, receive, limit)
            if body is None:
                return
            headers = Headers(scope["headers"])
            await gateway.receive(connector, headers.get("x-api-key") or url_key, headers, body, session_id)
        except Exception as exc:
            await send_problem(scope, send, exc)
            return
        # A new one each time, for those around us add headers to it.
        start: Any = {**_START, "headers": [*_START["headers"]]}
        await send(start)
        await send(_END)

    @asgi(WEBHOOK, opt=PUBLIC, copy_scope=False)
    async def receive_webhook(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(_DEFAULT, scope, receive, send)

    # A mount, for Litestar finds no ASGI handler by a path with parameters.
    @asgi("/api/webhooks", is_mount=True, opt=PUBLIC, copy_scope=False)
    async def receive_addressed_webhook(scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].removesuffix("/").split("/")
        name = parts[1] if len(parts) == 3 and not parts[0] else ""
        by_key = name == "whatsapp"
        connector = _DEFAULT if by_key else name
        if connector not in gateway.connectors or not (by_key or _SESSION_ID.fullmatch(parts[2])):
            await send_problem(scope, send, RouteNotFound())
            return
        # For the log and the metrics, which never see the key.
        scope["path_template"] = "/api/webhooks/whatsapp/{key}" if by_key else "/api/webhooks/{connector}/{session_id}"
        place: dict[str, str] = {"url_key" if by_key else "session_id": parts[2]}
        await answer(connector, scope, receive, send, **place)

    return [receive_webhook, receive_addressed_webhook]


async def _answer_challenge(connector: Connector, scope: Scope, send: Send) -> None:
    """Answer a service that asks whether this address is ours. Raises MethodNotAllowed for one that never asks."""
    try:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), max_num_fields=20))
    except ValueError:  # more than any service asks with
        query = {}
    challenge = connector.answer_challenge(query)
    if challenge is None:
        raise MethodNotAllowed("POST")
    body = challenge.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    start: Any = {"type": "http.response.start", "status": 200, "headers": headers}
    end: Any = {"type": "http.response.body", "body": body, "more_body": False}
    await send(start)
    await send(end)
