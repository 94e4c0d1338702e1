"""Webhooks: what is proven is kept and answered alike; what is not is always the same refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from fivapp_whatsapp.connectors.cloud_api import CloudApiConnector
from fivapp_whatsapp.errors import Overloaded, StoreUnavailable, UnreadableWebhook
from fivapp_whatsapp.web.errors import BodyTooSlow
from fivapp_whatsapp.web.requests import read_body
from fivapp_whatsapp.web.webhook import Headers
from tests.connectors import cloud

from .conftest import serving
from .tools import KEY, TestServer, assert_problem, incoming, raw

pytestmark = pytest.mark.anyio

ANSWER = b'{"success":true,"message":"Message processed successfully"}'
PATH = "/api/webhooks/whatsapp"


async def stored(server: TestServer, tenant: str = "acme") -> int:
    reply = await server.call("GET", "/api/conversations", tenant=tenant)
    total = 0
    for conversation in reply.json()["items"]:
        page = await server.call("GET", f"/api/conversations/{conversation['id']}/messages?limit=200", tenant=tenant)
        total += len(page.json()["items"])
    return total


async def test_new_known_and_unreadable_bodies_are_answered_alike(server: TestServer) -> None:
    await server.connect()
    body = incoming()
    replies = [await server.webhook(one) for one in (body, body, b"garbage", b"", b"\xff\xfe", incoming("nobody"))]
    for reply in replies:
        assert reply.status_code == 200
        assert reply.content == ANSWER
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["content-length"] == str(len(ANSWER))
    assert len({tuple(sorted(k for k, _ in reply.headers.raw)) for reply in replies}) == 1
    assert await stored(server) == 1
    assert (await server.gateway.store.check()).quarantined == 4


async def test_the_same_message_at_once_is_stored_once(server: TestServer) -> None:
    await server.connect()
    body = incoming()
    replies = await asyncio.gather(*(server.webhook(body) for _ in range(20)))
    assert {reply.status_code for reply in replies} == {200}
    assert await stored(server) == 1


async def test_the_key_may_stand_in_the_url(server: TestServer) -> None:
    await server.connect()
    reply = await server.client.post(f"{PATH}/{KEY}", content=incoming())
    assert reply.content == ANSWER
    assert await stored(server) == 1


async def test_the_header_is_compared_when_both_are_there(server: TestServer) -> None:
    reply = await server.client.post(f"{PATH}/{KEY}", content=incoming(), headers={"x-api-key": "wrong"})
    assert_problem(reply, 401, "webhook_unauthorized")


async def test_a_wrong_key_is_always_the_same_refusal_and_stores_nothing(server: TestServer) -> None:
    await server.connect()
    bodies = set()
    calls: list[Awaitable[Any]] = [
        server.webhook(incoming(), key)
        for key in (None, "", " ", "wrong", KEY[:-1], KEY + "x", KEY.upper(), f"Bearer {KEY}", "\u00e9", "x" * 5000)
    ]
    calls += [server.webhook(b"garbage", "wrong"), server.webhook(incoming("nobody"), "wrong")]
    calls += [server.client.post(f"{PATH}/wrong", content=incoming())]
    calls += [server.client.post(PATH, content=incoming(), headers={"authorization": KEY})]
    calls += [server.client.post(f"{PATH}?key={KEY}", content=incoming())]
    for call in calls:
        problem = assert_problem(await call, 401, "webhook_unauthorized")
        bodies.add(tuple(sorted((name, str(value)) for name, value in problem.items() if name != "instance")))
    assert len(bodies) == 1
    assert await stored(server) == 0
    assert (await server.gateway.store.check()).quarantined == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "NONSENSE"])
@pytest.mark.parametrize("path", [PATH, f"{PATH}/{KEY}"])
async def test_any_other_method_is_a_405_that_names_post(shared: TestServer, method: str, path: str) -> None:
    reply = await raw(shared.app, method, path)
    assert_problem(reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "POST"


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with serving(tmp_path, webhook_body_limit=1000) as server:
        key = {"x-api-key": KEY}
        for length in ("1001", "99999999999999999999999", "+4", "-1", "1e3", "0x10", ""):
            reply = await raw(server.app, "POST", PATH, headers={**key, "content-length": length})
            assert_problem(reply, 413, "body_too_large")
        reply = await raw(server.app, "POST", PATH, *[b"x" * 300] * 4, headers=key)
        assert_problem(reply, 413, "body_too_large")
        reply = await raw(server.app, "POST", PATH, b"x" * 1001, headers={**key, "content-length": "5"})
        assert_problem(reply, 413, "body_too_large")
        reply = await raw(server.app, "POST", PATH, b"x" * 1000, headers=key)
        assert reply.content == ANSWER


async def test_a_body_in_pieces_is_whole(server: TestServer) -> None:
    await server.connect()
    body = incoming(text="in pieces")
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    assert (await raw(server.app, "POST", PATH, *pieces, headers={"x-api-key": KEY})).content == ANSWER
    assert await stored(server) == 1


async def test_a_body_that_drips_ends_at_its_deadline() -> None:
    async def drip() -> Any:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(BodyTooSlow):
        await read_body({"headers": []}, drip, 1_000_000, 0.1)  # type: ignore[arg-type]


async def test_a_sender_that_goes_away_is_not_answered() -> None:
    async def gone() -> Any:
        return {"type": "http.disconnect"}

    assert await read_body({"headers": []}, gone, 10, 1.0) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/x"])
async def test_no_content_type_loses_a_body(server: TestServer, content_type: str | None) -> None:
    await server.connect()
    headers = {"x-api-key": KEY, **({"content-type": content_type} if content_type else {})}
    assert (await raw(server.app, "POST", PATH, incoming(), headers=headers)).content == ANSWER
    assert await stored(server) == 1


async def _nothing(_: str) -> None:
    """Nobody waits for a connected session here."""


@pytest.mark.parametrize(("error", "code"), [(StoreUnavailable(), "store_unavailable"), (Overloaded(), "overloaded")])
async def test_what_cannot_be_stored_is_to_be_sent_again(server: TestServer, error: Exception, code: str) -> None:
    server.store.faults["receive"] = error
    reply = await server.webhook(incoming())
    assert_problem(reply, 503, code)
    assert int(reply.headers["retry-after"]) >= 1


async def test_the_tenant_comes_from_the_session_not_from_any_other_word(server: TestServer) -> None:
    await server.connect()
    await server.connect("other")
    headers = {"x-api-key": KEY, "x-tenant-id": "other", "x-http-method-override": "DELETE"}
    reply = await server.client.post(f"{PATH}?tenantId=other", content=incoming("acme"), headers=headers)
    assert reply.content == ANSWER
    assert (await stored(server), await stored(server, "other")) == (1, 0)


@pytest.mark.parametrize("path", ["", "x", "/", "//", "/nobody/acme", "/whatsapp/a/b", "/%2e%2e/me", "/nobody"])
async def test_other_addresses_below_are_nothing(shared: TestServer, path: str) -> None:
    assert_problem(await shared.client.post(f"/api/webhooks{path}", content=incoming()), 404, "route_not_found")


async def test_a_connectors_own_address_asks_for_its_proof(server: TestServer) -> None:
    await server.connect()
    path = "/api/webhooks/connection_service/acme"
    assert_problem(await server.client.post(path, content=incoming()), 401, "webhook_unauthorized")
    reply = await server.client.post(path, content=incoming(), headers={"x-api-key": KEY})
    assert reply.content == ANSWER


def test_headers_are_found_by_any_spelling_and_decoded_as_latin_1() -> None:
    headers = Headers([(b"x-api-key", b"k\xe9y"), (b"x-api-key", b"second"), (b"host", b"h")])
    assert headers["X-API-KEY"] == "k\u00e9y"
    assert headers.get("missing") is None
    assert list(headers) == ["x-api-key", "host"]
    assert len(headers) == 2


async def test_a_webhook_with_a_wrong_key_is_a_warning(server: TestServer) -> None:
    with capture_logs() as lines:
        assert (await server.client.post("/api/webhooks/whatsapp/wrong", content=b"{}")).status_code == 401
    [line] = [line for line in lines if line["event"] == "http.request"]
    assert (line["log_level"], line["outcome"]) == ("warning", "webhook_unauthorized")


# --- connectors that sign in their own way ---------------------------------------------------------

CLOUD = "/api/webhooks/cloud_api/acme"
TOKEN = "what-meta-is-told"


def with_cloud_api(server: TestServer) -> CloudApiConnector:
    made = CloudApiConnector(app_secret=cloud.SECRET, verify_token=TOKEN)
    server.gateway.connectors[made.name] = made
    return made


async def from_meta(server: TestServer, body: bytes, path: str = CLOUD) -> httpx.Response:
    return await server.client.post(path, content=body, headers={"x-hub-signature-256": cloud.signature(body)})


async def test_a_signed_body_belongs_to_the_session_that_its_address_names(server: TestServer) -> None:
    with_cloud_api(server)
    await server.connect()
    await server.connect("other")
    body = cloud.posted(cloud.TEXT)
    assert (await from_meta(server, body)).content == ANSWER
    assert (await from_meta(server, body)).content == ANSWER
    assert (await stored(server), await stored(server, "other")) == (1, 0)
    assert_problem(await server.client.post(CLOUD, content=body), 401, "webhook_unauthorized")
    assert_problem(
        await server.client.post(CLOUD, content=body, headers={"x-api-key": KEY}), 401, "webhook_unauthorized"
    )


class UnlearnedDecoder:
    """A decoder that has not learned to read yet."""

    def __call__(self, body: bytes, session_id: str | None = None) -> Any:
        raise UnreadableWebhook("a mistake of ours")


async def test_what_came_to_an_address_is_read_with_it_once_more(server: TestServer, monkeypatch: Any) -> None:
    made = with_cloud_api(server)
    await server.connect()
    with monkeypatch.context() as broken:
        broken.setattr(made, "decode_webhook", UnlearnedDecoder())
        assert (await from_meta(server, cloud.posted(cloud.TEXT))).content == ANSWER
    [waiting] = await server.gateway.store.quarantined()
    assert (waiting.connector, waiting.session_id) == ("cloud_api", "acme")
    assert (await server.gateway.intake.release()).stored == 1
    assert await stored(server) == 1


async def test_a_body_for_a_session_that_nobody_has_waits_for_it(server: TestServer) -> None:
    with_cloud_api(server)
    assert (await from_meta(server, cloud.posted(cloud.TEXT))).content == ANSWER
    assert [each.session_id for each in await server.gateway.store.quarantined()] == ["acme"]
    await server.connect()
    for _ in range(100):
        if await stored(server):
            break
        await asyncio.sleep(0.02)
    assert await stored(server) == 1
    assert await server.gateway.store.quarantined() == []


async def test_a_service_that_asks_whether_an_address_is_ours_gets_its_challenge_back(server: TestServer) -> None:
    with_cloud_api(server)
    asked = {"hub.mode": "subscribe", "hub.verify_token": TOKEN, "hub.challenge": "1158201444"}
    reply = await server.client.get(CLOUD, params=asked)
    assert (reply.status_code, reply.text) == (200, "1158201444")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    for wrong in ({}, {**asked, "hub.verify_token": "wrong"}, {**asked, "hub.challenge": "<b>"}):
        assert_problem(await server.client.get(CLOUD, params=wrong), 401, "webhook_unauthorized")
    many = "&".join(f"a{number}=1" for number in range(1000))
    for query in (many, "%ff=%00", "hub.verify_token=%FF"):
        assert_problem(await server.client.get(f"{CLOUD}?{query}"), 401, "webhook_unauthorized")


async def test_a_service_that_asks_no_such_question_takes_only_posts(shared: TestServer) -> None:
    reply = await shared.client.get("/api/webhooks/connection_service/acme?hub.challenge=1")
    assert_problem(reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "POST"


@pytest.mark.parametrize("session_id", ["a b", "x" * 98, "%00", "..", "a%2Fb", "é"])
async def test_an_address_with_what_can_be_no_session_is_nothing(shared: TestServer, session_id: str) -> None:
    path = f"/api/webhooks/connection_service/{session_id}"
    reply = await shared.client.post(path, content=incoming(), headers={"x-api-key": KEY})
    assert_problem(reply, 404, "route_not_found")
