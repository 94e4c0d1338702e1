"""Health, metrics, the index, the line of each request, pages of other origins."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import structlog

from fivapp_whatsapp.errors import StoreUnavailable
from fivapp_whatsapp.logs import SAFE
from fivapp_whatsapp.plugins.registry import BrokenPlugin
from fivapp_whatsapp.settings import Settings

from .conftest import serving
from .tools import KEY, TestServer, assert_problem, incoming, raw

pytestmark = pytest.mark.anyio


async def test_the_index_names_what_is_here(shared: TestServer) -> None:
    index = (await shared.client.get("/")).json()
    assert index["name"] == "fivapp_whatsapp"
    assert index["version"]
    for path in index["links"].values():
        assert (await shared.call("GET", path)).status_code == 200


async def test_health_tells_nothing_but_yes_or_no(server: TestServer) -> None:
    assert (await server.client.get("/health/live")).json() == {"status": "ok"}
    assert (await server.client.get("/health/ready")).json() == {"status": "ready"}


async def test_a_plugin_that_could_not_be_loaded_is_named_and_the_server_is_ready(server: TestServer) -> None:
    server.gateway.plugins.broken = (BrokenPlugin(name="bot", problems=("secret path /home/canary",)),)
    reply = await server.client.get("/health/ready")
    assert (reply.status_code, reply.json()) == (200, {"status": "ready", "brokenPlugins": ["bot"]})


async def test_a_database_that_is_away_is_not_ready_and_is_asked_once_a_second(server: TestServer) -> None:
    server.clock.stop()
    server.store.faults["check"] = StoreUnavailable()
    for _ in range(10):
        reply = await server.client.get("/health/ready")
        assert (reply.status_code, reply.json()) == (503, {"status": "not_ready"})
    assert server.store.refused == 1
    assert (await server.client.get("/health/live")).status_code == 200
    server.store.faults.clear()
    server.clock.skipped += 1.1
    assert (await server.client.get("/health/ready")).status_code == 200


async def test_requests_are_counted_by_the_routes_template(server: TestServer) -> None:
    await server.call("GET", "/api/conversations/one")
    await server.call("GET", "/api/conversations/two")
    await server.client.post(f"/api/webhooks/whatsapp/{KEY}", content=incoming())
    await server.client.get("/nope/5511988887777")
    text = (await server.call("GET", "/metrics")).text
    assert 'fivapp_http_requests_total{route="/api/conversations/{conversation_id}",status="404"} 2.0' in text
    assert 'route="/api/webhooks/whatsapp/{key}",status="200"} 1.0' in text
    assert 'fivapp_http_requests_total{route="none",status="404"} 1.0' in text
    assert KEY not in text
    assert "5511988887777" not in text
    assert 'fivapp_http_request_seconds_count{route="/api/conversations/{conversation_id}"} 2.0' in text


async def test_each_request_has_one_line_without_a_path_or_a_secret(server: TestServer) -> None:
    with structlog.testing.capture_logs() as lines:
        reply = await server.call("GET", "/api/conversations/5511988887777?q=secret")
        await server.client.post("/api/webhooks/whatsapp/some-key", content=b"x")
        await server.call("GET", "/api/me")
    ours = [line for line in lines if line["event"] == "http.request"]
    assert len(ours) == 3
    assert ours[0]["route"] == "/api/conversations/{conversation_id}"
    assert (ours[0]["outcome"], ours[0]["http_status"]) == ("conversation_not_found", 404)
    assert (ours[0]["tenant_id"], ours[0]["user_id"], ours[0]["method"]) == ("acme", "ana", "GET")
    assert ours[1]["outcome"] == "webhook_unauthorized"
    assert ours[2]["outcome"] == "ok"
    assert ours[0]["duration_ms"] > 0
    for line in ours:
        assert line.keys() - {"event", "log_level"} <= SAFE
    assert not [word for word in ("5511988887777", "secret", "some-key", reply.text) if word in str(ours)]


async def test_without_named_origins_there_is_no_cors(shared: TestServer) -> None:
    headers = {"origin": "https://app.example.com", "access-control-request-method": "GET"}
    for method in ("GET", "OPTIONS"):
        reply = await shared.call(method, "/api/me", headers=headers)
        assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://app.example.com", True),
        ("null", False),
        ("https://app.example.com.evil.test", False),
        ("https://evil-app.example.com", False),
        ("https://app-example.com", False),
        ("https://appxexample.com", False),
        ("http://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("*", False),
    ],
)
async def test_only_a_named_origin_may_read(tmp_path: Path, origin: str, allowed: bool) -> None:
    async with serving(tmp_path, allowed_origins=["https://app.example.com"]) as server:
        reply = await server.call("GET", "/api/me", headers={"origin": origin})
        assert (reply.headers.get("access-control-allow-origin") == origin) is allowed
        asked = {"origin": origin, "access-control-request-method": "PATCH"}
        reply = await server.client.options("/api/conversations/x", headers=asked)
        assert (reply.headers.get("access-control-allow-origin") == origin) is allowed
        if not allowed:
            assert "access-control-allow-origin" not in reply.headers


async def test_a_malformed_host_is_refused(shared: TestServer) -> None:
    for host in ("evil.test/path", "evil.test?x", "evil.test#x", "a\tb"):
        reply: httpx.Response = await raw(shared.app, "GET", "/api/me", headers={"host": host})
        assert_problem(reply, 400, "invalid_input")


def test_the_default_settings_open_nothing() -> None:
    settings = Settings()
    assert not settings.demo
    assert settings.allowed_origins == settings.trusted_proxies == []
