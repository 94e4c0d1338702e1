"""Idempotency-Key for every write, in one place, after draft-ietf-httpapi-idempotency-key-header.

A user's key belongs to one request: the same request again gets the first answer, another one is refused, and while
the first is running its repetition is refused as well. An answer that says that nothing was done and that one is to
come again frees the key. Keys are kept for 24 hours, those of a tenant's user apart from all others.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Any

from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from fivapp_whatsapp.errors import GatewayError, InvalidInput
from fivapp_whatsapp.models import User
from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import KeptAnswer, Store

from .auth import EXCLUDE
from .requests import ANY_BODY, read_body

_log = get_logger(__name__)
REPLAYED = (b"idempotency-replayed", b"true")
# Which operations keep no answer here: a send keeps its key in the same commit as its message, and gives that as it
# is now; the others' answers carry what is to be stored nowhere (a QR code, a pairing code, a ticket, a cookie), and
# to make them twice does no harm.
UNKEYED = frozenset({"sendMessage", "connect", "requestPairingCode", "issueTicket", "logout"})
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
# Nothing was done: whoever comes again is to be served.
_AGAIN = frozenset({408, 425, 429, 502, 503})
_KEPT_HEADERS = frozenset({b"content-type", b"location"})
_LONGEST_ANSWER = 1_048_576


class IdempotencyMiddleware(ASGIMiddleware):
    """Serves each keyed write once; behind AuthMiddleware, for keys are a user's."""

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = EXCLUDE

    def __init__(self, store: Store, body_limit: int) -> None:
        self._store = store
        self._limit = body_limit

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer a repetition as the first. Raises InvalidInput, IdempotencyMismatch, RequestInProgress."""
        handler = scope["route_handler"]
        key = _key(scope) if scope.get("method") in WRITES else None
        if key is None or not isinstance(handler, HTTPRouteHandler) or handler.operation_id in UNKEYED:
            await next_app(scope, receive, send)
            return
        body = b""
        if not handler.opt.get(ANY_BODY):  # a file is told by its length alone, and streamed on
            whole = await read_body(scope, receive, handler.resolve_request_max_body_size() or self._limit)
            if whole is None:
                return
            body, receive = whole, _again(whole, receive)
        user: User = scope["user"]
        owner = (user.tenant_id, f"user:{user.id}", key)
        known = await self._store.begin_request(*owner, _fingerprint(scope, body))
        if known is not None:
            await _replay(known, send)
            return
        await self._serve(owner, scope, receive, send, next_app)

    async def _serve(
        self, owner: tuple[str, str, str], scope: Scope, receive: Receive, send: Send, next_app: ASGIApp
    ) -> None:
        recorder = _Recorder(send)
        try:
            await next_app(scope, receive, recorder.send)
        finally:
            # Also when the client has gone: the request was served, or it was not.
            await asyncio.shield(self._end(owner, recorder.answer()))

    async def _end(self, owner: tuple[str, str, str], answer: KeptAnswer | None) -> None:
        try:
            await self._store.end_request(*owner, answer)
        except GatewayError as exc:
            # Its repetition is refused until the key's time as running is over, and then served anew.
            _log.warning("answer_not_kept", error=exc.code)


class _Recorder:
    """Passes an answer on and remembers it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()
        self._whole = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            kept = ((name.lower(), value) for name, value in message["headers"])
            self._headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in kept if n in _KEPT_HEADERS]
        elif message["type"] == "http.response.body" and len(self._body) <= _LONGEST_ANSWER:
            self._body += message["body"]
            self._whole = not message["more_body"]
        await self._send(message)

    def answer(self) -> KeptAnswer | None:
        """Return what a repetition is to get; None where it is to be served itself."""
        if not self._whole or self._status in _AGAIN or len(self._body) > _LONGEST_ANSWER:
            return None
        return KeptAnswer(self._status, self._headers, bytes(self._body))


def _key(scope: Scope) -> str | None:
    values = [value for name, value in scope["headers"] if name == b"idempotency-key"]
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise InvalidInput("Idempotency-Key must be 1 to 255 visible ASCII characters.", code="invalid_idempotency_key")
    return values[0].decode("ascii")


def _fingerprint(scope: Scope, body: bytes) -> str:
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    parts = (str(scope.get("method")).encode(), scope["path"].encode(), scope["query_string"], length, body)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return digest.hexdigest()


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives a body that was read before, then what else comes."""
    waiting: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Any:
        return waiting.pop() if waiting else await receive()

    return receive_again


async def _replay(known: KeptAnswer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in known.headers]
    headers += [(b"content-length", b"%d" % len(known.body)), REPLAYED]
    start: Any = {"type": "http.response.start", "status": known.status, "headers": headers}
    end: Any = {"type": "http.response.body", "body": known.body, "more_body": False}
    await send(start)
    await send(end)
