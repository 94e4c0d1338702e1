"""Local accounts: logging in, what the cookie may do, from where, and what ends it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from fivapp_whatsapp.web.server import create_web

from .conftest import serving
from .tools import TestServer, assert_problem, bearer, make_token

pytestmark = pytest.mark.anyio

PASSWORD = "a long password"
OWN = {"origin": "http://gateway.test"}


async def log_in(server: TestServer, **changes: Any) -> httpx.Response:
    body = {"tenantId": "acme", "login": "ana", "password": PASSWORD, **changes}
    kept = {name: value for name, value in body.items() if value is not None}
    return await server.client.post("/api/auth/login", json=kept)


async def test_a_login_sets_a_cookie_that_scripts_cannot_read(server: TestServer) -> None:
    account = await server.account()
    reply = await log_in(server)
    assert reply.status_code == 200
    assert reply.json()["id"] == account.id
    assert reply.json()["tenantName"] == "Acme"
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith("fivapp=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=43200" in cookie
    assert "Secure" not in cookie
    me = await server.client.get("/api/me")
    assert me.status_code == 200
    assert me.json()["role"] == "admin"


async def test_behind_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    async with serving(tmp_path, public_url="https://wa.example.com") as server:
        await server.account()
        cookie = (await log_in(server)).headers["set-cookie"]
        assert cookie.startswith("__Host-fivapp=")
        assert "Secure" in cookie
        assert "Path=/;" in cookie
        assert "Domain" not in cookie


async def test_whatever_is_wrong_is_the_same_refusal(server: TestServer) -> None:
    await server.account()
    await server.account("eva")
    await server.gateway.store.change_account("acme", "eva", disabled=True)
    wrong = [
        {"password": "another password"},
        {"login": "nobody"},
        {"login": "eva"},
        {"tenantId": "other"},
        {"tenantId": "nobody"},
        {"tenantId": "../acme"},
        {"login": "ana\u0000"},
    ]
    bodies = set()
    for changes in wrong:
        problem = assert_problem(await log_in(server, **changes), 401, "not_authenticated")
        bodies.add(tuple(sorted((k, v) for k, v in problem.items() if k != "instance")))
        assert not server.client.cookies
    assert len(bodies) == 1


async def test_the_tenant_may_be_left_out_while_there_is_one(server: TestServer) -> None:
    await server.account()
    problem = assert_problem(await log_in(server, tenantId=None), 400, "tenant_required")
    assert problem["errors"] == [{"pointer": "#/tenantId", "code": "required"}]


async def test_with_one_tenant_a_login_needs_no_tenant(tmp_path: Path) -> None:
    async with serving(tmp_path, tenants=("acme",)) as server:
        await server.account()
        assert (await log_in(server, tenantId=None)).status_code == 200


async def test_a_suspended_tenants_login_is_refused(server: TestServer) -> None:
    await server.account()
    await server.gateway.store.suspend_tenant("acme", True)
    assert_problem(await log_in(server), 403, "tenant_suspended")


async def test_a_cookie_acts_only_from_a_page_of_this_server(server: TestServer) -> None:
    await server.account()
    await log_in(server)

    async def status(headers: dict[str, str]) -> int:
        return (await server.client.post("/api/conversations", json={"to": "x"}, headers=headers)).status_code

    for allowed in (OWN, {"origin": "https://gateway.test"}, {"sec-fetch-site": "same-origin"}):
        assert await status(allowed) == 404
    for refused in (
        {},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://evil.test"},
        {"origin": "http://gateway.test.evil.test"},
        {"origin": "http://evil-gateway.test"},
        {"origin": "http://gateway.test:8080"},
        {"origin": "http://gateway.test/path"},
        {"origin": "http://gateway.test@evil.test"},
        {"origin": "file://gateway.test"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://evil.test", "sec-fetch-site": "same-origin"},
    ):
        reply = await server.client.post("/api/conversations", json={"to": "x"}, headers=refused)
        assert_problem(reply, 403, "origin_not_allowed")


async def test_reading_with_a_cookie_needs_no_origin(server: TestServer) -> None:
    await server.account()
    await log_in(server)
    assert (await server.client.get("/api/conversations")).status_code == 200


async def test_a_token_in_the_header_needs_no_origin_and_wins_over_the_cookie(server: TestServer) -> None:
    await server.account()
    await log_in(server)
    me = await server.client.get("/api/me", headers=bearer(make_token("other")))
    assert me.json()["tenantId"] == "other"
    assert_problem(await server.client.get("/api/me", headers=bearer("x")), 401, "not_authenticated")


async def test_a_login_from_a_foreign_page_is_refused(server: TestServer) -> None:
    await server.account()
    body = {"tenantId": "acme", "login": "ana", "password": PASSWORD}
    reply = await server.client.post("/api/auth/login", json=body, headers={"origin": "http://evil.test"})
    assert_problem(reply, 403, "origin_not_allowed")
    assert (await server.client.post("/api/auth/login", json=body, headers=OWN)).status_code == 200


async def test_logging_out_ends_the_cookie_also_for_who_copied_it(server: TestServer) -> None:
    await server.account()
    await log_in(server)
    copied = server.client.cookies["fivapp"]
    reply = await server.client.post("/api/auth/logout", headers=OWN)
    assert reply.status_code == 204
    assert "Max-Age=0" in reply.headers["set-cookie"]
    assert not server.client.cookies
    reply = await server.client.get("/api/me", headers={"cookie": f"fivapp={copied}"})
    assert_problem(reply, 401, "not_authenticated")


@contextlib.asynccontextmanager
async def another_process(server: TestServer) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a second application on the same store, as another process would be."""
    app = create_web(server.gateway)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # the same protocol, other words
    async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
        yield client


async def test_a_login_that_was_ended_is_over_in_every_process_within_five_seconds(server: TestServer) -> None:
    await server.account()
    await log_in(server)
    cookie = {"cookie": f"fivapp={server.client.cookies['fivapp']}"}
    async with another_process(server) as other:
        assert (await other.get("/api/me", headers=cookie)).status_code == 200
        await server.client.post("/api/auth/logout", headers=OWN)
        server.clock.skipped += 5.1
        assert_problem(await other.get("/api/me", headers=cookie), 401, "not_authenticated")
        assert (await log_in(server)).status_code == 200  # another login of the same account is another one
        fresh = {"cookie": f"fivapp={server.client.cookies['fivapp']}"}
        assert (await other.get("/api/me", headers=fresh)).status_code == 200


async def test_failed_logins_count_over_all_processes(server: TestServer) -> None:
    server.clock.stop()
    await server.account()
    body = {"tenantId": "acme", "login": "nobody", "password": PASSWORD}
    async with another_process(server) as other:
        for client in (server.client, other):
            for _ in range(10):
                assert (await client.post("/api/auth/login", json=body, headers=OWN)).status_code == 401
        for client in (server.client, other):
            refused = await client.post("/api/auth/login", json=body, headers=OWN)
            assert_problem(refused, 429, "rate_limited")
            assert 1 <= int(refused.headers["retry-after"]) <= 4
        server.clock.skipped += 10
        assert (await log_in(server)).status_code == 200


async def test_a_disabled_account_and_a_lowered_role_count_within_five_seconds(server: TestServer) -> None:
    await server.account()
    await log_in(server)
    assert (await server.client.get("/metrics")).status_code == 200
    await server.gateway.store.change_account("acme", "ana", role="agent")
    server.clock.skipped += 5.1
    assert_problem(await server.client.get("/metrics"), 403, "role_required")
    await server.gateway.store.change_account("acme", "ana", disabled=True)
    server.clock.skipped += 5.1
    assert_problem(await server.client.get("/api/me"), 401, "not_authenticated")


async def test_a_new_password_ends_all_logins_within_five_seconds(server: TestServer) -> None:
    await server.account()
    await log_in(server)
    await server.gateway.store.change_account("acme", "ana", password_hash=PasswordHasher().hash("another one"))
    server.clock.skipped += 5.1
    assert_problem(await server.client.get("/api/me"), 401, "not_authenticated")
    assert (await log_in(server, password="another one")).status_code == 200
    assert (await server.client.get("/api/me")).status_code == 200


async def test_a_cookies_token_is_no_bearer_token_and_the_other_way_round(server: TestServer) -> None:
    await server.account()
    await log_in(server)
    token = server.client.cookies["fivapp"]
    server.client.cookies.clear()
    assert_problem(await server.client.get("/api/me", headers=bearer(token)), 401, "not_authenticated")
    reply = await server.client.get("/api/me", headers={"cookie": f"fivapp={make_token()}"})
    assert_problem(reply, 401, "not_authenticated")


async def test_without_a_secret_local_accounts_still_work(tmp_path: Path) -> None:
    async with serving(tmp_path, jwt_secret="") as server:
        await server.account()
        await log_in(server)
        assert (await server.client.get("/api/me")).status_code == 200
        assert_problem(await server.call("GET", "/api/me"), 401, "not_authenticated")


async def test_a_cookie_of_the_main_application_is_taken_where_it_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path, jwt_cookie="main_session") as server:
        cookie = {"cookie": f"main_session={make_token()}"}
        assert (await server.client.get("/api/me", headers=cookie)).json()["id"] == "ana"
        body = {"to": "5511988887777"}
        reply = await server.client.post("/api/sessions", json={"label": "sales"}, headers=cookie)
        assert_problem(reply, 403, "origin_not_allowed")
        reply = await server.client.post("/api/conversations", json=body, headers={**cookie, **OWN})
        assert_problem(reply, 404, "session_not_found")
        bad = {"cookie": f"fivapp=old; main_session={make_token()}"}
        assert (await server.client.get("/api/me", headers=bad)).status_code == 200


async def test_twenty_failures_a_minute_stop_an_address_also_with_the_right_password(server: TestServer) -> None:
    server.clock.stop()
    await server.account()
    for _ in range(20):
        assert_problem(await log_in(server, login="nobody"), 401, "not_authenticated")
    refused = await log_in(server)
    assert_problem(refused, 429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # A valid token is never refused for the failures of its neighbours.
    assert (await server.call("GET", "/api/me")).status_code == 200
    assert_problem(await server.client.get("/api/me", headers=bearer("x")), 429, "rate_limited")
    server.clock.skipped += 10
    assert (await log_in(server)).status_code == 200


async def test_asking_without_any_credential_is_no_failure(server: TestServer) -> None:
    for _ in range(30):
        assert_problem(await server.client.get("/api/me"), 401, "not_authenticated")


@pytest.mark.parametrize(
    "body",
    [
        {"login": "ana"},
        {"login": "ana", "password": 5},
        {"login": "", "password": "x"},
        {"login": "x" * 129, "password": "x"},
        {"login": "ana", "password": "x" * 257},
        {"login": "ana", "password": "x", "role": "admin"},
    ],
)
async def test_a_login_that_is_no_login_is_a_400(shared: TestServer, body: dict[str, Any]) -> None:
    reply = await shared.client.post("/api/auth/login", json=body)
    assert reply.status_code == 400
    assert reply.json()["code"] in ("invalid_body", "unknown_field")


async def test_me_says_who_can_end_the_login(tmp_path: Path) -> None:
    async with serving(tmp_path, jwt_cookie="main", logout_url="https://app.example.com/logout") as server:
        await server.account()
        await log_in(server)
        own = (await server.client.get("/api/me")).json()
        assert (own["login"], own["logoutUrl"]) == ("account", None)
        server.client.cookies.clear()
        assert (await server.client.get("/api/me", headers=bearer(make_token()))).json()["login"] == "bearer"
        server.client.cookies.set("main", make_token())
        theirs = (await server.client.get("/api/me")).json()
        assert (theirs["login"], theirs["logoutUrl"]) == ("cookie", "https://app.example.com/logout")
