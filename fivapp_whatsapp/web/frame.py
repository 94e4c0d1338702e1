"""What surrounds every request, also those that match no route: its id, its line in the log, safe headers, counts."""

from __future__ import annotations

import time
from typing import Any, cast

from litestar.enums import ScopeType
from litestar.exceptions import ClientException
from litestar.types import HTTPScope, Scope, Send

from fivapp_whatsapp.observe import get_logger
from fivapp_whatsapp.ports import Metrics

from .errors import RouteNotFound
from .problems import SCOPE_CODE, send_problem

_log = get_logger(__name__)
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_CSP = b"content-security-policy"
_REQUEST_ID = b"x-request-id"
_NO_ROUTE = "none"
# The server's own send of a WebSocket: what is open needs none of the layers that the handshake went through.
SERVER_SEND = "fivapp.send"
_ERROR = "fivapp.error"
# Asked all the time; a line for each success would bury the others.
_WEBHOOKS = "/api/webhooks/"
_QUIET = (_WEBHOOKS, "/health/", "/metrics", "/assets/")


class Exchange:
    """One request and its answer; `send` stands in for the server's."""

    __slots__ = ("_id", "_scope", "_send", "_started", "status")

    def __init__(self, scope: Scope, send: Send, correlation_id: str) -> None:
        self._scope = scope
        self._send = send
        self._id = correlation_id
        self._started = time.perf_counter()
        self.status = 0

    async def send(self, message: Any) -> None:
        """Pass a message on; the first gets the headers that all answers have."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = _with_headers(message, self._scope, self._id)
        await self._send(message)

    def finish(self, metrics: Metrics) -> None:
        """Count the request and write its line. The route is its template: paths hold ids and keys."""
        seconds = time.perf_counter() - self._started
        route: str = self._scope.get("path_template") or _NO_ROUTE
        metrics.count("http_requests_total", route=route, status=str(self.status))
        metrics.observe("http_request_seconds", seconds, route=route)
        outcome = self._scope.get(SCOPE_CODE, "ok" if self.status else "cancelled")
        user = self._scope.get("user")
        write = getattr(_log, self._level(route))
        write(
            "http.request",
            method=cast("HTTPScope", self._scope)["method"],
            route=route,
            http_status=self.status,
            outcome=outcome,
            duration_ms=round(seconds * 1000, 3),
            tenant_id=getattr(user, "tenant_id", None),
            user_id=getattr(user, "id", None),
        )

    def _level(self, route: str) -> str:
        # A webhook that we refuse is a message that does not come in: its key is wrong on one of both sides.
        if self.status >= 500 or (self.status == 401 and route.startswith(_WEBHOOKS)):
            return "warning"
        return "debug" if self.status < 400 and route.startswith(_QUIET) else "info"


class Handshake:
    """A WebSocket from its request to its end; `send` stands in for the server's."""

    __slots__ = ("_id", "_open", "_scope", "_send")

    def __init__(self, scope: Scope, send: Send, correlation_id: str) -> None:
        self._scope = scope
        self._send = send
        self._id = correlation_id
        self._open = False
        scope[SERVER_SEND] = send  # type: ignore[literal-required]

    async def send(self, message: Any) -> None:
        """Pass a message on; where Litestar would close for an exception before it is open, the answer is a problem."""
        error: Exception | None = self._scope.get(_ERROR)  # type: ignore[assignment]
        if message["type"] == "websocket.accept":
            self._open = True
        elif message["type"] == "websocket.http.response.start":
            message = _with_headers(message, self._scope, self._id)
        elif message["type"] == "websocket.close" and not self._open and error is not None:
            del self._scope[_ERROR]  # type: ignore[misc]  # the problem may be a close itself
            # Routes that take no socket are no routes to one who asks for a socket.
            await send_problem(self._scope, self.send, RouteNotFound() if isinstance(error, ClientException) else error)
            return
        await self._send(message)

    def finish(self) -> None:
        """Write the line of a WebSocket that was not let in; one that was has a line of its own."""
        if not self._open:
            _log.info("socket", kind="websocket", outcome=self._scope.get(SCOPE_CODE, "cancelled"))


async def keep_error(error: Exception, scope: Scope) -> None:
    """Keep what went wrong in a handshake for its answer: Litestar's `after_exception`."""
    if scope["type"] == ScopeType.WEBSOCKET:
        scope[_ERROR] = error  # type: ignore[literal-required]


def _with_headers(message: Any, scope: Scope, correlation_id: str) -> Any:
    """Add the headers that all answers have and this one does not have already."""
    headers = list(message.get("headers", ()))
    names = {name for name, _ in headers}
    policy: str = scope.get("fivapp.policy", _POLICY)  # type: ignore[assignment]
    headers += [header for header in _ALWAYS if header[0] not in names]
    if _CSP not in names:
        headers.append((_CSP, policy.encode()))
    if _REQUEST_ID not in names:
        headers.append((_REQUEST_ID, correlation_id.encode()))
    return {**message, "headers": headers}
