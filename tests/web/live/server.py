"""A real server with live events on a free port, over a store in memory, and what its clients need."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, cast

import httpx
import jwt
import pytest
import uvicorn
from litestar import Litestar
from litestar.datastructures import State
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from fivapp_whatsapp.feed import Feed
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.models import Account, Tenant
from fivapp_whatsapp.ports import Store, SystemClock
from fivapp_whatsapp.settings import Secret, Settings
from fivapp_whatsapp.web.auth import Authenticator, AuthMiddleware
from fivapp_whatsapp.web.live import live_handlers
from fivapp_whatsapp.web.problems import answer
from fivapp_whatsapp.web.sockets import Limits
from tests.fake_log import AT, FakeLog

SECRET = "only-for-tests-" * 3
PAGE = "https://app.example.com"
DEADLINE = 8.0
QUICK = Limits(watch_seconds=0.02, heartbeat_seconds=0.05)


class FakeStore(FakeLog):
    """An event log with tenants and accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def reset(self) -> None:
        self.logs.clear()
        self.dropped = 0
        self.failing = False
        self.suspended: set[str] = set()
        self.spent: set[str] = set()
        self.account = Account(id="u9", tenant_id="acme", login="ana", name="Ana", role="agent")

    async def tenant(self, tenant_id: str) -> Tenant:
        return Tenant(id=tenant_id, name=tenant_id, suspended=tenant_id in self.suspended, created_at=AT)

    async def is_watching(self, tenant_id: str, user_id: str, now: datetime) -> bool:
        return False

    def hear(self, listener: Callable[[str, str], None]) -> None:
        """Nobody types here."""

    async def spend_token(self, mark: str, until: datetime) -> bool:
        fresh = mark not in self.spent
        self.spent.add(mark)
        return fresh

    async def is_spent(self, mark: str) -> bool:
        return mark in self.spent

    async def account_by_id(self, tenant_id: str, account_id: str) -> tuple[Account, str] | None:
        known = (tenant_id, account_id) == (self.account.tenant_id, self.account.id)
        return (self.account, "hash") if known else None


class SkippingClock(SystemClock):
    """The machine's clock, which a test can put forward."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped


class Gauges:
    """Keeps the last value of each gauge."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        pass

    def observe(self, name: str, value: float, **labels: str) -> None:
        pass

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.values[name] = value


class Live:
    """A server with live events, and what a client needs to speak to it."""

    def __init__(self, limits: Limits, **options: Any) -> None:
        self.settings = Settings(jwt_secret=Secret(SECRET), allowed_origins=[PAGE], **options)
        self.store = FakeStore()
        self.clock = SkippingClock()
        self.gauges = Gauges()
        store = cast(Store, self.store)
        self.gateway = Gateway(store, {}, self.settings, metrics=self.gauges)
        self.gateway.feed = Feed(store, metrics=self.gauges, retry_seconds=0.01)
        self.authenticator = Authenticator(store, self.settings, self.clock)
        self.app = Litestar(
            live_handlers(self.gateway, self.authenticator, limits=limits),
            middleware=[AuthMiddleware(self.authenticator, self.clock)],
            exception_handlers={Exception: answer},
            state=State({"authenticator": self.authenticator}),
        )
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        config = uvicorn.Config(
            self.app,
            lifespan="off",
            log_config=None,
            ws_max_size=65_536,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=3,
        )
        self.server = uvicorn.Server(config)

    def token(self, user: str = "u1", tenant: str = "acme", seconds: float = 60) -> str:
        claims = {"sub": user, "tenantId": tenant, "role": "agent", "exp": time.time() + seconds}
        return jwt.encode(claims, SECRET, algorithm="HS256")

    def bearer(self, user: str = "u1", tenant: str = "acme", seconds: float = 60) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(user, tenant, seconds)}"}

    def socket(
        self, query: str = "", headers: dict[str, str] | None = None, origin: str | None = None, **options: Any
    ) -> connect:
        """Open a socket: as a program with a token, unless the test says otherwise."""
        headers = self.bearer() if headers is None else headers
        return connect(
            f"ws://{self.host}/api/ws{query}",
            additional_headers=headers,
            origin=cast(Any, origin),
            proxy=None,
            compression=None,
            **options,
        )

    @asynccontextmanager
    async def stream(self, query: str = "", headers: dict[str, str] | None = None) -> AsyncIterator[Stream]:
        async with (
            httpx.AsyncClient(timeout=DEADLINE, trust_env=False) as client,
            client.stream(
                "GET", f"http://{self.host}/api/events{query}", headers=self.bearer() | (headers or {})
            ) as response,
        ):
            yield Stream(response)

    async def ticket(self, headers: dict[str, str] | None = None) -> str:
        async with httpx.AsyncClient(timeout=DEADLINE, trust_env=False) as client:
            url = f"http://{self.host}/api/ws-tickets"
            reply = await client.post(url, headers=self.bearer() if headers is None else headers)
        assert reply.status_code == 200
        assert reply.json()["expiresIn"] == 30
        return str(reply.json()["ticket"])


class Stream:
    """A stream of server-sent events as a browser reads it: blocks of fields, comments too."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(DEADLINE):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
        raise EOFError

    async def event(self) -> dict[str, str]:
        while True:
            if "event" in (block := await self.block()):
                return block

    async def ended(self) -> bool:
        try:
            while True:
                await self.block()
        except (EOFError, httpx.RemoteProtocolError):
            return True


@asynccontextmanager
async def serving(limits: Limits = QUICK, **options: Any) -> AsyncIterator[Live]:
    live = Live(limits, **options)
    feed = asyncio.create_task(live.gateway.feed.run())
    server = asyncio.create_task(live.server.serve(sockets=[live.listener]))
    try:
        await until(lambda: live.server.started)
        yield live
    finally:
        await live.gateway.feed.close()
        live.server.should_exit = True
        await server
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


async def read(client: ClientConnection, count: int) -> list[Any]:
    async with asyncio.timeout(DEADLINE):
        return [json.loads(await client.recv()) for _ in range(count)]


async def each(client: ClientConnection) -> AsyncIterator[str]:
    """Read frames to the end, whatever the end is."""
    with suppress(ConnectionClosed):
        while True:
            yield cast(str, await client.recv())


async def close_code(client: ClientConnection) -> int | None:
    """Read to the end, and return the code that the server closed with."""
    async with asyncio.timeout(DEADLINE):
        async for _ in each(client):
            pass
    return client.close_code


async def refusal(opening: connect) -> tuple[int, Any]:
    """Return the status and the problem of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with asyncio.timeout(DEADLINE), opening:
            pass
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"{}")
