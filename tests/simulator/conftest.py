"""A simulator that runs under uvicorn on a free port, and a receiver that keeps the webhooks it gets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal

import httpx
import msgspec
import pytest
import uvicorn
from litestar import Litestar, Request, Response, post
from litestar.params import FromPath
from litestar.types import ASGIApp, Receive, Scope, Send

from fivapp_whatsapp.simulator.app import create_simulator
from fivapp_whatsapp.simulator.options import SimulatorOptions
from fivapp_whatsapp.simulator.service import Simulator

KEY = "a-key-for-tests"
ANA = "5511988880001"


@asynccontextmanager
async def served(app: ASGIApp, lifespan: Literal["on", "off"] = "on") -> AsyncIterator[str]:
    """Serve an app on a free loopback port; yields its base URL."""
    # asyncio switches Nagle's algorithm off only where a socket names its protocol; else each answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, log_config=None, lifespan=lifespan, access_log=False, timeout_graceful_shutdown=2, ws="none"
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started or task.done())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


async def until(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait until something is so; fails after the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Receiver:
    """Keeps the webhooks that it gets; `answers` are the statuses of the next answers, then 200."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.hooks: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.refused: list[dict[str, Any]] = []
        self.answers: list[int] = []

    def take(self, body: bytes, key: str | None) -> int:
        status = self.answers.pop(0) if self.answers else 200
        (self.hooks if status < 300 else self.refused).append(msgspec.json.decode(body))
        self.keys.append(key)
        return status

    def of(self, event: str) -> list[dict[str, Any]]:
        return [hook for hook in self.hooks if hook.get("event") == event]

    @property
    def texts(self) -> list[str]:
        return [hook["message"] for hook in self.hooks if "message" in hook]


class Receivers:
    """One server for all tests; each test has a path of its own, so that late webhooks of others do not mix in."""

    def __init__(self) -> None:
        self.by_name: dict[str, Receiver] = {}
        self.url = ""

    def add(self) -> Receiver:
        name = str(len(self.by_name))
        self.by_name[name] = Receiver(f"{self.url}/hook/{name}")
        return self.by_name[name]

    def app(self) -> Litestar:
        @post("/hook/{name:str}", status_code=200)
        async def hook(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
            status = self.by_name[name].take(await request.body(), request.headers.get("x-api-key"))
            return Response({"success": status < 300}, status_code=status)

        return Litestar([hook], openapi_config=None, logging_config=None)


class Running:
    """A simulator over HTTP: `api` carries the key, `phone` does not."""

    def __init__(self, app: Litestar, url: str, api: httpx.AsyncClient, phone: httpx.AsyncClient) -> None:
        self.app = app
        self.url = url
        self.api = api
        self.phone = phone
        self.simulator: Simulator = app.state.simulator

    async def pair(self, session_id: str = "acme", name: str = "Acme") -> dict[str, Any]:
        """Start a session and scan its QR code; returns the answer to the scan."""
        await self.api.post("/sessions/start", json={"tenantId": session_id, "name": name})
        answer = await self.phone.post(f"/simulator/sessions/{session_id}/scan")
        assert answer.status_code == 200, answer.text
        reply: dict[str, Any] = answer.json()
        return reply

    async def send(self, session_id: str = "acme", **fields: Any) -> httpx.Response:
        return await self.api.post("/message/send", json={"tenantId": session_id, "to": ANA, "text": "oi", **fields})

    async def write(self, session_id: str = "acme", **fields: Any) -> httpx.Response:
        return await self.phone.post(
            f"/simulator/sessions/{session_id}/messages", json={"from": ANA, "name": "Ana", "text": "olá", **fields}
        )

    async def chaos(self, **shares: float) -> None:
        answer = await self.phone.put("/simulator/chaos", json=shares)
        assert answer.status_code == 200, answer.text

    async def ledger(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.phone.get("/simulator/ledger")).json()["items"]
        return items


class Stage:
    """A server that plays one simulator after the other: starting one for each test would take most of the time."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


class Stages:
    """Servers for as many simulators as one test runs at once."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._free: list[Stage] = []

    @asynccontextmanager
    async def play(self, app: Litestar) -> AsyncIterator[str]:
        stage = self._free.pop() if self._free else Stage()
        stage.app = app
        stage.url = stage.url or await self._stack.enter_async_context(served(stage, lifespan="off"))
        async with app.lifespan():
            yield stage.url
        stage.app = None
        self._free.append(stage)


Start = Callable[..., Awaitable[Running]]


@pytest.fixture(scope="session")
async def receivers() -> AsyncIterator[Receivers]:
    """The server that all receivers share."""
    receivers = Receivers()
    async with served(receivers.app()) as url:
        receivers.url = url
        yield receivers


@pytest.fixture(scope="session")
async def stages() -> AsyncIterator[Stages]:
    """The servers that tests' simulators run on."""
    async with AsyncExitStack() as stack:
        yield Stages(stack)


@pytest.fixture
async def receiver(receivers: Receivers) -> Receiver:
    """A webhook receiver."""
    return receivers.add()


@pytest.fixture
async def start(receiver: Receiver, stages: Stages) -> AsyncIterator[Start]:
    """Starts a simulator whose webhooks go to `receiver`; keywords are options, pauses are short."""
    async with AsyncExitStack() as stack:

        async def start_one(now: Callable[[], float] | None = None, **options: Any) -> Running:
            quick: dict[str, Any] = {"delivered_after": 0.01, "read_after": 0.02, "retry_scale": 0.01, "seed": 1}
            chosen = SimulatorOptions(api_key=KEY, **{"webhook_url": receiver.url, **quick, **options})
            app = create_simulator(chosen) if now is None else create_simulator(chosen, now)
            url = await stack.enter_async_context(stages.play(app))
            api = httpx.AsyncClient(base_url=url, headers={"X-API-KEY": KEY}, trust_env=False, verify=False)
            phone = httpx.AsyncClient(base_url=url, trust_env=False, verify=False)
            await stack.enter_async_context(api)
            await stack.enter_async_context(phone)
            return Running(app, url, api, phone)

        yield start_one


@pytest.fixture
async def running(start: Start) -> Running:
    """A simulator with everything by default, and short pauses."""
    return await start()
