"""Idempotency-Key on every write: served once, answered alike, and one user's key is nobody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from litestar import Request, post

from fivapp_whatsapp import hookimpl, upload_route
from fivapp_whatsapp.errors import StoreUnavailable
from fivapp_whatsapp.plugins.registry import Plugins

from .conftest import serving
from .tools import TestServer, assert_problem, make_token

pytestmark = pytest.mark.anyio
KEY = {"idempotency-key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


async def note(server: TestServer, text: str = "a", **options: Any) -> httpx.Response:
    path = f"/api/conversations/{await server.conversation()}/notes"
    return await server.call("POST", path, {"text": text}, **{"headers": KEY, **options})


async def notes(server: TestServer) -> int:
    page = (await server.call("GET", f"/api/conversations/{await server.conversation()}/messages")).json()
    return sum(message["kind"] == "note" for message in page["items"])


@pytest.fixture
async def connected(server: TestServer) -> TestServer:
    await server.connect()
    return server


async def test_the_same_request_is_served_once_and_answered_alike(connected: TestServer) -> None:
    first, second = [await note(connected) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert second.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotency-replayed"), second.headers["idempotency-replayed"]) == (None, "true")
    assert await notes(connected) == 1


async def test_without_a_key_each_request_is_served(connected: TestServer) -> None:
    for _ in range(2):
        await note(connected, headers={})
    assert await notes(connected) == 2


async def test_another_request_with_the_key_is_refused(connected: TestServer) -> None:
    await note(connected)
    assert_problem(await note(connected, "b"), 422, "idempotency_key_reused")
    path = f"/api/conversations/{await connected.conversation()}"
    reply = await connected.call("PATCH", path, {"status": "closed"}, headers=KEY)
    assert_problem(reply, 422, "idempotency_key_reused")
    assert await notes(connected) == 1


async def test_a_key_is_one_users_of_one_tenant(connected: TestServer) -> None:
    await note(connected)
    other = {"authorization": f"Bearer {make_token(sub='bia')}"}
    assert "idempotency-replayed" not in (await note(connected, headers={**KEY, **other})).headers
    assert await notes(connected) == 2
    reply = await connected.call("PUT", "/api/quick-replies", {"items": []}, tenant="other", headers=KEY)
    assert reply.status_code == 200


async def test_while_the_first_runs_its_repetition_is_refused_and_then_gets_its_answer(
    connected: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping, stopped = asyncio.Event(), asyncio.Event()

    async def stop_session(session_id: str) -> None:
        stopping.set()
        await stopped.wait()

    monkeypatch.setattr(connected.connector, "stop_session", stop_session)
    path = "/api/whatsapp/disconnect/acme"
    first = asyncio.create_task(connected.call("DELETE", path, headers=KEY))
    await asyncio.wait_for(stopping.wait(), 5)
    assert_problem(await connected.call("DELETE", path, headers=KEY), 409, "request_in_progress")
    stopped.set()
    answer = await first
    assert (await connected.call("DELETE", path, headers=KEY)).json() == answer.json()


async def test_an_answer_that_says_come_again_frees_the_key(connected: TestServer) -> None:
    connected.store.faults["add_note"] = StoreUnavailable()
    assert_problem(await note(connected), 503, "store_unavailable")
    del connected.store.faults["add_note"]
    assert (await note(connected)).status_code == 201
    assert await notes(connected) == 1


async def test_a_refusal_is_an_answer_too(connected: TestServer) -> None:
    calls = [connected.call("PATCH", "/api/conversations/nobody", {"status": "closed"}, headers=KEY) for _ in range(2)]
    first, second = [await call for call in calls]
    problem = assert_problem(first, 404, "conversation_not_found")
    assert (second.status_code, second.json()) == (404, problem)  # `instance` too: it names the first request
    assert second.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("value", ["", "a b", "x" * 256, "caf\u00e9"])
async def test_a_key_that_is_none_is_refused(connected: TestServer, value: str) -> None:
    reply = await note(connected, headers={"idempotency-key": value.encode("latin-1")})
    assert_problem(reply, 400, "invalid_idempotency_key")
    assert await notes(connected) == 0


async def test_reading_needs_no_key_and_uses_none_up(connected: TestServer) -> None:
    for _ in range(2):
        assert "idempotency-replayed" not in (await connected.call("GET", "/api/sessions", headers=KEY)).headers
    assert (await note(connected)).status_code == 201


async def test_what_carries_a_secret_is_stored_nowhere(connected: TestServer) -> None:
    for _ in range(2):
        for path, body in (("/api/whatsapp/connect", {}), ("/api/ws-tickets", None)):
            reply = await connected.call("POST", path, body, headers=KEY)
            assert (reply.status_code, reply.headers.get("idempotency-replayed")) == (200, None)
    # No row was written: the key serves the first request that keeps one.
    assert (await note(connected)).status_code == 201


async def test_a_body_beyond_the_limit_is_not_read(connected: TestServer) -> None:
    reply = await note(connected, "x" * 300_000)
    assert_problem(reply, 413, "body_too_large")


async def test_a_file_is_streamed_and_its_answer_kept(tmp_path: Path) -> None:
    seen: list[int] = []

    @post("/", opt=upload_route, request_max_body_size=None)
    async def upload(request: Request[Any, Any, Any]) -> dict[str, int]:
        seen.append(sum([len(piece) async for piece in request.stream()]))
        return {"size": seen[-1]}

    @hookimpl
    def register_routes() -> list[Any]:
        return [upload]

    module = ModuleType("files")
    module.register_routes = register_routes  # type: ignore[attr-defined]
    plugins = Plugins.load(modules={"files": module}, installed=False)
    async with serving(tmp_path, plugins=plugins) as server:
        token = {"authorization": f"Bearer {make_token()}", "content-type": "application/octet-stream"}
        sizes = []
        for _ in range(2):
            reply = await server.client.post("/api/files", content=b"x" * 400_000, headers={**token, **KEY})
            sizes.append(reply.json()["size"])
    assert (sizes, seen) == ([400_000, 400_000], [400_000])
