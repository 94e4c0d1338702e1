"""Live events: `/api/ws` (WebSocket), `/api/events` (SSE), and the tickets by which browsers open the former.

Ids of server-sent events are `<epoch>.<seq>`, so that `Last-Event-ID` also tells which log it belongs to.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from litestar import Request, WebSocket, get, post, websocket
from litestar.exceptions import WebSocketException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Scope, Send

from fivapp_whatsapp.errors import GatewayError, InvalidInput, NotAuthenticated
from fivapp_whatsapp.feed import Feed, Frame, Subscription
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Model, User
from fivapp_whatsapp.observe import operation
from fivapp_whatsapp.presence import Presence, Watcher
from fivapp_whatsapp.settings import Settings

from .auth import PUBLIC, Authenticator, Credential
from .errors import OriginNotAllowed
from .frame import SERVER_SEND
from .openapi import problems
from .origins import origin_allowed
from .problems import send_problem
from .requests import check_query
from .sockets import GONE, NOT_TEXT, POLICY, TOO_BIG, Connection, Limits, Sockets
from .tickets import TICKET_SECONDS, Tickets

STREAM = "/api/events"
_CURSOR = re.compile(r"[0-9]{1,18}")
_MAX_SEQ = 10**18 - 1
_MAX_EPOCH = 64
# What stands between us and the browser must neither keep events back nor change them.
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


_STREAM_SPEC = ResponseSpec(
    data_container=str,
    media_type="text/event-stream",
    generate_examples=False,
    description="Frames as those of the WebSocket: `id: <epoch>.<seq>`, `event: <type>`, `data: <the frame>`.",
)


class Visibility(msgspec.Struct, frozen=True, tag_field="type", tag="presence"):
    """What a page says over its socket: whether it is before somebody's eyes."""

    visible: bool


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    """A page asks whether anybody is there: it cannot see the pings of the protocol."""


_read_word = msgspec.json.Decoder(Visibility | Ping).decode
_PONG = '{"type":"pong"}'


class IssuedTicket(Model, frozen=True, kw_only=True):
    """A ticket for one WebSocket; `expires_in` is in seconds."""

    ticket: str
    expires_in: int


def live_handlers(
    gateway: Gateway, authenticator: Authenticator, *, limits: Limits | None = None
) -> list[BaseRouteHandler]:
    """Return the handlers of `/api/ws`, `/api/events` and `/api/ws-tickets`; AuthMiddleware guards the last two."""
    settings, feed = gateway.settings, gateway.feed
    limits = limits or Limits(per_user=settings.sockets_per_user, per_tenant=settings.sockets_per_tenant)
    sockets = Sockets(feed, limits, gateway.metrics)
    tickets = Tickets(settings.jwt_secret, clock=gateway.clock)

    # It recognizes its user itself: the ticket is known here only.
    @websocket("/api/ws", opt=PUBLIC)
    async def live_socket(socket: WebSocket[Any, Any, Any]) -> None:
        """Pass a tenant's events on over a WebSocket."""
        live = _Socket(socket, feed, sockets, limits, gateway.presence)
        await live.serve(authenticator, tickets, settings)

    @get(
        STREAM,
        operation_id="streamEvents",
        summary="Live events as a stream",
        responses={200: _STREAM_SPEC, **problems(400, 403, 503)},
    )
    async def live_events(
        request: Request[User, Credential, Any],
        after: Annotated[int | None, QueryParameter(ge=0, le=_MAX_SEQ, description="The last seq seen.")] = None,
        epoch: Annotated[str | None, QueryParameter(max_length=_MAX_EPOCH, description="The log of `after`.")] = None,
        last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=100)] = None,
    ) -> ASGIApp:
        """Stream the tenant's events: from now, or from behind `Last-Event-ID` (or `after` with `epoch`)."""
        user, credential = request.user, request.auth
        if "origin" in request.headers and not origin_allowed(request.scope, settings):
            raise OriginNotAllowed
        if last_event_id:
            after, epoch = _resume_from(last_event_id)
        connection = Connection(user, lambda: authenticator.confirm(user, credential))
        return _EventStream(connection, feed.subscribe(user.tenant_id, after, epoch), sockets, limits)

    @post("/api/ws-tickets", operation_id="issueTicket", status_code=200, summary="A ticket for one WebSocket")
    async def issue_ticket(request: Request[User, Credential, Any]) -> IssuedTicket:
        """Issue a ticket that opens one WebSocket within 30 seconds: `/api/ws?ticket=…`."""
        ticket = tickets.issue(request.user, request.auth, request.headers.get("origin"))
        return IssuedTicket(ticket=ticket, expires_in=TICKET_SECONDS)

    return [live_socket, live_events, issue_ticket]


def _resume_from(event_id: str) -> tuple[int, str]:
    """Read the id of a server-sent event; one that is not ours belongs to no log that we have."""
    epoch, _, seq = event_id.rpartition(".")
    return (int(seq), epoch) if _CURSOR.fullmatch(seq) else (0, "")


class _Socket:
    """One WebSocket, from its handshake to its close."""

    def __init__(
        self, socket: WebSocket[Any, Any, Any], feed: Feed, sockets: Sockets, limits: Limits, presence: Presence
    ) -> None:
        self._presence = presence
        self._socket = socket
        self._write: Send = socket.scope.get(SERVER_SEND, socket.send)  # type: ignore[assignment]
        self._feed = feed
        self._sockets = sockets
        self._limits = limits

    async def serve(self, auth: Authenticator, tickets: Tickets, settings: Settings) -> None:
        """Let it in or refuse it, and pass events on until it ends."""
        await self._socket.receive()
        try:
            user, credential = await self._enter(auth, tickets, settings)
            connection = Connection(user, lambda: auth.confirm(user, credential))
            after, epoch = self._cursor()
            with self._sockets.admit(connection), self._presence.watcher(user) as page:
                await self._run(connection, self._feed.subscribe(user.tenant_id, after, epoch), page)
        except GatewayError as exc:
            await send_problem(self._socket.scope, self._socket.send, exc)

    async def _enter(self, auth: Authenticator, tickets: Tickets, settings: Settings) -> tuple[User, Credential]:
        """Return who opens the socket: a program by its header, a page of ours by a ticket; a cookie opens nothing."""
        headers = self._socket.headers
        origin = headers.get("origin")
        # Only a program can leave the Origin out, or set the header.
        if origin is not None and not origin_allowed(self._socket.scope, settings):
            raise OriginNotAllowed("A page of this origin may not open a socket here.")
        if origin is None and "authorization" not in headers:
            raise NotAuthenticated("A program opens it with an Authorization header, a page with a ticket.")
        if "authorization" in headers:
            return await auth.authenticate(self._socket)
        ticket = tickets.redeem(self._socket.query_params.get("ticket", ""), origin)
        if not await auth.use_once("ticket", ticket.nonce, ticket.until):
            raise NotAuthenticated("The ticket is used up or too old.")
        return await auth.confirm(ticket.user, ticket.credential), ticket.credential

    def _cursor(self) -> tuple[int | None, str | None]:
        check_query(self._socket.scope["query_string"])
        query = self._socket.query_params
        after, epoch = query.get("after"), query.get("epoch")
        if after is not None and not _CURSOR.fullmatch(after):
            raise InvalidInput("after is not a seq.", errors=[{"parameter": "after", "code": "invalid"}])
        if epoch is not None and len(epoch) > _MAX_EPOCH:
            raise InvalidInput("epoch names no log.", errors=[{"parameter": "epoch", "code": "too_long"}])
        return (None if after is None else int(after)), epoch

    async def _run(self, connection: Connection, subscription: Subscription, page: Watcher) -> None:
        user = connection.user
        await self._socket.send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        with operation("socket", kind="websocket", tenant_id=user.tenant_id, user_id=user.id) as op:
            await connection.run(subscription, self._send, self._listen(connection, page))
            op.outcome = connection.outcome
            op.add(code=connection.code)
            if not connection.gone:
                await self._close(connection)

    async def _send(self, frame: Frame) -> None:
        await self._say(frame.payload.decode())

    async def _answer(self, connection: Connection) -> None:
        try:
            await self._say(_PONG)
        except OSError:
            connection.end(GONE, gone=True)

    async def _say(self, text: str) -> None:
        try:
            await self._write({"type": "websocket.send", "bytes": None, "text": text})
        except WebSocketException as exc:
            raise ConnectionResetError from exc

    async def _close(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(self._limits.close_seconds):
                await self._socket.close(connection.code, connection.outcome)
        except (OSError, WebSocketException):
            return  # it has gone, or reads nothing: the server drops it

    async def _listen(self, connection: Connection, page: Watcher) -> None:
        """Hear what the page says, answer its pings; other words are not listened to, but none may flood."""
        now = asyncio.get_running_loop().time
        rate = self._limits.messages_per_minute
        allowance, last = float(rate), now()
        while True:
            message: Any = await self._socket.receive()
            if message["type"] != "websocket.receive":
                return connection.end(message.get("code", GONE), gone=True)
            allowance = min(rate, allowance + (now() - last) * rate / 60) - 1
            last = now()
            text = message.get("text")
            if text is None:
                return connection.end(NOT_TEXT, "not_text")
            if len(text.encode()) > self._limits.message_bytes:
                return connection.end(TOO_BIG, "too_big")
            if allowance < 0:
                return connection.end(POLICY, "flood")
            with suppress(msgspec.MsgspecError):
                match _read_word(text):
                    case Visibility(visible):
                        page.show(visible)
                    case Ping():
                        await self._answer(connection)


class _EventStream:
    """One stream of server-sent events, from its first byte to its last."""

    def __init__(self, connection: Connection, subscription: Subscription, sockets: Sockets, limits: Limits) -> None:
        self._connection = connection
        self._subscription = subscription
        self._sockets = sockets
        self._limits = limits
        self._one_at_a_time = asyncio.Lock()
        self._pass: Callable[[Any], Awaitable[None]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, until something ends the stream; the browser then asks again by itself."""
        connection, user = self._connection, self._connection.user
        self._pass = send
        try:
            with (
                self._sockets.admit(connection),
                operation("socket", kind="events", tenant_id=user.tenant_id, user_id=user.id) as op,
            ):
                await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
                await connection.run(self._subscription, self._send, self._listen(receive), self._beat())
                op.outcome = connection.outcome
                op.add(code=connection.code)
                if not connection.gone:
                    await self._finish()
        except GatewayError as exc:
            await send_problem(scope, send, exc)

    async def _send(self, frame: Frame) -> None:
        """Send one frame; it has an id where a client that saw all before it may resume from."""
        seq = frame.seq if frame.type != "live" else self._subscription.seq
        head = b"" if seq is None else f"id: {self._subscription.epoch}.{seq}\n".encode()
        await self._write(b"%sevent: %s\ndata: %s\n\n" % (head, frame.type.encode(), frame.payload))

    async def _write(self, body: bytes) -> None:
        async with self._one_at_a_time:
            await self._pass({"type": "http.response.body", "body": body, "more_body": True})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._limits.heartbeat_seconds)
            await self._write(b":\n\n")

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._connection.end(GONE, gone=True)

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(self._limits.close_seconds):
                await self._pass({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            return
