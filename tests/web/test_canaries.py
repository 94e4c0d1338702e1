"""Secrets and people's words, followed through a day: they stand in no log line and in no other tenant's answer."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, cast
from urllib.parse import quote

import httpx
import pytest
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from fivapp_whatsapp.app import create_app
from fivapp_whatsapp.commands.serving import Site, answering, base_url, bind
from fivapp_whatsapp.connectors.connection_service import ConnectionServiceConnector
from fivapp_whatsapp.db.store import DatabaseStore
from fivapp_whatsapp.gateway import Gateway
from fivapp_whatsapp.logs import configure_logging
from fivapp_whatsapp.metrics import PrometheusMetrics
from fivapp_whatsapp.ports import Store
from fivapp_whatsapp.settings import Secret, Settings

from .bad_input.asks import good
from .bad_input.table import ROWS
from .bad_input.words import Needs
from .tools import HASHER, FaultyStore, bearer, make_token

pytestmark = pytest.mark.anyio

API_KEY, JWT_SECRET, WEBHOOK_KEY = "canary-api-key-51c", "canary-jwt-secret-" * 3, "canary-webhook-key-77"
SECRETS = (API_KEY, JWT_SECRET, WEBHOOK_KEY)
PHONE = "5531977712345"
# Nobody but acme may read these, and no log may have them.
WORDS = {
    "text": "canary-text-of-a-customer",
    "pushName": "Canary-Name Silva",
    "note": "canary-note",
    "label": "canary-label",
    "title": "Canary-Title",
    "session": "Canary-Session",
    "password": "canary-password-of-ana",
    "search": "canary-search",
    "file": "canary-file.pdf",
    "wrong key": "canary-wrong-key",
    "said": "canary-of-the-service",
    "defect": "canary-of-a-defect",
    "phone": PHONE,
    "without country": "31977712345",
    "without the nine": "553177712345",
    "as people write": "97771-2345",
}
DEADLINE = 10.0


class Service:
    """A connection service that repeats, in what it answers, all that a log must not have."""

    def __init__(self) -> None:
        self.sends: list[httpx.Response | Exception] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["x-api-key"] == API_KEY
        if request.url.path == "/sessions/start":
            return httpx.Response(200, json={"success": True, "qrCode": f"2@{WORDS['said']}", "status": "qr_ready"})
        if request.url.path.endswith("/status"):
            own = {"phone": PHONE, "name": WORDS["session"]} if "/acme/" in request.url.path else {}
            return httpx.Response(200, json={"connected": True, "status": "connected", **own})
        if request.url.path == "/message/send":
            sent = httpx.Response(200, json={"success": True, "messageId": f"true_{PHONE}_1"})
            answer = self.sends.pop(0) if self.sends else sent
            if isinstance(answer, Exception):
                raise answer
            return answer
        return httpx.Response(404, text=f"{WORDS['said']} {request.headers} {request.content!r}")


@pytest.fixture(scope="module")
def lines() -> Iterator[io.StringIO]:
    """What the process logs, in the form that `serve` sets up; the process's logging is put back afterwards."""
    root, names = logging.getLogger(), (None, "uvicorn", "uvicorn.access", "uvicorn.error", "uvicorn.asgi")
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in names}
    yield io.StringIO()
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


class World:
    """A server on a real port, as `serve` runs it, and its two tenants' clients."""

    def __init__(self, url: str, store: FaultyStore, service: Service, log: io.StringIO) -> None:
        self.url, self.store, self.service, self.log = url, store, service, log
        self.tokens = {tenant: make_token(tenant, key=JWT_SECRET, name="Canary-Agent") for tenant in ("acme", "other")}
        self.ids: dict[str, str] = {}
        self.client = httpx.AsyncClient(base_url=url, timeout=DEADLINE, trust_env=False)

    async def call(
        self, method: str, path: str, body: Any = None, tenant: str = "acme", **options: Any
    ) -> httpx.Response:
        headers = {**bearer(self.tokens[tenant]), **options.pop("headers", {})}
        return await self.client.request(method, path, json=body, headers=headers, **options)

    async def webhook(self, body: Any, key: str = WEBHOOK_KEY, path: str = "/api/webhooks/whatsapp") -> int:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return (await self.client.post(path, content=content, headers={"x-api-key": key} if key else {})).status_code


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory, lines: io.StringIO) -> AsyncIterator[World]:
    """The server at the end of its day."""
    settings = Settings(
        database_url=Secret(f"sqlite:///{tmp_path_factory.mktemp('canary')}/canary.db"),
        connection_service_api_key=Secret(API_KEY),
        jwt_secret=Secret(JWT_SECRET),
        webhook_keys=[Secret(WEBHOOK_KEY)],
        log_level="debug",
        send_wait=5.0,
    )
    configure_logging(settings, lines)
    service, metrics = Service(), PrometheusMetrics()
    connector = ConnectionServiceConnector.from_settings(settings, transport=httpx.MockTransport(service))
    store = FaultyStore(DatabaseStore(settings.database_url, metrics=metrics))
    gateway = Gateway(cast(Store, store), {"connection_service": connector}, settings, metrics=metrics)
    with bind("127.0.0.1", 0, advice="") as sock:
        async with answering(Site(create_app(settings, gateway=gateway), sock)):
            for tenant in ("acme", "other"):
                await gateway.store.add_tenant(tenant, tenant.title())
                await gateway.store.add_account(tenant, "ana", "Ana", "admin", HASHER.hash(WORDS["password"]))
            world = World(base_url(sock), store, service, lines)
            async with world.client:
                await live_through(world)
                yield world


async def live_through(world: World) -> None:
    """Let everything happen once that can happen in a day."""
    call = world.call
    for tenant, name in (("acme", WORDS["session"]), ("other", "Other")):
        assert (await call("POST", "/api/whatsapp/connect", {"name": name}, tenant)).status_code == 200
        assert (await call("GET", f"/api/whatsapp/status/{tenant}", tenant=tenant)).status_code == 200
    message = {"tenantId": "acme", "from": f"{PHONE}@c.us", "message": WORDS["text"], "pushName": WORDS["pushName"]}
    group = {"from": f"{PHONE}-1@g.us", "groupName": WORDS["title"], "participant": f"{PHONE}@c.us"}
    for changes in ({}, {}, group, {"tenantId": WORDS["text"].upper()}, {"from": 5}):
        assert await world.webhook({**message, "messageId": f"false_{PHONE}_1", **changes}) == 200
    assert await world.webhook(f"{WORDS['text']} {PHONE}".encode()) == 200
    assert await world.webhook(message, WORDS["wrong key"]) == 401
    assert await world.webhook(message, "", f"/api/webhooks/whatsapp/{WORDS['wrong key']}") == 401
    assert await world.webhook(message, "", f"/api/webhooks/whatsapp/{WEBHOOK_KEY}") == 200
    found = (await call("GET", "/api/conversations", params={"q": WORDS["text"]})).json()["items"]
    world.ids = {"session": "acme", "conversation": found[0]["id"], "message": found[0]["lastMessage"]["id"]}
    await work(world, f"/api/conversations/{found[0]['id']}")
    await knock(world)


async def work(world: World, path: str) -> None:
    """Do what agents do, with sends that end in every way."""
    call, send = world.call, f"{path}/send-message"
    assert (await call("PATCH", path, {"labels": [WORDS["label"]], "assigneeId": WORDS["title"]})).status_code == 200
    assert (await call("POST", f"{path}/notes", {"text": WORDS["note"]})).status_code == 201
    told = f"{WORDS['said']} {API_KEY} {PHONE} {WORDS['text']}"
    world.service.sends += [
        httpx.Response(200, json={"success": True, "messageId": f"true_{PHONE}_2"}),
        httpx.Response(400, json={"success": False, "error": told}),
        httpx.Response(409, json={"success": False, "message": told}),
        httpx.Response(401, text=told),
        httpx.Response(500, text=told),
        httpx.Response(200, text=f"<html>{told}</html>"),
        httpx.ConnectError(told),
        httpx.ReadTimeout(told),
        httpx.RemoteProtocolError(told),
    ]
    for number in range(len(world.service.sends)):
        body = {"text": f"{WORDS['text']} {number}", "to": PHONE}
        reply = await call("POST", send, body, headers={"idempotency-key": f"{WORDS['note']}-{number}"})
        assert reply.status_code in (200, 202, 409, 422, 502, 503, 504), reply.text
        assert not [secret for secret in SECRETS if secret in reply.text]
    file = {"url": f"https://files.test/{WORDS['file']}?token={WORDS['file']}", "filename": WORDS["file"]}
    await call("POST", send, {"text": WORDS["text"], "media": file})
    await call("POST", "/api/conversations", {"to": f"+{PHONE}", "title": WORDS["title"]})


async def knock(world: World) -> None:
    """Come with what is wrong, where it is wrong, and meet a defect."""
    call, words = world.call, WORDS
    query = {"q": words["search"], "token": world.tokens["acme"]}
    for path in (words["text"], f"api/{PHONE}", f"api/conversations/{PHONE}", f"api/messages/{words['text']}/timeline"):
        assert (await call("GET", f"/{path}", params=query)).status_code == 404
    assert (await call("POST", f"/api/conversations/{PHONE}", {"text": words["text"]})).status_code == 405
    assert (await call("POST", "/api/conversations", {words["text"]: PHONE})).status_code == 400
    assert (await call("GET", "/api/conversations", params={"cursor": words["search"]})).status_code == 400
    for password, status in ((words["wrong key"], 401), (words["password"], 200)):
        body = {"tenantId": "acme", "login": "ana", "password": password}
        assert (await world.client.post("/api/auth/login", json=body)).status_code == status
    world.client.cookies.clear()
    await meet_a_defect(world)
    ticket = (await call("POST", "/api/ws-tickets", headers={"origin": world.url})).json()["ticket"]
    world.tokens["ticket"] = ticket
    for asked in (f"ticket={ticket}", f"ticket={ticket}", f"token={world.tokens['acme']}", f"ticket={words['search']}"):
        await look_in(world, asked)
    reader, writer = await asyncio.open_connection(*world.url.removeprefix("http://").split(":"))
    writer.write(f"GET /{words['text']} {PHONE} HTTP/9\r\n{words['text']}\r\n\r\n".encode())
    async with asyncio.timeout(DEADLINE):
        await reader.read()
    writer.close()


async def meet_a_defect(world: World) -> None:
    """Let the store fail as no store should, with words that quote everything."""
    said = f"{WORDS['defect']} {PHONE} {API_KEY}"
    for error in (RuntimeError(said), KeyError(said), ValueError(said), AssertionError(said), LookupError(JWT_SECRET)):
        world.store.faults["conversations"] = error
        reply = await world.call("GET", "/api/conversations", params={"q": WORDS["search"]})
        assert reply.status_code == 500
        assert not [word for word in (*WORDS.values(), *SECRETS) if word in reply.text + str(reply.headers)]
    world.store.faults.clear()


async def look_in(world: World, query: str) -> None:
    """Open a socket as a page does, hear a frame if it is let in, and go."""
    url = f"{world.url.replace('http', 'ws')}/api/ws?{query}"
    with suppress(WebSocketException):
        async with connect(url, origin=cast(Any, world.url), proxy=None) as socket, asyncio.timeout(DEADLINE):
            await socket.recv()


async def test_no_log_line_has_a_secret_or_anybodys_words(world: World) -> None:
    text = world.log.getvalue()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) > 50
    assert {"http.request", "connect", "send", "http.failed", "socket"} <= {line["event"] for line in lines}
    refused = {line["outcome"] for line in lines if line["event"] == "socket"}
    assert refused == {"ok", "not_authenticated"}
    outcomes = {line.get("outcome") for line in lines}
    assert {"internal_error", "message_rejected", "webhook_unauthorized", "unknown_field"} <= outcomes
    hidden = [*WORDS.values(), *SECRETS, *world.tokens.values()]
    forms = {form for word in hidden for form in (word, quote(word), json.dumps(word)[1:-1], repr(word)[1:-1])}
    assert not [(form, line) for form in forms for line in text.splitlines() if form.lower() in line.lower()]


async def test_a_refused_socket_is_no_error_of_the_server(world: World) -> None:
    lines = [json.loads(line) for line in world.log.getvalue().splitlines()]
    errors = {line["event"] for line in lines if line["level"] == "error"}
    # Only what was planted.
    assert errors == {"http.failed"}


async def test_no_answer_to_another_tenant_has_a_word_of_the_first(world: World) -> None:
    foreign = [*WORDS.values(), *SECRETS, *world.tokens.values(), world.ids["conversation"], world.ids["message"]]
    asked = 0
    for row in ROWS:
        if row.method == "GET" and row.path != "/api/events":
            ask = good(row, world.ids)
            reply = await world.call("GET", ask.path, tenant="other")
            assert reply.status_code in (200, 404), row.name
            answer = reply.text + str(reply.headers.multi_items())
            assert not [word for word in foreign if word in answer], row.name
            asked += row.needs is not Needs.NOBODY
    assert asked > 5
