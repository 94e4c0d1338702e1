"""What surrounds every request, also those that match no route: its id, its line in the log, safe headers, counts."""

from __future__ import annotations

import time
from typing import Any, cast

import structlog
from litestar.types import HTTPScope, Scope, Send

from fivapp_whatsapp.ports import Metrics

from .problems import SCOPE_CODE

_log = structlog.get_logger(__name__)
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_NO_ROUTE = "none"
# Asked all the time; a line for each success would bury the others.
_QUIET = ("/api/webhooks/", "/health/", "/metrics")


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
            headers = list(message.get("headers", ()))
            names = {name for name, _ in headers}
            for name, value in self._headers():
                if name not in names:
                    headers.append((name, value))
            message = {**message, "headers": headers}
        await self._send(message)

    def _headers(self) -> tuple[tuple[bytes, bytes], ...]:
        policy: str = self._scope.get("fivapp.policy", _POLICY)  # type: ignore[assignment]
        return (
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"content-security-policy", policy.encode()),
            (b"x-request-id", self._id.encode()),
        )

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
        if self.status >= 500:
            return "warning"
        return "debug" if self.status < 400 and route.startswith(_QUIET) else "info"
