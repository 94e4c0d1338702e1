"""Two tenants on one server: the other's objects do not exist, whatever a request says beside its token."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .tools import TestServer, incoming

pytestmark = pytest.mark.anyio

MISSING = "0" * 32


def without_request_id(reply: httpx.Response) -> tuple[int, bytes, list[tuple[str, str]]]:
    request_id = reply.headers["x-request-id"]
    headers = [(name, value) for name, value in reply.headers.items() if name != "x-request-id"]
    return reply.status_code, reply.content.replace(request_id.encode(), b""), headers


async def test_anothers_object_is_answered_byte_for_byte_as_a_missing_one(server: TestServer) -> None:
    await server.connect()
    await server.connect("other")
    await server.webhook(incoming("other"))
    conversation = (await server.call("GET", "/api/conversations", tenant="other")).json()["items"][0]
    message = conversation["lastMessage"]["id"]
    own = await server.conversation()
    calls: list[tuple[str, str, str, str, Any]] = [
        ("GET", "/api/whatsapp/status/{}", "other", "nobody", None),
        ("DELETE", "/api/whatsapp/disconnect/{}", "other", "nobody", None),
        ("GET", "/api/sessions/{}", "other", "acme.nobody", None),
        ("PATCH", "/api/sessions/{}", "other", "acme.nobody", {"name": "x"}),
        ("DELETE", "/api/sessions/{}", "other", "acme.nobody", None),
        ("POST", "/api/sessions/{}/pairing-code", "other", "acme.nobody", {"phone": "5511988887777"}),
        ("GET", "/api/conversations/{}", conversation["id"], MISSING, None),
        ("PATCH", "/api/conversations/{}", conversation["id"], MISSING, {"status": "closed"}),
        ("GET", "/api/conversations/{}/messages", conversation["id"], MISSING, None),
        ("POST", "/api/conversations/{}/notes", conversation["id"], MISSING, {"text": "x"}),
        ("POST", "/api/conversations/{}/send-message", conversation["id"], MISSING, {"text": "x"}),
        ("POST", "/api/messages/{}/retry", message, MISSING, None),
        ("POST", "/api/messages/{}/resolve", message, MISSING, {"as": "sent"}),
        ("GET", "/api/messages/{}/timeline", message, MISSING, None),
    ]
    for method, path, foreign, missing, body in calls:
        one = await server.call(method, path.format(foreign), body)
        two = await server.call(method, path.format(missing), body)
        three = await server.call(method, path.format("%00%2e%2e"), body)
        assert one.status_code == 404, path
        assert without_request_id(one) == without_request_id(two) == without_request_id(three), path
    in_bodies: list[tuple[str, str, str, str, str]] = [
        ("POST", "/api/whatsapp/connect", "tenantId", "other", "nobody"),
        ("POST", "/api/conversations", "sessionId", "other", "nobody"),
        ("PATCH", f"/api/conversations/{own}", "readUpTo", message, MISSING),
        ("POST", f"/api/conversations/{own}/send-message", "quotedMessageId", message, MISSING),
    ]
    for method, path, field, foreign, missing in in_bodies:
        rest = {"to": "5511988887777"} if path == "/api/conversations" else {}
        rest |= {"text": "x"} if path.endswith("send-message") else {}
        one = await server.call(method, path, {**rest, field: foreign})
        two = await server.call(method, path, {**rest, field: missing})
        assert one.status_code == 404, path
        assert without_request_id(one) == without_request_id(two), path
    after = (await server.call("GET", "/api/conversations", tenant="other")).json()["items"][0]
    assert after == conversation


async def test_nothing_beside_the_token_names_a_tenant(server: TestServer) -> None:
    await server.connect()
    await server.connect("other")
    await server.webhook(incoming("other"))
    hints = {"x-tenant-id": "other", "x-http-method-override": "DELETE", "x-original-url": "/api/sessions/other"}
    for path in ("/api/conversations", "/api/sessions", "/api/me"):
        plain = (await server.call("GET", path)).json()
        hinted = (await server.call("GET", f"{path}?tenantId=other&tenant_id=other", headers=hints)).json()
        for reply in (plain, hinted):
            reply.pop("expiresAt", None)
        assert plain == hinted
        assert "other" not in str(hinted)


async def test_the_same_phone_in_two_tenants_is_two_conversations(server: TestServer) -> None:
    await server.connect()
    await server.connect("other")
    await server.webhook(incoming("acme", text="to acme", nativeId="shared"))
    await server.webhook(incoming("other", text="to other", nativeId="shared"))
    for tenant in ("acme", "other"):
        items = (await server.call("GET", "/api/conversations", tenant=tenant)).json()["items"]
        assert [item["lastMessage"]["text"] for item in items] == [f"to {tenant}"]
