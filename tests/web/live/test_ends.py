"""How a live connection ends, how many there may be, and what is told of them."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import msgspec
import pytest
import structlog

from fivapp_whatsapp.web.sockets import Limits
from tests.web.live.server import DEADLINE, PAGE, Live, close_code, each, read, refusal, serving, until

pytestmark = pytest.mark.anyio


# --- how it ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("by_ticket", [True, False])
async def test_a_tenant_that_is_suspended_loses_its_sockets(live: Live, by_ticket: bool) -> None:
    query, headers, origin = (f"?ticket={await live.ticket()}", {}, PAGE) if by_ticket else ("", None, None)
    async with live.socket(query, headers, origin) as client, live.socket("", live.bearer(tenant="other")) as other:
        await read(client, 2)
        await read(other, 2)
        live.store.suspended.add("acme")
        live.clock.skipped += 6
        assert await close_code(client) == 4401
        live.store.commit("other")
        assert [frame["seq"] for frame in await read(other, 1)] == [1]


async def test_an_account_that_is_disabled_loses_its_sockets(live: Live) -> None:
    token, _ = live.authenticator.account_tokens.make(live.store.account, "hash")
    own = f"http://{live.host}"
    ticket = await live.ticket({"cookie": f"{live.authenticator.cookie_name}={token}", "origin": own})
    async with live.socket(f"?ticket={ticket}", {}, own) as client:
        await read(client, 2)
        live.store.account = msgspec.structs.replace(live.store.account, disabled=True)
        live.clock.skipped += 6
        assert await close_code(client) == 4401


@pytest.mark.parametrize("by_ticket", [True, False])
async def test_a_socket_ends_with_its_token(live: Live, by_ticket: bool) -> None:
    header = live.bearer(seconds=1.0)
    query, headers, origin = (f"?ticket={await live.ticket(header)}", {}, PAGE) if by_ticket else ("", header, None)
    async with live.socket(query, headers, origin) as client:
        await read(client, 2)
        assert await close_code(client) == 4401


async def test_a_database_that_is_away_ends_no_live_socket(live: Live) -> None:
    async with live.socket() as client:
        await read(client, 2)
        live.store.failing = True
        live.store.commit()
        reads = live.store.reads
        await until(lambda: live.store.reads > reads)
        live.store.failing = False
        assert [frame["seq"] for frame in await read(client, 1)] == [1]


async def test_a_database_that_is_away_at_the_beginning_asks_to_come_again(live: Live) -> None:
    live.store.failing = True
    async with live.socket() as client:
        assert await close_code(client) == 1013


async def test_a_server_that_stops_closes_with_restart() -> None:
    async with serving() as live, live.socket() as client:
        await read(client, 2)
        live.server.should_exit = True
        assert await close_code(client) == 1012


async def test_a_gateway_that_stops_closes_with_restart_and_ends_the_streams() -> None:
    async with serving() as live, live.socket() as client, live.stream() as stream:
        await read(client, 2)
        await stream.event()
        await live.gateway.feed.close()
        assert await close_code(client) == 1012
        assert await stream.ended()


@pytest.mark.parametrize(("send_seconds", "name"), [(0.2, "hangs"), (60.0, "lags")])
async def test_a_slow_reader_is_told_to_come_again_and_misses_nothing(send_seconds: float, name: str) -> None:
    limits = Limits(send_seconds=send_seconds, close_seconds=DEADLINE, watch_seconds=0.02)
    async with serving(limits) as live, live.socket(max_queue=1, ping_interval=None) as client:
        await read(client, 2)
        # More than the kernel's buffers hold, in steps, as a quick reader would take them.
        for _ in range(40):
            live.store.commit(count=20, data={"text": "x" * 20_000})
            await until(lambda: live.store.reads and not live.store.changed.is_set())
        if name == "hangs":
            await until(lambda: live.gateway.feed.listeners == 0)
        else:
            await until(lambda: live.gateway.feed.waiting > 100 or live.gateway.feed.listeners == 0)
        async with asyncio.timeout(DEADLINE):
            seen = [0] + [json.loads(text)["seq"] async for text in each(client)]
        assert (client.close_code, client.close_reason) == (1013, "slow_reader")
        assert seen == list(range(seen[-1] + 1))
        assert seen[-1] < 800
        async with live.socket(f"?after={seen[-1]}&epoch=e1") as again:
            frames = await read(again, 800 - seen[-1] + 1)
            assert [frame["seq"] for frame in frames if "seq" in frame] == list(range(seen[-1] + 1, 801))


async def test_a_reader_that_never_comes_back_is_let_go() -> None:
    limits = Limits(send_seconds=0.1, close_seconds=0.1, watch_seconds=0.02)
    async with serving(limits) as live, live.socket(max_queue=1, ping_interval=None) as client:
        await read(client, 2)
        live.store.commit(count=800, data={"text": "x" * 20_000})
        await until(lambda: live.gauges.values.get("sockets") == 0)
        client.transport.abort()


async def test_what_a_client_says_is_ignored(live: Live) -> None:
    async with live.socket() as client:
        await read(client, 2)
        for text in ("", "x", '{"t":"ack","seq":1}', "x" * 4_096, '{"type":"presence","visible":1}'):
            await client.send(text)
        live.store.commit()
        assert [frame["seq"] for frame in await read(client, 1)] == [1]


async def test_text_that_is_not_utf_8_ends_the_socket(live: Live) -> None:
    async with live.socket() as client:
        await read(client, 2)
        await client.send(b"\xff", text=True)
        assert await close_code(client) == 1007


@pytest.mark.parametrize(
    ("messages", "code"),
    [([b"x"], 1003), (["x"] * 61, 1008), (["é" * 2_049], 1009), (["x" * 70_000], 1009)],
    ids=["binary", "flood", "too big", "far too big"],
)
async def test_a_client_that_misbehaves_is_shown_out(live: Live, messages: list[str | bytes], code: int) -> None:
    async with live.socket() as client:
        await read(client, 2)
        for message in messages:
            await client.send(message)
        assert await close_code(client) == code


# --- how many --------------------------------------------------------------------------------------


async def test_a_user_has_a_limited_number_of_sockets() -> None:
    async with serving(Limits(per_user=2)) as live, live.socket() as one, live.stream() as stream:
        await read(one, 2)
        await stream.event()
        status, problem = await refusal(live.socket())
        assert (status, problem["code"]) == (503, "overloaded")
        async with live.stream() as refused:
            assert refused.response.status_code == 503
        async with live.socket("", live.bearer("u2")) as other:
            await read(other, 2)
        await one.close()
        await until(lambda: live.gauges.values["sockets"] == 1)
        async with live.socket() as again:
            await read(again, 2)


async def test_a_tenant_has_a_limited_number_of_sockets() -> None:
    async with serving(Limits(per_tenant=2)) as live, live.socket() as one, live.socket("", live.bearer("u2")) as two:
        await read(one, 2)
        await read(two, 2)
        assert (await refusal(live.socket("", live.bearer("u3"))))[0] == 503
        async with live.socket("", live.bearer(tenant="other")) as other:
            await read(other, 2)


async def test_the_limits_are_those_of_the_settings() -> None:
    async with serving(cast(Limits, None), sockets_per_user=1) as live, live.socket() as one:
        await read(one, 2)
        assert (await refusal(live.socket()))[0] == 503


# --- what is told of it ----------------------------------------------------------------------------


async def test_each_socket_is_one_line_with_its_end_and_no_content(live: Live) -> None:
    with structlog.testing.capture_logs() as lines:
        async with live.socket() as client:
            await read(client, 2)
            assert live.gauges.values["sockets"] == 1
            live.store.commit(data={"text": "a secret word"})
            await read(client, 1)
        await until(lambda: any(line["event"] == "socket" for line in lines))
    (line,) = [line for line in lines if line["event"] == "socket"]
    assert line["outcome"] == "ok"
    assert (line["kind"], line["code"], line["tenant_id"], line["user_id"]) == ("websocket", 1000, "acme", "u1")
    assert line["duration_ms"] > 0
    assert "secret word" not in repr(lines)
    assert live.gauges.values["sockets"] == 0
