"""`simulate` and `serve` as separate processes on one database, so that the phone's ledger survives the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from fivapp_whatsapp.commands.token import issue_token
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.settings import Secret, Settings
from tests.processes import Running, running, wait_for

from .product import Product, Ready

TENANT = "acme"
# A lease is three times as long as a call may take: what a killed process had in flight is unknown after 3 s.
CALL_SECONDS = 1.0
QUICK = {
    "FIVAPP_CONNECTOR_TIMEOUT": str(CALL_SECONDS),
    "FIVAPP_SEND_WAIT": "2",
    "FIVAPP_RATE_USER": "100000",
    "FIVAPP_RATE_USER_BURST": "100000",
    "FIVAPP_RATE_TENANT": "100000",
}


class Cable:
    """The line between gateway and connection service: a test cuts it and mends it, and both ends go on living."""

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal
        self.target = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self.port = 0
        self.mend()

    def mend(self) -> None:
        """Carry connections, from now on."""
        self._portal.call(self._mend)

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        self._portal.call(self._cut)

    async def _mend(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            for end in ends:
                end.transport.abort()
            self._writers -= ends
            self._carrying.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Cluster:
    """One connection service, one database, and as many gateways as a test starts; `acme` is paired."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        stack: contextlib.ExitStack,
        *,
        count: int,
        plugins: Sequence[Path],
        service: Sequence[str],
        settings: Mapping[str, str],
    ) -> None:
        self.folder = folder
        self._plugins = [word for plugin in plugins for word in ("--plugin", str(plugin))]
        self._settings = settings
        self.database_url = database_url
        self.key = "k-" + secrets.token_hex(16)
        self.secret = "s-" + secrets.token_hex(32)
        self._stack = stack
        self._http = stack.enter_context(httpx.Client(timeout=20, trust_env=False, verify=False))
        self.cable = Cable(stack.enter_context(start_blocking_portal()))
        stack.callback(self.cable.cut)
        arguments = ("--port", "0", "--no-contacts", "--api-key", self.key, *service)
        simulator = stack.enter_context(running("simulate", *arguments, cwd=folder))
        # All at once: most of a start is Python's own.
        gateways = [self._start() for _ in range(count)]
        found = re.search(r"http://127\.0\.0\.1:(\d+)", simulator.line())
        assert found is not None
        self.simulator, self.cable.target = found[0], int(found[1])
        self.gateways = [self._product(process) for process in gateways]
        self.send_webhooks_to(self.gateways[0])
        self._pair()

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings of the gateways."""
        return QUICK | {
            "CONNECTION_SERVICE_URL": f"http://127.0.0.1:{self.cable.port}",
            "CONNECTION_SERVICE_API_KEY": self.key,
            "FIVAPP_JWT_SECRET": self.secret,
            "DATABASE_URL": self.database_url,
            **self._settings,
        }

    def serve(self) -> Product:
        """Start one more gateway; webhooks go to it from now on."""
        gateway = self._product(self._start())
        self.gateways.append(gateway)
        self.send_webhooks_to(gateway)
        return gateway

    def send_webhooks_to(self, gateway: Product) -> None:
        """Let the connection service post to this gateway; what it could not deliver it tries at once."""
        self.control("PUT", "webhook", url=f"{gateway.ready.gateway}/api/webhooks/whatsapp")

    def chaos(self, **shares: float) -> None:
        """Let things go wrong on purpose; what is not named goes right."""
        self.control("PUT", "chaos", **shares)

    def reached(self, beginning: str) -> list[str]:
        """Return the texts with this beginning that reached the phone, once for each time that they arrived."""
        texts = [item["text"] for item in self.control("GET", "ledger")["items"]]
        return [text for text in texts if text.startswith(beginning)]

    def control(self, method: str, path: str, **body: Any) -> Any:
        """Do something with the simulated phone; returns the answer."""
        answer = self._http.request(method, f"{self.simulator}/simulator/{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def _start(self) -> Running:
        return self._stack.enter_context(
            running("serve", "--port", "0", *self._plugins, cwd=self.folder, **self.environment)
        )

    def _product(self, process: Running) -> Product:
        line = wait_for(partial(_serving, process), 40)
        ready = Ready(
            gateway=f"http://127.0.0.1:{json.loads(line)['port']}",
            simulator=self.simulator,
            tenant_id=TENANT,
            token=issue_token(Settings(jwt_secret=Secret(self.secret)), TENANT, "admin"),
            api_key=self.key,
            pid=process.process.pid,
        )
        return Product(process.process, ready)

    def _pair(self) -> None:
        gateway, headers = self.gateways[0].ready.gateway, self.gateways[0].headers
        self._http.post(f"{gateway}/api/whatsapp/connect", json={}, headers=headers).raise_for_status()
        self.control("POST", f"sessions/{TENANT}/scan")
        url = f"{gateway}/api/whatsapp/status/{TENANT}"
        wait_for(lambda: self._http.get(url, headers=headers).json()["connected"])


def _serving(process: Running) -> str | None:
    assert process.process.poll() is None, f"the gateway ended:\n{process.stderr[-4000:]}"
    return next((line for line in process.stderr.splitlines() if '"serving"' in line), None)


@contextlib.contextmanager
def cluster(
    folder: Path,
    database_url: str,
    *,
    count: int = 1,
    plugins: Sequence[Path] = (),
    service: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """Run a connection service (with more arguments) and some gateways with these plugins on one database."""
    asyncio.run(_add_tenant(database_url))
    with contextlib.ExitStack() as stack:
        yield Cluster(
            folder, database_url, stack, count=count, plugins=plugins, service=service, settings=settings or {}
        )


async def _add_tenant(database_url: str) -> None:
    store = DatabaseStore(database_url, server=False)
    await store.start()
    try:
        await store.add_tenant(TENANT, "Acme")
    finally:
        await store.close()


# --- what tests do at a gateway -------------------------------------------------------------------


async def conversation(gateway: httpx.AsyncClient, number: int) -> str:
    """Open a conversation with a contact; returns its id."""
    reply = await gateway.post("/api/conversations", json={"to": f"55119{number:08d}"})
    assert reply.is_success, reply.text
    return str(reply.json()["id"])


async def send(gateway: httpx.AsyncClient, conversation_id: str, text: str) -> httpx.Response:
    """Send a text; returns the answer, whatever it is."""
    return await gateway.post(f"/api/conversations/{conversation_id}/send-message", json={"text": text})


async def messages(gateway: httpx.AsyncClient, conversation_id: str) -> list[dict[str, Any]]:
    """List a conversation's newest 200 messages, oldest first."""
    reply = await gateway.get(f"/api/conversations/{conversation_id}/messages", params={"limit": 200})
    assert reply.is_success, reply.text
    items: list[dict[str, Any]] = reply.json()["items"]
    return items[::-1]


def service_client(product: Product, **options: Any) -> httpx.AsyncClient:
    """Make a client that posts webhooks to a gateway as the connection service does."""
    key = {"X-API-KEY": product.ready.api_key}
    return httpx.AsyncClient(base_url=product.ready.gateway, headers=key, timeout=30, verify=False, **options)


async def post_webhook(service: httpx.AsyncClient, text: str, number: int) -> httpx.Response:
    """Tell a gateway that a contact wrote, as the connection service would; `text` names the message."""
    sender = f"55119{number:08d}@c.us"
    body = {"tenantId": TENANT, "from": sender, "message": text, "messageId": f"false_{sender}_{text}"}
    return await service.post("/api/webhooks/whatsapp", json=body)


async def settled(gateway: httpx.AsyncClient, conversation_id: str) -> list[dict[str, Any]]:
    """List a conversation's outgoing messages, oldest first, once none of them is pending any more."""

    async def look() -> list[dict[str, Any]]:
        sent = [message for message in await messages(gateway, conversation_id) if message["direction"] == "outgoing"]
        return [] if any(message["status"] == "pending" for message in sent) else sent

    return list(await until(look))


async def until(look: Callable[[], Awaitable[Any]], seconds: float = 60.0, *, every: float = 0.05) -> Any:
    """Look until there is something true to return."""
    async with asyncio.timeout(seconds):
        while not (found := await look()):
            await asyncio.sleep(every)
    return found
