"""Rates, whose address a request has, cursors and origins."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any, cast

import pytest
from litestar.types import Scope

from fivapp_whatsapp.errors import InvalidInput, SettingsError
from fivapp_whatsapp.settings import Settings
from fivapp_whatsapp.web.cursors import decode_cursor, encode_cursor
from fivapp_whatsapp.web.limits import Buckets, client_key, parse_networks
from fivapp_whatsapp.web.origins import exact_origins
from fivapp_whatsapp.web.remembered import Remembered

from .conftest import serving
from .tools import assert_problem, bearer, incoming, make_token

pytestmark = pytest.mark.anyio


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Hand()
    buckets = Buckets(2, 4, clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0]
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0
    clock.now += 0.5
    assert buckets.take("a") == 0
    assert buckets.wait("a") > 0
    clock.now += 100
    assert [buckets.take("a") > 0 for _ in range(5)] == [False, False, False, False, True]


def test_buckets_are_bounded_and_forget_who_was_quiet_longest() -> None:
    buckets = Buckets(1, 1, Hand(), max_keys=100)
    for number in range(1000):
        buckets.take(number)
    assert len(buckets) == 100
    assert buckets.take(999) > 0


async def test_what_is_remembered_is_bounded_and_ends() -> None:
    clock = Hand()
    remembered: Remembered[int] = Remembered(clock, 5.0, max_keys=10)
    asked: list[int] = []

    async def look(number: int) -> int | None:
        async def ask() -> int | None:
            asked.append(number)
            return None if number == 7 else number

        return await remembered.get(number, ask)

    assert [await look(n) for n in (1, 1, 7, 7)] == [1, 1, None, None]
    assert asked == [1, 7]
    clock.now += 5
    await look(1)
    assert asked == [1, 7, 1]
    for number in range(100):
        await look(number)
    assert len(remembered) == 10


def scope(client: str | None, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return cast("Scope", {"client": (client, 1) if client else None, "headers": headers})


TRUSTED = parse_networks(["10.0.0.0/8", "192.168.1.1", "fd00::/8"])


@pytest.mark.parametrize(
    ("client", "forwarded", "expected"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("10.1.2.3", ("198.51.100.1",), "198.51.100.1"),
        ("10.1.2.3", ("6.6.6.6, 198.51.100.1, 10.9.9.9",), "198.51.100.1"),
        ("10.1.2.3", ("6.6.6.6", "198.51.100.1"), "198.51.100.1"),
        ("10.1.2.3", ("not an address",), "10.1.2.3"),
        ("10.1.2.3", ("7.7.7.7, nonsense, 10.0.0.1",), "10.0.0.1"),
        ("10.1.2.3", (), "10.1.2.3"),
        ("10.1.2.3", (", ".join(["6.6.6.6", *["10.0.0.2"] * 40]),), "10.0.0.2"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", (), "203.0.113.9"),
        ("fd00::1", ("2001:db8:1:2::9",), "2001:db8:1:2::/64"),
        (None, ("198.51.100.1",), "unknown"),
        ("testclient", ("198.51.100.1",), "unknown"),
    ],
)
def test_an_address_comes_from_the_peer_unless_a_trusted_proxy_tells_it(
    client: str | None, forwarded: tuple[str, ...], expected: str
) -> None:
    assert client_key(scope(client, *forwarded), TRUSTED) == expected


def test_networks_that_are_none_stop_the_start() -> None:
    with pytest.raises(SettingsError):
        parse_networks(["proxy.internal"])


@pytest.mark.parametrize("origin", ["*", "https://*.example.com", "https://a.test/path", "a.test", "null", "https://"])
def test_allowed_origins_are_exact(origin: str) -> None:
    with pytest.raises(SettingsError):
        exact_origins(Settings(allowed_origins=[origin]))


@pytest.mark.parametrize("position", [0, 1, 2**40, 2**63 - 1])
def test_a_cursor_gives_its_position_back(position: int) -> None:
    assert decode_cursor("messages", encode_cursor("messages", position)) == position


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "1", "5", "x" * 65, "ä", "MS4x=", "MS4 x", "MS4xO", "'; DROP TABLE message --"),
        *(b64(b"messages." + text) for text in (b"-1", b"01", b"1.1", b"9" * 19, b"1'", b"1\n", b"1e3", b"")),
        *(b64(text) for text in (b"messages", b"1", b".1", b"message.1", b"Messages.1")),
        encode_cursor("messages", 7) + "A",
        encode_cursor("sessions", 7),
    ],
)
def test_what_is_no_cursor_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_cursor("messages", cursor)
    assert caught.value.code == "invalid_cursor"


async def test_a_user_who_asks_too_often_waits_and_the_others_do_not(tmp_path: Path) -> None:
    async with serving(tmp_path, rate_user=1, rate_user_burst=5) as server:
        server.clock.stop()
        replies = [await server.call("GET", "/api/me") for _ in range(6)]
        assert [reply.status_code for reply in replies[:5]] == [200] * 5
        assert_problem(replies[5], 429, "rate_limited")
        assert replies[5].headers["retry-after"] == "1"
        other = bearer(make_token(sub="eva"))
        assert (await server.client.get("/api/me", headers=other)).status_code == 200
        assert (await server.call("GET", "/api/me", tenant="other")).status_code == 200
        server.clock.skipped += 1.1
        assert (await server.call("GET", "/api/me")).status_code == 200


async def test_more_requests_than_a_process_serves_at_once_are_refused_at_the_door(tmp_path: Path) -> None:
    async with serving(tmp_path, requests_at_once=1) as server:
        await server.connect()
        place = await server.conversation()
        server.connector.hold.clear()
        path = f"/api/conversations/{place}/send-message"
        first = asyncio.create_task(server.call("POST", path, {"text": "oi"}))
        async with asyncio.timeout(5):
            while not server.connector.sends:
                await asyncio.sleep(0.01)
        refused = await server.call("GET", "/api/me")
        assert_problem(refused, 503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert_problem(await server.webhook(incoming()), 503, "overloaded")
        assert (await server.client.get("/health/live")).status_code == 200
        server.connector.hold.set()
        assert (await first).status_code == 200
        assert (await server.call("GET", "/api/me")).status_code == 200


async def test_a_tenant_has_a_rate_over_all_its_users(tmp_path: Path) -> None:
    async with serving(tmp_path, rate_tenant=5) as server:
        server.clock.stop()
        statuses = []
        for number in range(7):
            reply = await server.client.get("/api/me", headers=bearer(make_token(sub=f"user{number}")))
            statuses.append(reply.status_code)
        assert statuses[:5] == [200] * 5
        assert statuses[-1] == 429
        assert (await server.call("GET", "/api/me", tenant="other")).status_code == 200


async def test_spoofed_forwarded_addresses_do_not_escape_the_login_limit(tmp_path: Path) -> None:
    async with serving(tmp_path, rate_failed_logins=3) as server:
        server.clock.stop()
        codes: list[Any] = []
        for number in range(8):
            headers = {
                **bearer("x"),
                "x-forwarded-for": f"198.51.100.{number}",
                "forwarded": f"for=198.51.100.{number}",
            }
            codes.append((await server.client.get("/api/me", headers=headers)).json()["code"])
        assert codes == ["not_authenticated"] * 3 + ["rate_limited"] * 5
