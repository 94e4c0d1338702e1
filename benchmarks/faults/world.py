"""One run's world: a database, a connection service with fake phones, gateways; each a process of this machine."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.databases import fetch
from benchmarks.processes import Secrets, environment, free_port
from fivapp_whatsapp.commands.token import issue_token
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.models import SessionStatus, SessionUpdate
from fivapp_whatsapp.settings import Secret, Settings
from fivapp_whatsapp.testing.postgres import PostgresServer

from .caller import Caller, NoAnswer
from .checker import Stored
from .child import Child
from .history import Place
from .line import Line
from .listeners import Listener

TENANTS = ("acme", "bravo")
SESSIONS_EACH = 4
# A lease is three times as long as a call may take: what a killed process had in flight is tried again after 3 s.
CALL_SECONDS = 1.0
_SETTINGS = {
    "FIVAPP_CONNECTOR_TIMEOUT": str(CALL_SECONDS),
    "FIVAPP_SEND_WAIT": "2",
    "FIVAPP_SEND_RATE": "0",
    "FIVAPP_SOCKETS_PER_USER": "10000",
    "FIVAPP_SOCKETS_PER_TENANT": "10000",
    "FIVAPP_LOG_LEVEL": "warning",
}
_MESSAGES = (
    "SELECT tenant_id, session_id, conversation_id, id, direction, seq, status, text FROM fivapp_message"
    " WHERE direction IN ('incoming', 'outgoing') AND kind = 'text'"
)


class World:
    """`async with World(…) as world`: the gateways answer, all sessions are paired, and each place is known."""

    def __init__(
        self,
        folder: Path,
        url: str,
        *,
        gateways: int = 1,
        writers: int = 24,
        senders: int = 16,
        listeners: int = 6,
        receive_buffer: int | None = None,
        service: Sequence[str] = (),
        mishaps: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        postgres: PostgresServer | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.url = url
        self.keys = Secrets.new()
        self.sessions = [
            (tenant, tenant if number == 0 else f"{tenant}.s{number}")
            for tenant in TENANTS
            for number in range(SESSIONS_EACH)
        ]
        self.places: list[Place] = []
        self.postgres = postgres
        self.line = Line(lambda: [self.service.port])
        self.webhooks = Line(self.ready_ports)
        self.gateways: list[Child] = []
        self._counts = gateways, writers, senders, listeners
        self._service_words = service
        self._mishaps = mishaps
        self._settings = settings or {}
        self._phone = Caller()
        self.tokens = {tenant: self._token(tenant) for tenant in TENANTS}
        self.listeners: list[Listener] = []
        self._receive_buffer = receive_buffer
        self._listening: list[asyncio.Task[None]] = []

    def ready_ports(self) -> list[int]:
        """Return the ports of the gateways that answer."""
        return [gateway.port for gateway in self.gateways if gateway.ready]

    def _child(self, name: str, *words: str) -> Child:
        port = free_port()
        settings = environment(self.keys, self.line.port, self.url) | _SETTINGS | dict(self._settings)
        return Child(name, [word.format(port=port) for word in words], port, self.folder, settings)

    def _token(self, tenant_id: str) -> str:
        settings = Settings(jwt_secret=Secret(self.keys.jwt_secret))
        return issue_token(settings, tenant_id, "agent", hours=12, user_id="faults", program=True)

    async def __aenter__(self) -> World:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _start(self) -> None:
        gateways, writers, senders, listeners = self._counts
        await self._prepare(writers, senders)
        await self.line.mend()
        await self.webhooks.mend()
        url = f"http://127.0.0.1:{self.webhooks.port}/api/webhooks/whatsapp"
        self.service = self._child(
            "service", "fivapp_whatsapp", "simulate", "--no-contacts", "--port", "{port}", "--webhook-url", url,
            *self._service_words,
        )  # fmt: skip
        await self.service.start()
        for _, session_id in self.sessions:
            await self.service_call("POST", "/sessions/start", tenantId=session_id, name=session_id)
            await self.service_call("POST", f"/simulator/sessions/{session_id}/scan")
        self.gateways = [
            self._child(f"gateway{number}", "benchmarks.faults.gateway", "{port}", *self._mishaps)
            for number in range(gateways)
        ]
        await asyncio.gather(*(gateway.start() for gateway in self.gateways))
        await self.listen(listeners)

    async def listen(self, count: int, *, seconds: float = 120.0) -> None:
        """Add listeners, spread over the tenants, and wait until they are live. Raises TimeoutError."""
        rng = random.Random(1)
        for number in range(count):
            tenant_id = TENANTS[number % len(TENANTS)]
            listener = Listener(tenant_id, self.tokens[tenant_id], self.ready_ports, rng)
            listener.receive_buffer = self._receive_buffer
            self.listeners.append(listener)
            self._listening.append(asyncio.create_task(listener.run()))
            if number % 50 == 49:
                await asyncio.sleep(0.02)
        async with asyncio.timeout(seconds):
            while not all(listener.live for listener in self.listeners):
                await asyncio.sleep(0.02)

    async def __aexit__(self, *_exc_info: object) -> None:
        self._phone.close()
        for listener in self.listeners:
            listener.end()
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        children = [*self.gateways, *([self.service] if hasattr(self, "service") else [])]
        await asyncio.gather(*(child.stop(10) for child in children))
        await self.line.cut()
        await self.webhooks.cut()

    async def _prepare(self, writers: int, senders: int) -> None:
        """Make tenants, sessions and the conversations that are sent to."""
        store = DatabaseStore(self.url, server=False)
        await store.start()
        try:
            for tenant_id in TENANTS:
                await store.add_tenant(tenant_id, tenant_id)
            for tenant_id, session_id in self.sessions:
                await store.add_session(tenant_id, session_id, session_id, "connection_service")
                update = SessionUpdate(session_id=session_id, status=SessionStatus.CONNECTED, phone="5511999990000")
                await store.change_session(tenant_id, session_id, desired="running", update=update)
            for number in range(writers):
                tenant_id, session_id = self.sessions[number % len(self.sessions)]
                self.places.append(Place("webhook", tenant_id, session_id, f"5511{910000000 + number}@c.us"))
            for number in range(senders):
                tenant_id, session_id = self.sessions[number % len(self.sessions)]
                chat_id = f"5511{920000000 + number}@c.us"
                opened = await store.open_conversation(tenant_id, session_id, chat_id)
                self.places.append(Place("send", tenant_id, session_id, chat_id, opened.id))
        finally:
            await store.close()

    # --- the connection service ---------------------------------------------------------------------

    async def service_call(self, method: str, path: str, **body: Any) -> Any:
        """Ask the connection service or its phones for something; returns the answer. Raises RuntimeError."""
        content = msgspec.json.encode(body)
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"x-api-key: {self.keys.api_key}\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        request = head.encode() + content
        try:
            status, answer = await self._phone.post(self.service.port, request, seconds=30)
        except NoAnswer:
            # A connection that was kept for too long; what is asked here may be asked twice.
            status, answer = await self._phone.post(self.service.port, request, seconds=30)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer[:200]!r}")
        return msgspec.json.decode(answer)

    async def bring_webhooks(self) -> None:
        """Let the service try at once what it could not deliver."""
        url = f"http://127.0.0.1:{self.webhooks.port}/api/webhooks/whatsapp"
        await self.service_call("PUT", "/simulator/webhook", url=url)

    async def chaos(self, **shares: float) -> None:
        """Let calls go wrong on purpose; what is not named goes right."""
        await self.service_call("PUT", "/simulator/chaos", **shares)

    async def arrived(self) -> list[str]:
        """Return the texts that reached a phone, in their order, once for each time that they arrived."""
        return [item["text"] for item in (await self.service_call("GET", "/simulator/ledger"))["items"]]

    async def webhooks_left(self) -> int:
        """Return how many webhooks the service still has to post."""
        return int((await self.service_call("GET", "/simulator/sessions"))["webhook"]["pending"])

    # --- the database --------------------------------------------------------------------------------

    async def stored(self) -> list[Stored]:
        """Return all messages."""
        return [Stored(*row) for row in await fetch(self.url, _MESSAGES)]

    async def sends_left(self) -> int:
        """Return how many messages are still to be sent or looked after."""
        [[count]] = await fetch(self.url, "SELECT count(*) FROM fivapp_outbox WHERE state IN ('queued', 'sending')")
        return int(count)

    async def heads(self) -> dict[str, int]:
        """Return the head of each tenant's log."""
        return {row[0]: row[1] for row in await fetch(self.url, "SELECT tenant_id, seq FROM fivapp_tenant_cursor")}

    async def events(self) -> dict[str, list[int]]:
        """Return the seqs of each tenant's log."""
        found: dict[str, list[int]] = {tenant: [] for tenant in TENANTS}
        for tenant_id, seq in await fetch(self.url, "SELECT tenant_id, seq FROM fivapp_event ORDER BY seq"):
            found[tenant_id].append(seq)
        return found

    def errors(self) -> list[str]:
        """Return lines of the gateways' logs that tell of a defect."""
        lines = (line for gateway in self.gateways for line in gateway.log.read_text(errors="replace").splitlines())
        return [line for line in lines if '"level":"error"' in line.replace(" ", "") or line.startswith("Traceback")]
