"""Two tenants of the same customers, side by side in one database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector
from fivapp_whatsapp.errors import ConnectorRejected, OutcomeUnknown
from fivapp_whatsapp.models import WebhookEvent, new_id
from fivapp_whatsapp.plugins.registry import Plugins
from fivapp_whatsapp.ports.plugins import PluginFailure
from fivapp_whatsapp.settings import Secret
from fivapp_whatsapp.testing.connector import FakeConnector

from . import echo
from .bad_input.rows import Rows, rows_of
from .bad_input.words import NOBODYS
from .conftest import serving
from .tools import KEY, TestServer

PHONE = "5511988887777"
PASSWORD = "a long password"
# What a request may say of a tenant beside its token.
HINTS = {
    "x-tenant-id": "other",
    "x-tenant": "other",
    "tenantid": "other",
    "x-forwarded-user": "other",
    "x-http-method-override": "DELETE",
    "x-original-url": "/api/sessions/other",
    "x-rewrite-url": "/api/sessions/other",
    "cookie": "tenantId=other",
}
_PATIENCE = 10.0


class RealWords(FakeConnector):
    """A connection service in memory that proves and reads webhooks as the real connector does."""

    def __init__(self) -> None:
        super().__init__(capabilities=frozenset({"media", "quote", "pairing_code"}), key=KEY)
        self._real = ConnectionServiceConnector(base_url="http://127.0.0.1:9", api_key="", webhook_keys=[self.key])

    def verify_webhook(self, key: str | None, headers: Any, body: bytes) -> bool:
        return self._real.verify_webhook(key, headers, body)

    def answer_challenge(self, query: Any) -> str | None:
        return self._real.answer_challenge(query)

    def decode_webhook(self, body: bytes, session_id: str | None = None) -> list[WebhookEvent]:
        return self._real.decode_webhook(body, session_id)

    async def close(self) -> None:
        await self._real.close()
        await super().close()


def seed_webhook(session_id: str, text: str, message_id: str, phone: str = PHONE) -> bytes:
    """Make a webhook's body as the seed's service sends it."""
    body = {"tenantId": session_id, "from": f"{phone}@c.us", "message": text, "messageId": message_id}
    return json.dumps(body).encode()


async def furnish(server: TestServer, tenant: str) -> dict[str, str]:
    """Give a tenant a session, an account and a conversation with messages of all fates; return their ids."""
    await server.account(tenant=tenant, password=PASSWORD if tenant == "acme" else f"{PASSWORD} of {tenant}")
    await server.connect(tenant)
    assert (await server.webhook(seed_webhook(tenant, f"a word to {tenant}", "id-of-both"))).status_code == 200
    conversation = (await server.call("GET", "/api/conversations", tenant=tenant)).json()["items"][0]
    path = f"/api/conversations/{conversation['id']}/send-message"
    server.connector.fail_sends.append(ConnectorRejected())
    failed = (await server.call("POST", path, {"text": f"{tenant} fails"}, tenant=tenant)).json()["messageObject"]
    server.connector.fail_sends.append(OutcomeUnknown())
    unknown = (await server.call("POST", path, {"text": f"{tenant} hangs"}, tenant=tenant)).json()["message"]
    assert (failed["status"], unknown["status"]) == ("failed", "unknown")
    failure = PluginFailure(
        id=new_id(),
        tenant_id=tenant,
        plugin="echo",
        hook="message_received",
        state="dead",
        attempts=8,
        error=f"LookupError of {tenant} at echo.py:1",
        at=datetime.now(UTC),
        conversation_id=conversation["id"],
    )
    await server.gateway.store.add_failure(failure)
    return {
        "failure": failure.id,
        "plugin": "echo",
        "session": tenant,
        "conversation": conversation["id"],
        "message": conversation["lastMessage"]["id"],
        "failed_message": failed["id"],
        "unknown_message": unknown["id"],
    }


async def furnish_all(server: TestServer) -> dict[str, str]:
    """Furnish the tenants `acme` and `other`, put `asleep` to sleep, and return the ids of all."""
    own, foreign = await furnish(server, "acme"), await furnish(server, "other")
    await server.account(tenant="asleep", password=PASSWORD)
    await server.gateway.store.suspend_tenant("asleep", True)
    await _first_look(server, "acme", "other")
    now = datetime.now(UTC)
    return {
        **own,
        **{f"foreign_{name}": value for name, value in foreign.items() if name not in NOBODYS},
        "phone": PHONE,
        "password": PASSWORD,
        "soon": (now + timedelta(hours=1)).isoformat(),
        "past": (now - timedelta(hours=1)).isoformat(),
    }


async def _first_look(server: TestServer, *tenants: str) -> None:
    """Wait until the monitor has asked for each session once, which moves its row's time."""
    async with asyncio.timeout(_PATIENCE):
        for tenant in tenants:
            while (session := await server.gateway.session(tenant, tenant)).last_seen_at <= session.status_at:
                await asyncio.sleep(0.02)


@dataclass
class Place:
    """A server with two tenants; `before` are its rows as they were when somebody last looked."""

    server: TestServer
    world: dict[str, str]
    rows: Rows
    before: dict[str, str]

    def foreign_words_in(self, text: str) -> list[str]:
        """Return what only the tenant `other` may read, where a text has it."""
        words = {value for name, value in self.world.items() if name.startswith("foreign_")} - {"other"}
        return [word for word in sorted(words | {"a word to other", "other fails", "other hangs"}) if word in text]

    async def about(self, tenant: str) -> list[str]:
        """Return every row that belongs to a tenant."""
        found: list[str] = []
        for table in self.before:
            rows = await self.rows.all(f'SELECT * FROM "{table}"')
            found += [f"{table} {row!r}" for row in rows if tenant in row]
        return sorted(found)


_LENIENT = dict.fromkeys(("rate_failed_logins", "rate_user", "rate_user_burst", "rate_tenant"), 1_000_000)
_QUIET = {"poll_pairing": 86_400.0, "poll_connected": 86_400.0}


@asynccontextmanager
async def furnished(url: str, folder: Path, **changes: Any) -> AsyncIterator[Place]:
    """Run a server with two tenants over a database; nothing limits rates, and nothing polls after the first time."""
    options: dict[str, Any] = {**_LENIENT, **_QUIET, "database_url": Secret(url), **changes}
    tenants = ("acme", "other", "asleep")
    plugins = Plugins.load(modules={"echo": echo}, installed=False)
    async with (
        serving(folder, tenants, connector=RealWords(), plugins=plugins, **options) as server,
        rows_of(url) as rows,
    ):
        world = await furnish_all(server)
        yield Place(server, world, rows, await rows.look())
