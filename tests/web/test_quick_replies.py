"""Quick replies and accounts: what the composer and the menu of assignees are filled with."""

from __future__ import annotations

from typing import Any

import pytest

from fivapp_whatsapp.errors import ConnectorUnavailable, Overloaded

from .tools import TestServer, bearer, make_token

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


async def test_people_of_the_main_application_may_be_assigned_to_once_they_came_by(server: TestServer) -> None:
    ana = await server.account("ana")

    async def come_by(tenant: str = "acme", **claims: Any) -> None:
        reply = await server.client.get("/api/me", headers=bearer(make_token(tenant, **claims)))
        assert reply.status_code == 200

    await come_by(sub="7", name="Rui", role="agent")
    await come_by(sub="7", name="Rui Braga", role="admin")
    await come_by(sub="robot", name="A script", program=True)
    await come_by("other", sub="eve", name="Eve")
    items = (await server.call("GET", "/api/accounts", role="agent")).json()["items"]
    assert items == [
        {"id": ana.id, "name": "Ana", "role": "admin", "login": "ana"},
        {"id": "7", "name": "Rui Braga", "role": "admin"},
    ]
    [only] = (await server.call("GET", "/api/accounts", tenant="other")).json()["items"]
    assert only["id"] == "eve"
    # Who logs in here is a local account already, and no second person.
    login = {"tenantId": "acme", "login": "ana", "password": "a long password"}
    assert (await server.client.post("/api/auth/login", json=login)).status_code == 200
    assert (await server.client.get("/api/me")).status_code == 200
    assert (await server.call("GET", "/api/accounts")).json()["items"] == items


async def test_the_pages_open_also_while_nobody_can_be_written_down(server: TestServer) -> None:
    server.store.faults["see_user"] = Overloaded()
    reply = await server.client.get("/api/me", headers=bearer(make_token("acme", sub="7")))
    assert (reply.status_code, server.store.refused) == (200, 1)


async def test_a_session_says_what_its_connection_service_can_do(server: TestServer) -> None:
    await server.connect()
    assert (await server.call("GET", "/api/sessions/acme")).json()["capabilities"] == ["media", "quote"]
    [listed] = (await server.call("GET", "/api/sessions", role="agent")).json()["items"]
    assert listed["capabilities"] == ["media", "quote"]


async def test_a_connection_service_that_is_away_says_nothing_of_what_it_can(
    server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.connect()

    async def away() -> frozenset[str]:
        raise ConnectorUnavailable

    monkeypatch.setattr(server.connector, "capabilities", away)
    [listed] = (await server.call("GET", "/api/sessions")).json()["items"]
    assert listed["capabilities"] is None


async def test_labels_are_those_of_the_tenants_conversations(server: TestServer) -> None:
    await server.connect()
    path = f"/api/conversations/{await server.conversation()}"
    await server.call("PATCH", path, {"labels": ["vip", "novo"]}, role="agent")
    assert (await server.call("GET", "/api/labels", role="agent")).json() == {"items": ["novo", "vip"]}
    assert (await server.call("GET", "/api/labels", tenant="other")).json() == {"items": []}
