"""Live events over WebSocket and SSE, against a real server on a free port."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import httpx
import jwt
import msgspec
import pytest
import structlog
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

pytestmark = pytest.mark.anyio

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
        self.account = Account(id="u9", tenant_id="acme", login="ana", name="Ana", role="agent")

    async def tenant(self, tenant_id: str) -> Tenant:
        return Tenant(id=tenant_id, name=tenant_id, suspended=tenant_id in self.suspended, created_at=AT)

    async def account_by_id(self, tenant_id: str, account_id: str) -> Account | None:
        return self.account if (tenant_id, account_id) == (self.account.tenant_id, self.account.id) else None


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


@pytest.fixture(scope="module")
async def shared() -> AsyncIterator[Live]:
    async with serving() as live:
        yield live


@pytest.fixture
async def live(shared: Live) -> Live:
    """One server for all, which remembers nothing of the test before."""
    await until(lambda: shared.gateway.feed.listeners == 0)
    shared.store.reset()
    shared.clock.skipped += 60
    return shared


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


# --- who may ---------------------------------------------------------------------------------------


async def test_a_page_opens_a_socket_with_a_ticket_once(live: Live) -> None:
    ticket = await live.ticket(live.bearer() | {"origin": PAGE})
    async with live.socket(f"?ticket={ticket}", {}, PAGE) as client:
        assert (await read(client, 1))[0]["type"] == "hello"
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
    assert (await refusal(live.socket(f"?ticket={ticket}", {})))[0] == 403


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
    token, _ = live.authenticator.account_tokens.make(live.store.account)
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
        for text in ("", "x", '{"t":"ack","seq":1}', "x" * 60_000):
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
    [([b"x"], 1003), (["x"] * 101, 1008), (["x" * 70_000], 1009)],
    ids=["binary", "flood", "too big"],
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


# --- server-sent events ----------------------------------------------------------------------------


async def test_a_stream_carries_the_same_frames(live: Live) -> None:
    live.store.commit(count=2)
    async with live.stream() as stream:
        headers = stream.response.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache, no-transform", "no")
        hello, ready = await stream.event(), await stream.event()
        assert (hello["event"], json.loads(hello["data"])["data"]) == ("hello", {"epoch": "e1", "seq": 2})
        assert (ready["event"], ready["id"]) == ("live", "e1.2")
        live.store.commit(data={"text": "one\ntwo\r\n"})
        event = await stream.event()
        assert (event["event"], event["id"]) == ("message.created", "e1.3")
        assert json.loads(event["data"])["data"] == {"text": "one\ntwo\r\n"}


async def test_a_stream_resumes_from_its_last_event_id(live: Live) -> None:
    live.store.commit(count=5)
    async with live.stream("?after=0", {"last-event-id": "e1.3"}) as stream:
        events = [await stream.event() for _ in range(4)]
    assert [event.get("id") for event in events] == [None, "e1.4", "e1.5", "e1.5"]


async def test_a_stream_resumes_from_a_cursor_in_its_address(live: Live) -> None:
    live.store.commit(count=5)
    async with live.stream("?after=4&epoch=e1") as stream:
        assert [(await stream.event())["event"] for _ in range(3)] == ["hello", "message.created", "live"]


@pytest.mark.parametrize("event_id", ["old.3", "e1", "3", "e1.", "e1.x", "e1.-1", "junk"])
async def test_an_event_id_of_another_log_is_answered_with_a_resync(live: Live, event_id: str) -> None:
    live.store.commit(count=5)
    async with live.stream("", {"last-event-id": event_id}) as stream:
        await stream.event()
        resync, ready = await stream.event(), await stream.event()
    assert json.loads(resync["data"])["data"]["reason"] == "epoch"
    assert ("id" in resync, ready["id"]) == (False, "e1.5")


async def test_a_quiet_stream_beats(live: Live) -> None:
    async with live.stream() as stream:
        await stream.event()
        await stream.event()
        assert await stream.block() == {"": ""}


async def test_a_stream_ends_with_its_token(live: Live) -> None:
    async with live.stream("", live.bearer(seconds=0.5)) as stream:
        await stream.event()
        assert await stream.ended()


async def test_a_stream_that_is_left_is_forgotten(live: Live) -> None:
    async with live.stream() as stream:
        await stream.event()
        assert live.gauges.values["sockets"] == 1
    await until(lambda: live.gauges.values["sockets"] == 0)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"authorization": "Bearer x"}, 401), ({"origin": "https://evil.example"}, 403), ({"origin": "null"}, 403)],
)
async def test_a_stream_needs_a_login_and_a_page_of_ours(live: Live, headers: dict[str, str], status: int) -> None:
    async with live.stream("", headers) as stream:
        assert stream.response.status_code == status
        await stream.response.aread()
        assert stream.response.json()["status"] == status


@pytest.mark.parametrize("query", ["?after=-1", "?after=x", "?epoch=" + "e" * 65])
async def test_a_stream_with_a_wrong_parameter_is_refused(live: Live, query: str) -> None:
    async with live.stream(query) as stream:
        assert stream.response.status_code == 400


def test_the_stream_and_the_tickets_are_in_the_openapi_document() -> None:
    live = Live(QUICK)
    live.listener.close()
    paths = live.app.openapi_schema.to_schema()["paths"]
    assert "text/event-stream" in paths["/api/events"]["get"]["responses"]["200"]["content"]
    names = {parameter["name"] for parameter in paths["/api/events"]["get"]["parameters"]}
    assert names == {"after", "epoch", "Last-Event-ID"}
    assert re.search("IssuedTicket", json.dumps(paths["/api/ws-tickets"]))
