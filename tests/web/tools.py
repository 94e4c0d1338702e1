"""What the tests of the web need: tokens of all kinds, a server at hand, and what every problem must look like."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
from argon2 import PasswordHasher

from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Account, Role, SessionStatus
from fivapp_whatsapp.ports import SystemClock
from fivapp_whatsapp.testing.connector import FakeConnector
from fivapp_whatsapp.web.server import WebApp

SECRET = "only-for-tests-" * 3
KEY = "webhook-key-of-the-tests"
# Cheap on purpose: verifying takes the parameters from the hash.
HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_numbers = itertools.count(1)


class SkippingClock(SystemClock):
    """The machine's clock, which a test can put forward."""

    def __init__(self) -> None:
        self.skipped = 0.0
        self._stopped: float | None = None
        self._stopped_at = datetime.min.replace(tzinfo=UTC)

    def stop(self) -> None:
        """Stand still: only `skipped` moves it from now on."""
        self._stopped, self._stopped_at = time.monotonic(), super().now()

    def monotonic(self) -> float:
        return (time.monotonic() if self._stopped is None else self._stopped) + self.skipped

    def now(self) -> datetime:
        now = super().now() if self._stopped is None else self._stopped_at
        return now + timedelta(seconds=self.skipped)


def make_token(tenant: str = "acme", role: str | None = "admin", *, key: Any = SECRET, **claims: Any) -> str:
    """Make a token of the main application; a claim given as None is left out."""
    headers = claims.pop("headers", None)
    algorithm = claims.pop("algorithm", "HS256")
    content = {"sub": "ana", "tenantId": tenant, "role": role, "name": "Ana", "exp": int(time.time()) + 600, **claims}
    kept = {name: value for name, value in content.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers=headers)


def encode(part: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def unsigned(algorithm: str = "none") -> str:
    claims = {"sub": "ana", "tenantId": "acme", "role": "admin", "exp": int(time.time()) + 600}
    return f"{encode({'alg': algorithm, 'typ': 'JWT'})}.{encode(claims)}."


def forged(header: Any, key: bytes, claims: Any = None) -> str:
    """Sign by hand what a library would refuse to sign."""
    if claims is None:
        claims = {"sub": "ana", "tenantId": "acme", "role": "admin", "exp": int(time.time()) + 600}
    signed = f"{encode(header)}.{encode(claims)}"
    mac = hmac.digest(key, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def incoming(session_id: str = "acme", text: str = "Hi!", phone: str = "5511988887777", **changes: Any) -> bytes:
    """Make a webhook's body for the fake connector: a new message, unless `native_id` repeats one."""
    number = next(_numbers)
    body = {
        "type": "IncomingMessage",
        "sessionId": session_id,
        "nativeId": f"native-{number}",
        "chatId": f"{phone}@c.us",
        "sender": f"{phone}@c.us",
        "text": text,
    }
    return json.dumps({**body, **changes}).encode()


class FaultyStore:
    """Stands before a store; what `faults` names raises that error instead."""

    def __init__(self, store: Any) -> None:
        self.faults: dict[str, Exception] = {}
        self.refused = 0
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return self._fail(self.faults[name]) if name in self.faults else getattr(self._store, name)

    def _fail(self, error: Exception) -> Any:
        async def fail(*args: Any, **options: Any) -> Any:
            self.refused += 1
            raise error

        return fail


@dataclass
class TestServer:
    """A running application and what stands around it."""

    __test__ = False

    app: WebApp
    gateway: Gateway
    store: FaultyStore
    connector: FakeConnector
    client: httpx.AsyncClient
    clock: SkippingClock

    async def call(
        self, method: str, path: str, body: Any = None, *, tenant: str = "acme", role: Role = "admin", **options: Any
    ) -> httpx.Response:
        """Make a request as a user of a tenant."""
        headers = {**bearer(make_token(tenant, role)), **options.pop("headers", {})}
        return await self.client.request(method, path, json=body, headers=headers, **options)

    async def webhook(self, body: bytes, key: str | None = KEY) -> httpx.Response:
        """Post a webhook."""
        headers = [(b"content-type", b"application/json")]
        headers += [] if key is None else [(b"x-api-key", key.encode())]
        return await self.client.post("/api/webhooks/whatsapp", content=body, headers=headers)

    async def connect(self, tenant: str = "acme") -> None:
        """Connect a tenant's first session."""
        self.connector.report(tenant, SessionStatus.CONNECTED, phone="5511900000000", profile_name="Acme")
        reply = await self.call("POST", "/api/whatsapp/connect", {}, tenant=tenant)
        assert reply.status_code == 200, reply.text

    async def conversation(self, tenant: str = "acme", to: str = "5511988887777") -> str:
        """Open a conversation and return its id."""
        reply = await self.call("POST", "/api/conversations", {"to": to}, tenant=tenant)
        assert reply.status_code == 200, reply.text
        found: str = reply.json()["id"]
        return found

    async def account(self, login: str = "ana", password: str = "a long password", tenant: str = "acme") -> Account:
        """Add a local account."""
        return await self.gateway.store.add_account(tenant, login, login.title(), "admin", HASHER.hash(password))


async def raw(
    app: Any, method: str, path: str, *chunks: bytes, headers: dict[str, str] | None = None, query: bytes = b""
) -> httpx.Response:
    """Make a request as a server would hand it over: the body in these chunks, no header but those given."""
    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode()}
    scope |= {"query_string": query, "headers": pairs, "client": ("127.0.0.1", 5), "server": ("gateway.test", 80)}
    await app({**scope, "scheme": "http", "root_path": "", "extensions": {}}, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


def assert_problem(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that a reply is a whole problem, and return it."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    problem: dict[str, Any] = reply.json()
    always = {"type", "title", "status", "detail", "instance", "code", "message"}
    assert always <= problem.keys() <= always | {"errors", "reason", "messageObject"}
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert problem["message"] == problem["detail"]
    assert problem["instance"] == f"urn:request:{reply.headers['x-request-id']}"
    return problem
