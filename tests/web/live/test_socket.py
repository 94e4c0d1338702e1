"""The WebSocket: hello first, resume without gap or double, and who may open it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

import httpx
import pytest

from fivapp_whatsapp.web.tickets import Tickets
from tests.web.live.server import DEADLINE, PAGE, SECRET, Live, read, refusal

pytestmark = pytest.mark.anyio


# --- the protocol ----------------------------------------------------------------------------------


async def test_the_first_frame_is_hello_and_events_follow_live(live: Live) -> None:
    live.store.commit(count=3)
    async with live.socket() as client:
        assert await read(client, 2) == [
            {"type": "hello", "data": {"epoch": "e1", "seq": 3}},
            {"type": "live", "data": {"seq": 3}},
        ]
        live.store.commit(data={"id": "m1"})
        (event,) = await read(client, 1)
        assert event == {"seq": 4, "type": "message.created", "at": "2026-01-01T00:00:00Z", "data": {"id": "m1"}}


async def test_a_cursor_resumes_without_gap_or_double(live: Live) -> None:
    live.store.commit(count=450)
    async with live.socket("?after=10&epoch=e1") as client:
        frames = await read(client, 1 + 440 + 1)
        live.store.commit(count=2)
        frames += await read(client, 2)
    assert [frame["seq"] for frame in frames if "seq" in frame] == list(range(11, 453))


@pytest.mark.parametrize(
    ("query", "reason"),
    [("?after=9&epoch=old", "epoch"), ("?after=99&epoch=e1", "ahead"), ("?after=2&epoch=e1", "retention")],
)
async def test_a_cursor_that_cannot_be_used_is_answered_with_a_resync_and_live_goes_on(
    live: Live, query: str, reason: str
) -> None:
    live.store.commit(count=10)
    live.store.dropped = 5
    async with live.socket(query) as client:
        _, resync, _ = await read(client, 3)
        assert resync["type"] == "resync_required"
        assert resync["data"]["reason"] == reason
        assert "seq" not in resync
        live.store.commit()
        assert [frame["seq"] for frame in await read(client, 1)] == [11]


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "", "9" * 19, "9" * 5000, "%D9%A3"])
async def test_a_cursor_that_is_no_number_is_refused(live: Live, after: str) -> None:
    status, problem = await refusal(live.socket(f"?after={after}"))
    assert (status, problem["code"]) == (400, "invalid_input")


async def test_tenants_hear_only_their_own_events(live: Live) -> None:
    async with live.socket("?after=0", live.bearer(tenant="other")) as client:
        await read(client, 2)
        live.store.commit("acme", 3)
        live.store.commit("other", 1, {"mine": True})
        assert (await read(client, 1))[0]["data"] == {"mine": True}


async def test_a_ping_is_answered_at_once(live: Live) -> None:
    async with live.socket() as client:
        await read(client, 2)
        await client.send('{"type":"ping"}')
        assert await read(client, 1) == [{"type": "pong"}]


# --- who may ---------------------------------------------------------------------------------------


async def test_a_page_opens_a_socket_with_a_ticket_once(live: Live) -> None:
    ticket = await live.ticket(live.bearer() | {"origin": PAGE})
    async with live.socket(f"?ticket={ticket}", {}, PAGE) as client:
        assert (await read(client, 1))[0]["type"] == "hello"
    status, problem = await refusal(live.socket(f"?ticket={ticket}", {}, PAGE))
    assert (status, problem["code"]) == (401, "not_authenticated")


async def test_a_ticket_that_another_process_redeemed_opens_nothing(live: Live) -> None:
    ticket = await live.ticket(live.bearer() | {"origin": PAGE})
    nonce = Tickets(SECRET).redeem(ticket, PAGE).nonce  # elsewhere, with the same secret and the same database
    assert await live.authenticator.use_once("ticket", nonce, time.time() + 30)
    status, problem = await refusal(live.socket(f"?ticket={ticket}", {}, PAGE))
    assert (status, problem["code"]) == (401, "not_authenticated")


async def test_a_page_of_the_servers_own_host_may_open_a_socket(live: Live) -> None:
    ticket = await live.ticket()
    async with live.socket(f"?ticket={ticket}", {}, f"http://{live.host}") as client:
        assert (await read(client, 1))[0]["type"] == "hello"


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://appXexample.com",
    ],
)
async def test_a_foreign_origin_is_refused_before_the_socket_opens(live: Live, origin: str) -> None:
    ticket = await live.ticket()
    for headers in ({}, live.bearer()):
        status, problem = await refusal(live.socket(f"?ticket={ticket}", headers, origin))
        assert (status, problem["code"]) == (403, "origin_not_allowed")


async def test_without_an_origin_only_a_header_opens_a_socket(live: Live) -> None:
    ticket = await live.ticket()
    assert (await refusal(live.socket(f"?ticket={ticket}", {})))[0] == 401


async def test_a_ticket_of_another_origin_is_refused(live: Live) -> None:
    ticket = await live.ticket(live.bearer() | {"origin": PAGE})
    assert (await refusal(live.socket(f"?ticket={ticket}", {}, f"http://{live.host}")))[0] == 401


@pytest.mark.parametrize("headers", [{}, {"cookie": "fivapp=TOKEN"}, {"cookie": "token=TOKEN"}])
async def test_a_token_in_the_query_or_in_a_cookie_opens_nothing(live: Live, headers: dict[str, str]) -> None:
    token = live.token()
    headers = {name: value.replace("TOKEN", token) for name, value in headers.items()}
    for query in ("", f"?ticket={token}", f"?token={token}", f"?access_token={token}"):
        status, problem = await refusal(live.socket(query, headers, PAGE))
        assert (status, problem["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("header", ["Bearer x", "Basic x", "", "Bearer", "Bearer eyJhbGciOiJub25lIn0.e30."])
async def test_a_program_with_a_wrong_header_is_refused(live: Live, header: str) -> None:
    assert (await refusal(live.socket("", {"authorization": header})))[0] == 401


async def test_a_suspended_tenant_opens_nothing(live: Live) -> None:
    live.store.suspended.add("acme")
    status, problem = await refusal(live.socket())
    assert (status, problem["code"]) == (403, "tenant_suspended")


async def test_a_ticket_needs_a_login(live: Live) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(f"http://{live.host}/api/ws-tickets")).status_code == 401


async def test_a_plain_request_to_the_sockets_address_is_refused(live: Live) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.get(f"http://{live.host}/api/ws", headers=live.bearer())
    assert 400 <= reply.status_code < 500


# --- who watches -----------------------------------------------------------------------------------


async def test_a_socket_counts_as_watched_from_when_it_says_so_until_it_ends(live: Live) -> None:
    watched = partial(live.gateway.presence.is_watching, "acme", "u1")
    async with live.socket() as client:
        await read(client, 2)
        assert not await watched()
        await client.send('{"type":"presence","visible":true}')
        await _until_is(True, watched)
        async with live.socket() as other:
            await read(other, 2)
            await other.send('{"type":"presence","visible":true}')
            await client.send('{"type":"presence","visible":false}')
            await client.send('{"type":"presence","visible":false}')
            live.store.commit()
            await read(client, 1)
            assert await watched()
        await _until_is(False, watched)
        await client.send('{"type":"presence","visible":true}')
        await _until_is(True, watched)
        assert not await live.gateway.presence.is_watching("other", "u1")
    await _until_is(False, watched)


async def test_an_event_stream_is_no_page_that_is_watched(live: Live) -> None:
    async with live.stream() as stream:
        await stream.event()
        assert not await live.gateway.presence.is_watching("acme", "u1")


async def _until_is(expected: bool, ask: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE):
        while await ask() is not expected:
            await asyncio.sleep(0.005)
