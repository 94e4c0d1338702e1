"""Two tenants listen: each hears its own events and no word of the other's, whatever its request says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .tools import bearer, make_token
from .two_tenants import HINTS, Place, furnished, seed_webhook

pytestmark = pytest.mark.anyio

DEADLINE = 10.0
LAST = "the last word"


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with furnished(database_url, tmp_path) as place:
        yield place


class Listener:
    """A WebSocket or a stream of events, read inside the process."""

    def __init__(self, app: Any, kind: str, tenant: str, query: str, hints: dict[str, str]) -> None:
        self.heard = ""
        self._kind = kind
        self._entered = False
        self._left = asyncio.Event()
        path = "/api/ws" if kind == "websocket" else "/api/events"
        headers = {**bearer(make_token(tenant)), **hints}
        scope: dict[str, Any] = {"type": kind, "http_version": "1.1", "path": path, "raw_path": path.encode()}
        scope |= {"query_string": query.encode(), "client": ("127.0.0.1", 5), "server": ("gateway.test", 80)}
        scope |= {"headers": [(name.encode(), value.encode()) for name, value in headers.items()], "root_path": ""}
        scope |= {"scheme": "ws", "subprotocols": []} if kind == "websocket" else {"scheme": "http", "method": "GET"}
        self._task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        if not self._entered:
            self._entered = True
            return {"type": "websocket.connect"} if self._kind == "websocket" else {"type": "http.request"}
        await self._left.wait()
        return {"type": f"{self._kind}.disconnect", "code": 1000}

    async def _send(self, message: Any) -> None:
        self.heard += message.get("text") or message.get("body", b"").decode()

    async def until(self, *words: str) -> None:
        """Wait until one of the words was heard."""
        async with asyncio.timeout(DEADLINE):
            while not any(word in self.heard for word in words):
                assert not self._task.done(), self.heard
                await asyncio.sleep(0.005)

    async def leave(self) -> None:
        """Go away."""
        self._left.set()
        await self._task


@pytest.mark.parametrize("kind", ["websocket", "http"])
async def test_a_listener_hears_its_own_tenant_only(place: Place, kind: str) -> None:
    app, store = place.server.app, place.server.gateway.store
    own, foreign = [(await store.log_state(tenant)).epoch for tenant in ("acme", "other")]
    queries = ("", "tenantId=other&tenant=other", f"after=0&epoch={own}", f"after=0&epoch={foreign}")
    ours = [Listener(app, kind, "acme", query, HINTS) for query in queries]
    theirs = Listener(app, kind, "other", f"after=0&epoch={foreign}", {})
    for one in (*ours, theirs):
        await one.until('"hello"')
    await both_live(place)
    await theirs.until(LAST)
    for one in ours:
        # The log of the other is none that acme could go on in.
        await one.until(LAST, "resync_required")
    for one in (*ours, theirs):
        await one.leave()
        assert "a word from" in one.heard or "resync_required" in one.heard
    assert [("resync_required" in one.heard) for one in ours] == [False, False, False, True]
    for one in ours:
        heard = re.sub(r'"epoch":"[^"]*"', "", one.heard)
        assert not [word for word in ("other", place.world["foreign_conversation"]) if word in heard]
        assert not place.foreign_words_in(heard)
    assert "acme" not in theirs.heard
    assert place.world["conversation"] not in theirs.heard


async def both_live(place: Place) -> None:
    """Let things of every kind happen to both tenants, in turn."""
    for number in range(3):
        for tenant in ("other", "acme"):
            body = seed_webhook(tenant, f"a word from a customer of {tenant}", f"native-{number}")
            assert (await place.server.webhook(body)).status_code == 200
    for tenant, prefix in (("other", "foreign_"), ("acme", "")):
        path = f"/api/conversations/{place.world[f'{prefix}conversation']}"
        await place.server.call("POST", f"{path}/notes", {"text": f"a note of {tenant}"}, tenant=tenant)
        await place.server.call("PATCH", path, {"labels": [tenant]}, tenant=tenant)
        await place.server.call("DELETE", f"/api/whatsapp/disconnect/{tenant}", tenant=tenant)
    for tenant, prefix in (("other", "foreign_"), ("acme", "")):
        path = f"/api/conversations/{place.world[f'{prefix}conversation']}/notes"
        await place.server.call("POST", path, {"text": LAST}, tenant=tenant)
