"""Notifications in a real Chromium: the worker, the subscription, what is shown, and where a click leads."""

from __future__ import annotations

import json
import re
import secrets
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Worker, expect

from fivapp_whatsapp.commands.token import issue_token
from fivapp_whatsapp.settings import load_settings
from tests.processes import ROOT, command, program, wait_for

from .browsing import PUSH_HOST, Site, axe, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

# A Chromium without its maker's push service: the subscription is made as one would be, and kept over visits.
SUBSCRIBING = """() => {
  const text = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const bytes = key => Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), c => c.charCodeAt(0));
  const of = kept => ({
    options: {applicationServerKey: bytes(kept.key).buffer},
    toJSON: () => kept.json,
    unsubscribe: async () => { localStorage.removeItem("test.push"); return true; },
  });
  PushManager.prototype.getSubscription = async () => {
    const kept = localStorage.getItem("test.push");
    return kept && of(JSON.parse(kept));
  };
  PushManager.prototype.subscribe = async ({applicationServerKey}) => {
    const pair = await crypto.subtle.generateKey({name: "ECDH", namedCurve: "P-256"}, true, ["deriveBits"]);
    const keys = {
      p256dh: text(await crypto.subtle.exportKey("raw", pair.publicKey)),
      auth: text(crypto.getRandomValues(new Uint8Array(16))),
    };
    const kept = {key: applicationServerKey, json: {endpoint: "https://HOST/" + crypto.randomUUID(), keys}};
    localStorage.setItem("test.push", JSON.stringify(kept));
    return of(kept);
  };
}""".replace("HOST", PUSH_HOST)


def open_notices(page: Page) -> None:
    page.get_by_role("button", name="Sua conta").click()
    page.get_by_role("menuitem", name="Avisos e som").click()
    expect(page.get_by_role("dialog", name="Avisos e som")).to_be_visible()


def devices(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        "fetch('/api/push/subscriptions').then(r => r.json()).then(d => d.items)"
    )
    return found


def switch_on(page: Page) -> None:
    open_notices(page)
    page.get_by_role("switch", name="Avisos de novas mensagens").check()


def test_a_browser_subscribes_comes_again_and_leaves_with_the_log_out(
    page: Page, context: BrowserContext, paired: Site
) -> None:
    context.grant_permissions(["notifications"], origin=paired.url)
    context.add_init_script(f"({SUBSCRIBING})()")
    paired.log_in(page)
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.length)") == 0
    switch_on(page)
    expect(page.get_by_text("você é avisado também com esta página fechada")).to_be_visible()
    (device,) = devices(page)
    assert (device["service"], device["language"], device["stale"]) == (PUSH_HOST, "pt-BR", False)
    assert "Chrome" in device["name"]
    page.get_by_role("button", name="Enviar um aviso de teste").click()
    expect(page.get_by_text("não aceitou agora")).to_be_visible()
    assert axe(page) == []
    with page.expect_response(re.compile("/api/push/subscriptions$")) as told:
        page.reload()
    assert told.value.status == 201
    assert [each["id"] for each in devices(page)] == [device["id"]]
    page.get_by_role("button", name="Sua conta").click()
    with page.expect_response(re.compile("/api/push/subscriptions/")) as left:
        page.get_by_role("menuitem", name="Sair").click()
    assert (left.value.request.method, left.value.status) == ("DELETE", 204)
    page.wait_for_url("**/login*")
    assert page.evaluate("localStorage.getItem('test.push')") is None
    paired.log_in(page)
    eventually(lambda: len(devices(page)) == 1)
    switch = page.get_by_role("switch", name="Avisos de novas mensagens")
    open_notices(page)
    switch.uncheck()
    expect(page.get_by_text("Desligados.")).to_be_visible()
    eventually(lambda: devices(page) == [])


def test_a_browser_that_blocks_them_says_how_they_are_allowed(inbox: Page) -> None:
    inbox.add_init_script("Object.defineProperty(Notification, 'permission', {get: () => 'denied'})")
    inbox.reload()
    open_notices(inbox)
    expect(inbox.get_by_text("permita Notificações e recarregue")).to_be_visible()
    expect(inbox.get_by_role("switch", name="Avisos de novas mensagens")).to_be_disabled()


def without_push(page: Page, context: BrowserContext, paired: Site) -> Worker:
    """Log in where the plugin is not installed, and switch notifications on."""
    context.grant_permissions(["notifications"], origin=paired.url)
    missing = {"status": 404, "code": "plugin_not_installed", "title": "x", "detail": "x"}
    context.route("**/api/push/key", lambda route: route.fulfill(status=404, json=missing))
    paired.log_in(page)
    switch_on(page)
    expect(page.get_by_text("peça a quem administra que instale fivapp-whatsapp-push")).to_be_visible()
    page.get_by_role("button", name="Fechar").click()
    return eventually(lambda: context.service_workers and context.service_workers[0])  # type: ignore[no-any-return]


def shown(worker: Worker) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = worker.evaluate(
        """() => self.registration.getNotifications()
             .then(all => all.map(({title, body, tag, data}) => ({title, body, tag, path: data.path})))"""
    )
    return found


def click(worker: Worker, tag: str) -> None:
    """Click a notification as the browser would, the right to open windows apart."""
    worker.evaluate(
        """async tag => {
          const [notification] = await self.registration.getNotifications({tag});
          self.dispatchEvent(new NotificationEvent("notificationclick", {notification}));
        }""",
        tag,
    )


def test_without_the_plugin_an_open_page_tells_and_a_click_leads_to_the_conversation(
    page: Page, context: BrowserContext, paired: Site
) -> None:
    worker = without_push(page, context, paired)
    page.evaluate("document.hasFocus = () => false; dispatchEvent(new Event('blur'))")
    id = paired.conversation("Nina Avisa", "Alguém aí?")
    (notice,) = eventually(lambda: shown(worker))
    assert (notice["title"], notice["tag"]) == ("Nova mensagem de Nina Avisa", id)
    assert notice["path"].startswith(f"/conversations/{id}?message=")
    expect(page).to_have_title(re.compile(r"^\(\d+\) Conversas"))
    page.get_by_role("link", name="WhatsApp").click()
    expect(page).to_have_title(re.compile(r"^\(\d+\) WhatsApp"))
    click(worker, id)
    page.wait_for_url(f"**/conversations/{id}?message=*")
    expect(page.get_by_role("textbox", name="Mensagem para Nina Avisa")).to_be_visible()
    assert shown(worker) == []


def test_a_push_is_shown_once_for_its_conversation_and_is_never_stored(
    page: Page, context: BrowserContext, paired: Site
) -> None:
    worker = without_push(page, context, paired)
    session = context.new_cdp_session(page)
    registrations: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registrations.extend(each["registrationId"] for each in event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.wait_for_timeout(100)
    where = {"origin": paired.url, "registrationId": registrations[0]}

    def push(text: str) -> None:
        session.send("ServiceWorker.deliverPushMessage", {**where, "data": text})

    data = {"title": "Rita", "body": "Um cliente escreveu.", "tag": "0a", "url": "/conversations/0a?message=0b"}
    push(json.dumps(data))
    assert [each["title"] for each in eventually(lambda: shown(worker))] == ["Rita"]
    push(json.dumps({**data, "unread": 2}))
    eventually(lambda: [each["title"] for each in shown(worker)] == ["Rita (2)"])
    push("no JSON")
    eventually(lambda: {"Fi.VApp", "Rita (2)"} == {each["title"] for each in shown(worker)})
    id = paired.conversation("Olga Vista")
    page.goto(f"{paired.url}/conversations/{id}")
    expect(page.get_by_role("textbox", name="Mensagem para Olga Vista")).to_be_visible()
    push(json.dumps({**data, "title": "Olga Vista", "tag": id}))
    push(json.dumps({**data, "title": "Paula", "tag": "0c"}))
    eventually(lambda: "Paula" in {each["title"] for each in shown(worker)})
    assert "Olga Vista" not in {each["title"] for each in shown(worker)}
    assert page.evaluate("caches.keys()") == []


def test_below_a_prefix_the_worker_has_the_pages_and_nothing_else_of_the_host(
    page: Page, context: BrowserContext, tmp_path: Path
) -> None:
    environment = {
        "FIVAPP_JWT_SECRET": secrets.token_hex(32),
        "CONNECTION_SERVICE_URL": "http://127.0.0.1:9",
        "CONNECTION_SERVICE_API_KEY": secrets.token_hex(16),
        "FIVAPP_PUSH_HOSTS": PUSH_HOST,
    }
    assert command("tenant", "add", "acme", cwd=tmp_path, **environment).returncode == 0
    token = issue_token(load_settings(environment, env_file=None), "acme", "agent")
    server = (
        sys.executable,
        "-m",
        "uvicorn",
        "--app-dir",
        str(ROOT / "examples"),
        "starlette_mount:app",
        "--port",
        "0",
    )
    with program(*server, cwd=tmp_path, **environment) as host:
        wait_for(lambda: "Uvicorn running on" in host.stderr)
        base = host.stderr.partition("Uvicorn running on ")[2].split()[0]
        context.grant_permissions(["notifications"], origin=base)
        context.add_init_script(f"({SUBSCRIBING})()")
        page.goto(f"{base}/whatsapp/conversations#token={token}")
        switch_on(page)
        expect(page.get_by_text("você é avisado também com esta página fechada")).to_be_visible()
        found = page.evaluate("navigator.serviceWorker.getRegistrations().then(all => all.map(each => each.scope))")
        assert found == [f"{base}/whatsapp/"]
        host.end()


def test_what_needs_a_person_is_named_on_every_page_until_it_is_mended(inbox: Page, paired: Site) -> None:
    banner = inbox.get_by_role("alert").filter(has_text="O celular encerrou esta conexão")
    expect(banner).to_have_count(0)
    paired.phone.post("/simulator/sessions/demo/logout").raise_for_status()
    expect(banner).to_be_visible()
    inbox.get_by_role("link", name="Automações").click()
    expect(banner).to_be_visible()
    banner.get_by_role("link", name="Resolver").click()
    inbox.wait_for_url("**/whatsapp-settings")
    inbox.get_by_role("button", name="Reconectar").click()
    expect(inbox.get_by_role("img", name="QR code para conectar o WhatsApp")).to_be_visible()
    expect(banner).to_have_count(0)
    paired.phone.post("/simulator/sessions/demo/scan").raise_for_status()
    expect(inbox.get_by_text("Conectado", exact=True)).to_be_visible()


def test_a_connection_service_that_is_away_is_named_and_so_is_how_many_more_are_in_trouble(
    inbox: Page, paired: Site
) -> None:
    items = paired.api.get("/api/sessions").json()["items"]
    away = [{**items[0], "id": id, "name": id, "problem": "unreachable"} for id in ("Vendas", "Suporte")]
    inbox.route("**/api/sessions?*", lambda route: route.fulfill(json={"items": away, "nextCursor": None, "seq": 0}))
    inbox.reload()
    banner = inbox.get_by_role("alert").filter(has_text="O serviço de conexão não responde")
    expect(banner).to_contain_text("Vendas")
    expect(banner).to_contain_text("e mais 1 número com problema")
