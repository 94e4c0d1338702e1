"""Sessions over HTTP: the seed's three routes in its shapes, and the list beside them."""

from __future__ import annotations

from typing import Any

import pytest

from fivapp_whatsapp.errors import ConnectorKeyRefused, ConnectorProtocolError, ConnectorRejected, ConnectorUnavailable
from fivapp_whatsapp.models import SessionStatus

from .tools import TestServer, assert_problem

pytestmark = pytest.mark.anyio


async def test_connect_status_and_disconnect_have_the_seeds_shapes(server: TestServer) -> None:
    status = await server.call("GET", "/api/whatsapp/status/acme")
    assert status.json() == {"tenantId": "acme", "status": "disconnected", "connected": False}
    reply = await server.call("POST", "/api/whatsapp/connect", {"tenantId": "acme", "name": "WhatsApp Connection acme"})
    assert reply.status_code == 200
    waiting = {"tenantId": "acme", "status": "qr_ready", "connected": False, "qrCode": "data:,qr"}
    assert reply.json() == waiting
    assert (await server.call("GET", "/api/whatsapp/status/acme")).json() == waiting
    server.connector.report("acme", SessionStatus.CONNECTED, phone="5511900000000", profile_name="Acme Ltda")
    assert (await server.call("GET", "/api/whatsapp/status/acme")).json() == {
        "tenantId": "acme",
        "status": "connected",
        "connected": True,
        "phone": "5511900000000",
        "name": "Acme Ltda",
    }
    gone = await server.call("DELETE", "/api/whatsapp/disconnect/acme")
    assert (gone.status_code, gone.json()) == (200, {"success": True, "status": "disconnected"})


@pytest.mark.parametrize("options", [{"json": {}}, {}, {"json": None, "headers": {"content-type": "application/json"}}])
async def test_connect_needs_no_body(server: TestServer, options: dict[str, Any]) -> None:
    headers = options.pop("headers", {})
    reply = await server.call("POST", "/api/whatsapp/connect", options.get("json"), headers=headers)
    assert reply.json()["tenantId"] == "acme"


async def test_only_admins_connect_and_see_the_qr_code(server: TestServer) -> None:
    for method, path in (
        ("POST", "/api/whatsapp/connect"),
        ("DELETE", "/api/whatsapp/disconnect/acme"),
        ("POST", "/api/sessions"),
        ("PATCH", "/api/sessions/acme"),
        ("DELETE", "/api/sessions/acme"),
        ("POST", "/api/sessions/acme/pairing-code"),
        ("GET", "/metrics"),
    ):
        assert_problem(await server.call(method, path, role="agent"), 403, "role_required")
    await server.call("POST", "/api/whatsapp/connect", {})
    for path in ("/api/whatsapp/status/acme", "/api/sessions/acme"):
        assert (await server.call("GET", path)).json()["qrCode"] == "data:,qr"
        assert not (await server.call("GET", path, role="agent")).json().get("qrCode")
    assert "qr" not in (await server.call("GET", "/api/sessions")).text.replace("qr_ready", "")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConnectorUnavailable(retry_after=7), 503, "connector_unavailable"),
        (ConnectorRejected(), 502, "connector_rejected"),
        (ConnectorKeyRefused(), 502, "connector_key_refused"),
        (ConnectorProtocolError(), 502, "connector_protocol_error"),
    ],
)
async def test_a_service_that_fails_leaves_the_wish_behind(
    server: TestServer, error: Any, status: int, code: str
) -> None:
    server.connector.unreachable = error
    reply = await server.call("POST", "/api/whatsapp/connect", {})
    assert_problem(reply, status, code)
    if status == 503:
        assert reply.headers["retry-after"] == "7"
    server.connector.unreachable = None
    assert (await server.call("GET", "/api/sessions")).json()["items"][0]["desired"] == "running"


async def test_an_unreachable_service_leaves_the_last_status_with_a_problem(server: TestServer) -> None:
    await server.connect()
    server.connector.unreachable = ConnectorUnavailable()
    status = (await server.call("GET", "/api/whatsapp/status/acme")).json()
    assert (status["status"], status["problem"]) == ("connected", "unreachable")
    server.connector.unreachable = ConnectorKeyRefused()
    status = (await server.call("GET", "/api/whatsapp/status/acme")).json()
    assert (status["status"], status["problem"]) == ("connected", "degraded")


async def test_further_sessions_are_added_listed_renamed_and_removed(server: TestServer) -> None:
    assert_problem(await server.call("GET", "/api/sessions/acme"), 404, "session_not_found")
    made = await server.call("POST", "/api/sessions", {"label": "sales", "name": "Sales\nteam"})
    assert made.status_code == 201
    assert made.json()["id"] == "acme.sales"
    assert made.json()["name"] == "Sales team"
    assert_problem(await server.call("POST", "/api/sessions", {"label": "sales"}), 409, "already_exists")
    for label in ("support", "billing"):
        await server.call("POST", "/api/sessions", {"label": label})
    reply = await server.call("POST", "/api/whatsapp/connect", {"tenantId": "acme.sales"})
    assert reply.json()["tenantId"] == "acme.sales"
    renamed = await server.call("PATCH", "/api/sessions/acme.sales", {"name": "Vendas"})
    assert renamed.json()["name"] == "Vendas"
    names, cursor = [], None
    while True:
        page = (
            await server.call("GET", "/api/sessions", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        names += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        assert page["seq"] > 0
        if cursor is None:
            break
    assert names == ["acme.billing", "acme.support", "acme.sales"]
    gone = await server.call("DELETE", "/api/sessions/acme.sales")
    assert (gone.status_code, gone.content) == (204, b"")
    assert_problem(await server.call("GET", "/api/sessions/acme.sales"), 404, "session_not_found")


@pytest.mark.parametrize("label", ["", "Sales", "a b", "a.b", "x" * 33, "a/b", "\n", "sales\n"])
async def test_a_label_is_short_and_plain(shared: TestServer, label: str) -> None:
    reply = await shared.call("POST", "/api/sessions", {"label": label})
    problem = assert_problem(reply, 400, "invalid_body")
    assert problem["errors"][0]["pointer"] == "#/label"


async def test_a_pairing_code_is_asked_for_where_the_service_can(server: TestServer) -> None:
    await server.call("POST", "/api/whatsapp/connect", {})
    reply = await server.call("POST", "/api/sessions/acme/pairing-code", {"phone": "+55 11 98888-7777"})
    assert_problem(reply, 422, "capability_missing")
