"""Quick replies and accounts: what the composer and the menu of assignees are filled with."""

from __future__ import annotations

import pytest

from .tools import TestServer

pytestmark = pytest.mark.anyio


async def test_quick_replies_are_put_and_read_by_agents_of_the_tenant_alone(server: TestServer) -> None:
    items = [{"shortcut": "hours", "text": "From 8 to 6, {name}."}]
    assert (await server.call("GET", "/api/quick-replies", role="agent")).json() == {"items": []}
    reply = await server.call("PUT", "/api/quick-replies", {"items": items}, role="agent")
    assert (reply.status_code, reply.json()) == (200, {"items": items})
    assert (await server.call("GET", "/api/quick-replies")).json() == {"items": items}
    assert (await server.call("GET", "/api/quick-replies", tenant="other")).json() == {"items": []}


async def test_accounts_are_those_of_the_tenant_that_may_log_in(server: TestServer) -> None:
    await server.account("ana")
    await server.account("rui")
    await server.account("eve", tenant="other")
    await server.gateway.store.change_account("acme", "rui", disabled=True)
    items = (await server.call("GET", "/api/accounts", role="agent")).json()["items"]
    assert [item["login"] for item in items] == ["ana"]
    assert "password" not in str(items)


async def test_a_session_says_what_its_connection_service_can_do(server: TestServer) -> None:
    await server.connect()
    assert (await server.call("GET", "/api/sessions/acme")).json()["capabilities"] == ["media", "quote"]
